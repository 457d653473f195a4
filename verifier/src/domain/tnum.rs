//! [`Tnum`]: known bits. Operators from Vishwanathan, Shachnai, Narayana and Nagarakatte, "Sound, precise, and fast abstract
//! interpretation with tristate numbers" (CGO 2022).

use super::span::Span;

/// A set of numbers by bits: a bit of `mask` is unknown, any other bit is as in `value`.
///
/// Invariant: `value & mask == 0`. Widths below 64 bits keep the bits above the width at a known 0.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Tnum {
    value: u64,
    mask: u64,
}

/// The low `bits` bits set, for `bits` in `0..=64`.
pub(super) const fn low_mask(bits: u32) -> u64 {
    if bits >= 64 { u64::MAX } else { (1 << bits) - 1 }
}

impl Tnum {
    /// The bits of `value`, those of `mask` unknown.
    pub const fn new(value: u64, mask: u64) -> Self {
        Self { value: value & !mask, mask }
    }

    /// Exactly this number.
    pub const fn constant(value: u64) -> Self {
        Self { value, mask: 0 }
    }

    /// Any number of this many bits.
    pub const fn unknown(bits: u32) -> Self {
        Self { value: 0, mask: low_mask(bits) }
    }

    /// The least tnum with every number of `min..=max`.
    pub const fn range(min: u64, max: u64) -> Self {
        let differing = 64 - (min ^ max).leading_zeros();
        Self::new(min, low_mask(differing))
    }

    /// The known bits that are set; the least member.
    pub const fn value(self) -> u64 {
        self.value
    }

    /// The unknown bits.
    pub const fn mask(self) -> u64 {
        self.mask
    }

    /// The greatest member.
    pub const fn max(self) -> u64 {
        self.value | self.mask
    }

    /// The only member, if there is one.
    pub const fn as_constant(self) -> Option<u64> {
        if self.mask == 0 { Some(self.value) } else { None }
    }

    /// Whether `number` is a member.
    pub const fn contains(self, number: u64) -> bool {
        (number & !self.mask) == self.value
    }

    /// Whether every member of `other` is a member.
    pub const fn covers(self, other: Self) -> bool {
        other.mask & !self.mask == 0 && self.contains(other.value)
    }

    /// What both sets have in common.
    pub const fn intersect(self, other: Self) -> Option<Self> {
        if (self.value ^ other.value) & !self.mask & !other.mask != 0 {
            return None;
        }
        Some(Self::new(self.value | other.value, self.mask & other.mask))
    }

    /// The least tnum with the members of both.
    pub const fn union(self, other: Self) -> Self {
        Self::new(self.value, self.mask | other.mask | (self.value ^ other.value))
    }

    /// The low `bits` bits; the rest becomes 0.
    pub const fn low(self, bits: u32) -> Self {
        Self { value: self.value & low_mask(bits), mask: self.mask & low_mask(bits) }
    }

    /// This tnum with its low `bits` bits taken from `low`.
    pub const fn with_low(self, bits: u32, low: Self) -> Self {
        let keep = !low_mask(bits);
        Self { value: self.value & keep | low.value, mask: self.mask & keep | low.mask }
    }

    /// The low `bits` bits, sign-extended to `to` bits.
    pub const fn sign_extend(self, bits: u32, to: u32) -> Self {
        let shift = 64 - bits;
        let value = ((self.value << shift) as i64 >> shift) as u64;
        let mask = ((self.mask << shift) as i64 >> shift) as u64;
        Self { value, mask }.low(to)
    }

    /// The least member at or above `number`.
    pub const fn at_or_above(self, number: u64) -> Option<u64> {
        if number <= self.value {
            return Some(self.value);
        }
        if number > self.max() {
            return None;
        }
        if self.contains(number) {
            return Some(number);
        }
        // The highest known bit in which `number` is wrong decides. Where the known bit is 1, the bits below become least.
        let wrong = 1 << (63 - ((number ^ self.value) & !self.mask).leading_zeros());
        let below = wrong - 1;
        let above = !(below | wrong);
        if self.value & wrong != 0 {
            return Some(number & above & self.mask | self.value);
        }
        // Where it is 0, the next higher unknown bit that is clear in `number` must be set.
        let room = self.mask & above & !number;
        if room == 0 {
            return None;
        }
        let carry = room & room.wrapping_neg();
        let kept = !(carry | (carry - 1));
        Some(number & kept & self.mask | carry | self.value)
    }

