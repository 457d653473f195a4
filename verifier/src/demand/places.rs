//! Sets of places: half slots of a stack, and what is wanted of one frame.

use crate::liveness::LiveRegs;

/// Half slots of one stack: half `n` is the four bytes from `fp - 4 * (n + 1)`.
///
/// The last two stand for everything below 504 bytes, too: they may be read, but are never known to be overwritten.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Halves(u128);

/// The halves that stand for more than themselves.
const SHARED: u128 = 0b11 << 126;

/// Bits `first..last`; beyond the last bit there are none.
fn bits(first: i64, last: i64) -> u128 {
    let below = |bit: i64| match u32::try_from(bit.max(0)) {
        Ok(bit) if bit < 128 => (1u128 << bit) - 1,
        Ok(_) | Err(_) => u128::MAX,
    };
    below(last) & !below(first)
}

impl Halves {
    /// None.
    pub(crate) const NONE: Self = Self(0);
    /// All.
    pub(crate) const ALL: Self = Self(u128::MAX);

    /// Those with some byte of `start..end`, offsets from the frame pointer.
    pub(crate) fn touched(start: i64, end: i64) -> Self {
        let end = end.min(0);
        if start >= end {
            return Self::NONE;
        }
        let (first, last) = (-end / 4, start.saturating_neg().saturating_add(3) / 4);
        let beyond = if last > 126 { SHARED } else { 0 };
        Self(bits(first, last) | beyond)
    }

    /// Those with all bytes in `start..end`.
    pub(crate) fn covered(start: i64, end: i64) -> Self {
        let end = end.min(0);
        if start >= end {
            return Self::NONE;
        }
        Self(bits((3 - end) / 4, start.saturating_neg() / 4) & !SHARED)
    }

    /// The halves of every slot with some byte of `start..end`.
    pub(crate) fn slots_touched(start: i64, end: i64) -> Self {
        Self::touched(start - start.rem_euclid(8), end + (8 - end.rem_euclid(8)) % 8)
    }

    /// Both halves of slot number `slot`.
    pub(crate) fn slot(slot: usize) -> Self {
        let top = -8 * i64::try_from(slot).unwrap_or(i64::MAX / 8 - 1);
        Self::touched(top - 8, top)
    }

    /// The lower and the upper half of slot number `slot`.
    pub(crate) fn of_slot(self, slot: usize) -> [bool; 2] {
        let slot = slot.min(63);
        [self.0 >> (2 * slot + 1) & 1 == 1, self.0 >> (2 * slot) & 1 == 1]
    }

    pub(crate) fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub(crate) fn minus(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    pub(crate) fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    pub(crate) fn is_empty(self) -> bool {
        self.0 == 0
    }
}

/// What later instructions want of one frame.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Wants {
    /// Registers whose numbers they rely on.
    pub(crate) regs: LiveRegs,
    /// Stack that they read.
    pub(crate) live: Halves,
    /// Stack whose numbers they rely on.
    pub(crate) exact: Halves,
}

impl Wants {
    /// Everything.
    pub(crate) const ALL: Self = Self { regs: LiveRegs::ALL, live: Halves::ALL, exact: Halves::ALL };

    pub(crate) fn union(self, other: Self) -> Self {
        Self {
            regs: self.regs.union(other.regs),
            live: self.live.union(other.live),
            exact: self.exact.union(other.exact),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The half that holds the byte at `offset`.
    fn half(offset: i64) -> u32 {
        u32::try_from((-offset - 1) / 4).expect("below the frame pointer")
    }

    #[test]
    fn every_span_touches_its_bytes_and_covers_only_whole_halves() {
        for start in -520..0 {
            for end in start..=0 {
                let (touched, covered) = (Halves::touched(start, end), Halves::covered(start, end));
                let mut wanted = 0u128;
                let mut whole = 0u128;
                for at in start..end {
                    wanted |= 1 << half(at).min(127);
                    let first = at - at.rem_euclid(4);
                    if first >= start && first + 4 <= end && half(at) < 126 {
                        whole |= 1 << half(at);
                    }
                }
                if wanted & SHARED != 0 {
                    wanted |= SHARED;
                }
                assert_eq!(touched.0, wanted, "{start}..{end}");
                assert_eq!(covered.0, whole, "{start}..{end}");
            }
        }
    }

    #[test]
    fn slots_have_a_lower_and_an_upper_half() {
        assert_eq!(Halves::touched(-8, -4).of_slot(0), [true, false]);
        assert_eq!(Halves::touched(-4, 0).of_slot(0), [false, true]);
        assert_eq!(Halves::touched(-24, -16).of_slot(2), [true, true]);
        assert_eq!(Halves::slots_touched(-13, -12), Halves::touched(-16, -8));
        assert_eq!(Halves::slots_touched(-16, -8), Halves::touched(-16, -8));
    }
}
