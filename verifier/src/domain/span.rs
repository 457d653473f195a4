//! [`Span`] and [`Halves`]: intervals of numbers, and the two sign halves that an unsigned and a signed range describe together.

use super::tnum::low_mask;

/// The numbers `lo..=hi`; none when `lo > hi`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Span {
    pub(crate) lo: u64,
    pub(crate) hi: u64,
}

impl Span {
    pub(crate) const EMPTY: Self = Self { lo: 1, hi: 0 };

    pub(crate) const fn new(lo: u64, hi: u64) -> Self {
        Self { lo, hi }
    }

    pub(crate) const fn is_empty(self) -> bool {
        self.lo > self.hi
    }

    pub(crate) fn intersect(self, other: Self) -> Self {
        Self { lo: self.lo.max(other.lo), hi: self.hi.min(other.hi) }
    }

    /// The least span around both.
    pub(crate) fn hull(self, other: Self) -> Self {
        if self.is_empty() {
            other
        } else if other.is_empty() {
            self
        } else {
            Self { lo: self.lo.min(other.lo), hi: self.hi.max(other.hi) }
        }
    }
}

/// A set of numbers of some width as at most one span without and one with the sign bit, both as unsigned numbers.
///
/// This is exactly what an unsigned range and a signed range say together: the outer ends are the unsigned range, the inner
/// ends the signed one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Halves {
    /// The sign bit is clear.
    pub(crate) plus: Span,
    /// The sign bit is set.
    pub(crate) minus: Span,
}

/// The number of `bits` bits as a signed one.
pub(crate) const fn to_signed(number: u64, bits: u32) -> i64 {
    let shift = 64 - bits;
    ((number << shift) as i64) >> shift
}

impl Halves {
    pub(crate) const EMPTY: Self = Self { plus: Span::EMPTY, minus: Span::EMPTY };

    /// What both ranges allow.
    pub(crate) fn of_ranges(umin: u64, umax: u64, smin: i64, smax: i64, bits: u32) -> Self {
        let sign = 1 << (bits - 1);
        let all = low_mask(bits);
        let unsigned = Span::new(umin, umax);
        let plus = if smax < 0 {
            Span::EMPTY
        } else {
            unsigned.intersect(Span::new(smin.max(0) as u64, (smax as u64).min(sign - 1)))
        };
        let minus = if smin >= 0 {
            Span::EMPTY
        } else {
            unsigned.intersect(Span::new((smin as u64) & all, (smax.min(-1) as u64) & all))
        };
        Self { plus, minus }
    }

    /// The parts of one span.
    pub(crate) fn of_span(span: Span, bits: u32) -> Self {
        let sign = 1 << (bits - 1);
        Self {
            plus: span.intersect(Span::new(0, sign - 1)),
            minus: span.intersect(Span::new(sign, low_mask(bits))),
        }
    }

    pub(crate) fn is_empty(self) -> bool {
        self.plus.is_empty() && self.minus.is_empty()
    }

    /// Whether both are the same set.
    pub(crate) fn same(self, other: Self) -> bool {
        let alike = |one: Span, other: Span| one == other || one.is_empty() && other.is_empty();
        alike(self.plus, other.plus) && alike(self.minus, other.minus)
    }

    pub(crate) fn intersect(self, other: Self) -> Self {
        Self { plus: self.plus.intersect(other.plus), minus: self.minus.intersect(other.minus) }
    }

    /// The least halves around both.
    pub(crate) fn hull(self, other: Self) -> Self {
        Self { plus: self.plus.hull(other.plus), minus: self.minus.hull(other.minus) }
    }

    /// Least and greatest number, unsigned. Not for an empty set.
    pub(crate) fn unsigned(self) -> Span {
        self.plus.hull(self.minus)
    }

    /// Least and greatest number, signed. Not for an empty set.
    pub(crate) fn signed(self, bits: u32) -> (i64, i64) {
        let first = if self.minus.is_empty() { self.plus.lo } else { self.minus.lo };
        let last = if self.plus.is_empty() { self.minus.hi } else { self.plus.hi };
        (to_signed(first, bits), to_signed(last, bits))
    }

    /// The low `bits` bits of all members that `within` also allows.
    pub(crate) fn low(self, bits: u32, within: Self) -> Self {
        low_of_span(self.plus, bits, within).hull(low_of_span(self.minus, bits, within))
    }

    /// The least member at or above `number` in the low `bits` bits, whatever the bits above.
    fn low_at_or_above(self, number: u64, bits: u32) -> Option<u64> {
        let all = low_mask(bits);
        let low = number & all;
        for span in [self.plus, self.minus] {
            if !span.is_empty() && low <= span.hi {
                return Some(number & !all | low.max(span.lo));
            }
        }
        let carried = (number | all).checked_add(1)?;
        (!self.is_empty()).then(|| carried | self.unsigned().lo)
    }

    /// The greatest member at or below `number` in the low `bits` bits, whatever the bits above.
    fn low_at_or_below(self, number: u64, bits: u32) -> Option<u64> {
        let all = low_mask(bits);
        let low = number & all;
        for span in [self.minus, self.plus] {
            if !span.is_empty() && low >= span.lo {
                return Some(number & !all | low.min(span.hi));
            }
        }
        let borrowed = (number & !all).checked_sub(1)?;
        (!self.is_empty()).then(|| borrowed & !all | self.unsigned().hi)
    }

    /// The numbers of `span` whose low `bits` bits are members, at their ends.
    pub(crate) fn clip_by_low(self, span: Span, bits: u32) -> Span {
        if span.is_empty() {
            return span;
        }
        match (self.low_at_or_above(span.lo, bits), self.low_at_or_below(span.hi, bits)) {
            (Some(lo), Some(hi)) => Span { lo, hi },
            _ => Span::EMPTY,
        }
    }
}

fn low_of_span(span: Span, bits: u32, within: Halves) -> Halves {
    if span.is_empty() {
        return Halves::EMPTY;
    }
    let all = low_mask(bits);
    if span.hi - span.lo >= all {
        return within;
    }
    let (first, last) = (span.lo & all, span.hi & all);
    if first <= last {
        return Halves::of_span(Span::new(first, last), bits).intersect(within);
    }
    let upper = Halves::of_span(Span::new(first, all), bits).intersect(within);
    let lower = Halves::of_span(Span::new(0, last), bits).intersect(within);
    upper.hull(lower)
}