    /// The greatest member at or below `number`.
    pub const fn at_or_below(self, number: u64) -> Option<u64> {
        // Complementing all bits reverses the order.
        let reversed = Self { value: !self.value & !self.mask, mask: self.mask };
        match reversed.at_or_above(!number) {
            Some(found) => Some(!found),
            None => None,
        }
    }

    /// The members within a span, at their ends.
    pub(super) const fn clip(self, span: Span) -> Span {
        match (self.at_or_above(span.lo), self.at_or_below(span.hi)) {
            (Some(lo), Some(hi)) => Span { lo, hi },
            _ => Span::EMPTY,
        }
    }

    /// Sum modulo `2^bits`.
    pub const fn add(self, other: Self, bits: u32) -> Self {
        let masks = self.mask.wrapping_add(other.mask);
        let values = self.value.wrapping_add(other.value);
        let sums = masks.wrapping_add(values);
        let carries = sums ^ values;
        Self::new(values, carries | self.mask | other.mask).low(bits)
    }

    /// Difference modulo `2^bits`.
    pub const fn sub(self, other: Self, bits: u32) -> Self {
        let values = self.value.wrapping_sub(other.value);
        let most = values.wrapping_add(self.mask);
        let least = values.wrapping_sub(other.mask);
        let borrows = most ^ least;
        Self::new(values, borrows | self.mask | other.mask).low(bits)
    }

    /// Bitwise and.
    pub const fn and(self, other: Self) -> Self {
        let value = self.value & other.value;
        Self::new(value, self.max() & other.max() & !value)
    }

    /// Bitwise or.
    pub const fn or(self, other: Self) -> Self {
        let value = self.value | other.value;
        Self::new(value, (self.mask | other.mask) & !value)
    }

    /// Bitwise exclusive or.
    pub const fn xor(self, other: Self) -> Self {
        Self::new(self.value ^ other.value, self.mask | other.mask)
    }

    /// Left shift of a number of `bits` bits by `amount < bits`.
    pub const fn lsh(self, amount: u32, bits: u32) -> Self {
        Self { value: self.value << amount, mask: self.mask << amount }.low(bits)
    }

    /// Logical right shift by `amount < 64`.
    pub const fn rsh(self, amount: u32) -> Self {
        Self { value: self.value >> amount, mask: self.mask >> amount }
    }

    /// Arithmetic right shift of a number of `bits` bits by `amount < bits`.
    pub const fn arsh(self, amount: u32, bits: u32) -> Self {
        let wide = self.sign_extend(bits, 64);
        Self { value: (wide.value as i64 >> amount) as u64, mask: (wide.mask as i64 >> amount) as u64 }
            .low(bits)
    }

    /// Product modulo `2^bits`: the paper's `our_mul`, certain partial products apart from uncertain ones.
    pub const fn mul(self, other: Self, bits: u32) -> Self {
        let certain = self.value.wrapping_mul(other.value);
        let (mut left, mut right) = (self, other);
        let mut uncertain = Self::constant(0);
        while left.max() != 0 {
            if left.value & 1 != 0 {
                uncertain = uncertain.add(Self::new(0, right.mask), 64);
            } else if left.mask & 1 != 0 {
                uncertain = uncertain.add(Self::new(0, right.max()), 64);
            }
            left = left.rsh(1);
            right = right.lsh(1, 64);
        }
        Self::constant(certain).add(uncertain, 64).low(bits)
    }

    /// Number of low bits that are known to be 0; 64 for a known 0.
    pub const fn trailing_zeros(self) -> u32 {
        self.max().trailing_zeros()
    }

    /// The bytes of the low `bits` bits in reverse order, for `bits` of 16, 32 or 64.
    pub const fn swap_bytes(self, bits: u32) -> Self {
        let shift = 64 - bits;
        Self { value: (self.value << shift).swap_bytes(), mask: (self.mask << shift).swap_bytes() }.low(bits)
    }
}
