//! Moves, extensions, truncations and byte order.

use opswap_bpf::insn::{Size, SwapBits, SwapKind, SxBits, Width};

use super::ScalarOf;
use crate::domain::span::Halves;
use crate::domain::tnum::{Tnum, low_mask};
use crate::domain::word::Word;

impl<const N: u32, const H: u32> ScalarOf<N, H> {
    /// The low half, zero-extended: what a 32-bit move leaves.
    #[must_use]
    pub fn mov32(&self) -> Self {
        if self.umax <= low_mask(H) {
            return *self;
        }
        Self::of_half(self.half())
    }

    /// The low bytes, zero-extended: what a store and a load of this size give back.
    #[must_use]
    pub fn truncate(&self, size: Size) -> Self {
        self.zero_extended_from(size.bits())
    }

    /// The result of a sign-extending move from the low bits.
    #[must_use]
    pub fn movsx(&self, width: Width, bits: SxBits) -> Self {
        let bits = match bits {
            SxBits::B8 => 8,
            SxBits::B16 => 16,
            SxBits::B32 => 32,
        };
        self.sign_extended_from(bits, width)
    }

    /// The low `bits` bits, zero-extended.
    #[must_use]
    pub fn zero_extended_from(&self, bits: u32) -> Self {
        // Nothing is cut off.
        if bits >= N || self.umax <= low_mask(bits) {
            return *self;
        }
        let span = self.low_halves(bits).unsigned();
        let word = Word { tnum: self.tnum.low(bits), umin: span.lo, umax: span.hi, ..Word::UNKNOWN };
        Self::reduced_or_unknown(word.reduced_or_unknown(), self.half_below(bits))
    }

    /// The low `bits` bits, sign-extended to the width of the operation.
    #[must_use]
    pub fn sign_extended_from(&self, bits: u32, width: Width) -> Self {
        let target = match width {
            Width::W64 => N,
            Width::W32 => H,
        };
        if bits >= target {
            return self.zero_extended_from(target);
        }
        let (smin, smax) = self.low_halves(bits).signed(bits);
        let tnum = self.tnum.sign_extend(bits, target);
        match width {
            Width::W64 => {
                let word = Word { tnum, smin, smax, ..Word::UNKNOWN };
                Self::reduced_or_unknown(word.reduced_or_unknown(), self.half_below(bits))
            }
            Width::W32 => {
                let half = Word { tnum, smin, smax, ..Word::UNKNOWN };
                Self::of_half(half.reduced_or_unknown())
            }
        }
    }

    /// The low half, where an extension from `bits` bits leaves it alone.
    fn half_below(&self, bits: u32) -> Word<H> {
        if bits >= H { self.half() } else { Word::UNKNOWN }
    }

    /// What the low `bits < N` bits may be.
    fn low_halves(&self, bits: u32) -> Halves {
        let any =
            Halves::of_ranges(0, low_mask(bits), i64::MIN >> (64 - bits), i64::MAX >> (64 - bits), bits);
        let of_word = self.word().halves().low(bits, any);
        if bits < H {
            self.half().halves().low(bits, of_word)
        } else if bits == H {
            self.half().halves()
        } else {
            of_word
        }
    }

    /// The result of a byte order conversion on a little-endian machine.
    #[must_use]
    pub fn byteswap(&self, kind: SwapKind, bits: SwapBits) -> Self {
        let bits = match bits {
            SwapBits::B16 => 16,
            SwapBits::B32 => 32,
            SwapBits::B64 => 64,
        };
        match kind {
            SwapKind::ToLe => self.zero_extended_from(bits),
            SwapKind::ToBe | SwapKind::Bswap => {
                let swapped: Tnum = self.zero_extended_from(bits).tnum.swap_bytes(bits);
                Self::of_tnum(swapped)
            }
        }
    }
}
