//! [`Word`]: known bits, an unsigned and a signed range of a number of `N` bits, reduced against each other.
//!
//! | file | owns |
//! |---|---|
//! | `arith` | sums, differences, products, negation |
//! | `bitwise` | and, or, exclusive or |
//! | `shift` | the three shifts |
//! | `divide` | quotients and remainders, signed and unsigned |
//! | `eval` | the operations on concrete numbers |

mod arith;
mod bitwise;
mod divide;
mod eval;
mod shift;

use opswap_bpf::insn::AluOp;

use super::span::{Halves, Span, to_signed};
use super::tnum::{Tnum, low_mask};

/// A non-empty set of numbers of `N` bits, `1 < N <= 64`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Word<const N: u32> {
    pub(super) tnum: Tnum,
    pub(super) umin: u64,
    pub(super) umax: u64,
    pub(super) smin: i64,
    pub(super) smax: i64,
}

impl<const N: u32> Word<N> {
    /// All bits.
    pub(super) const MASK: u64 = low_mask(N);
    /// The sign bit.
    pub(super) const SIGN: u64 = 1 << (N - 1);
    /// Least signed number.
    pub(super) const SMIN: i64 = i64::MIN >> (64 - N);
    /// Greatest signed number.
    pub(super) const SMAX: i64 = i64::MAX >> (64 - N);
    /// Every number.
    pub(super) const UNKNOWN: Self =
        Self { tnum: Tnum::unknown(N), umin: 0, umax: Self::MASK, smin: Self::SMIN, smax: Self::SMAX };

    /// Exactly one number, of which the low `N` bits count.
    pub(super) const fn constant(number: u64) -> Self {
        let number = number & Self::MASK;
        let signed = to_signed(number, N);
        Self { tnum: Tnum::constant(number), umin: number, umax: number, smin: signed, smax: signed }
    }

    pub(super) const fn as_constant(self) -> Option<u64> {
        if self.umin == self.umax { Some(self.umin) } else { None }
    }

    /// The numbers of `bits` bits, `bits <= N`.
    pub(super) const fn of_bits(bits: u32) -> Self {
        if bits == N {
            return Self::UNKNOWN;
        }
        let umax = low_mask(bits);
        Self { tnum: Tnum::unknown(bits), umin: 0, umax, smin: 0, smax: umax as i64 }
    }

    /// The numbers of a tnum.
    pub(super) fn of_tnum(tnum: Tnum) -> Self {
        Self { tnum, ..Self::UNKNOWN }.reduced_or_unknown()
    }

    /// The numbers of an unsigned range, `min <= max`.
    pub(super) fn of_unsigned(min: u64, max: u64) -> Self {
        Self { umin: min, umax: max, ..Self::UNKNOWN }.reduced_or_unknown()
    }

    /// The numbers of a signed range, `min <= max`.
    pub(super) fn of_signed(min: i64, max: i64) -> Self {
        Self { smin: min, smax: max, ..Self::UNKNOWN }.reduced_or_unknown()
    }

    /// Whether this number of `N` bits is a member.
    pub(super) fn contains(&self, number: u64) -> bool {
        let signed = to_signed(number, N);
        self.tnum.contains(number)
            && self.umin <= number
            && number <= self.umax
            && self.smin <= signed
            && signed <= self.smax
    }

    /// Whatever the ranges say, by sign.
    pub(super) fn halves(&self) -> Halves {
        Halves::of_ranges(self.umin, self.umax, self.smin, self.smax, N)
    }

    /// Replaces both ranges.
    pub(super) fn set_halves(&mut self, halves: Halves) {
        let unsigned = halves.unsigned();
        (self.umin, self.umax) = (unsigned.lo, unsigned.hi);
        (self.smin, self.smax) = halves.signed(N);
    }

    /// Tightens bits and ranges as far as they determine each other; `None` when nothing is left.
    ///
    /// One pass is exact: the ends of both halves are members of the tnum afterwards, and the tnum that the halves imply
    /// contains those ends, so that another pass finds nothing.
    pub(super) fn reduced(mut self) -> Option<Self> {
        let mut halves = self.halves();
        if self.tnum.mask() != Self::MASK {
            halves.plus = self.clip(halves.plus);
            halves.minus = self.clip(halves.minus);
        }
        if halves.is_empty() {
            return None;
        }
        let implied = match (halves.plus.is_empty(), halves.minus.is_empty()) {
            (false, true) => Tnum::range(halves.plus.lo, halves.plus.hi),
            (true, _) => Tnum::range(halves.minus.lo, halves.minus.hi),
            (false, false) => Tnum::range(halves.plus.lo, halves.plus.hi)
                .union(Tnum::range(halves.minus.lo, halves.minus.hi)),
        };
        self.tnum = self.tnum.intersect(implied)?;
        self.set_halves(halves);
        Some(self)
    }

    fn clip(&self, span: Span) -> Span {
        if span.is_empty() { span } else { self.tnum.clip(span) }
    }

    /// For results of operators, which are never empty: an empty one would be our mistake, and `unknown` is always right.
    pub(super) fn reduced_or_unknown(self) -> Self {
        let reduced = self.reduced();
        debug_assert!(reduced.is_some(), "an operator contradicted itself: {self:x?}");
        reduced.unwrap_or(Self::UNKNOWN)
    }

    /// What both allow.
    pub(super) fn intersect(&self, other: &Self) -> Option<Self> {
        Self {
            tnum: self.tnum.intersect(other.tnum)?,
            umin: self.umin.max(other.umin),
            umax: self.umax.min(other.umax),
            smin: self.smin.max(other.smin),
            smax: self.smax.min(other.smax),
        }
        .reduced()
    }

    /// The least word around both.
    pub(super) fn union(&self, other: &Self) -> Self {
        Self {
            tnum: self.tnum.union(other.tnum),
            umin: self.umin.min(other.umin),
            umax: self.umax.max(other.umax),
            smin: self.smin.min(other.smin),
            smax: self.smax.max(other.smax),
        }
        .reduced_or_unknown()
    }

    /// The same numbers in a wider word, zero-extended.
    pub(super) fn zero_extend<const M: u32>(self) -> Word<M> {
        Word { tnum: self.tnum, umin: self.umin, umax: self.umax, ..Word::UNKNOWN }.reduced_or_unknown()
    }

    /// A two-operand operation.
    pub(super) fn alu(op: AluOp, left: &Self, right: &Self) -> Self {
        if let (Some(left), Some(right)) = (left.as_constant(), right.as_constant()) {
            return Self::constant(Self::eval(op, left, right));
        }
        match op {
            AluOp::Add => left.add(right),
            AluOp::Sub => left.sub(right),
            AluOp::Mul => left.mul(right),
            AluOp::Div => left.div(right),
            AluOp::Sdiv => left.sdiv(right),
            AluOp::Mod => left.modulo(right),
            AluOp::Smod => left.smod(right),
            AluOp::And | AluOp::Or | AluOp::Xor => left.bitwise(op, right),
            AluOp::Lsh | AluOp::Rsh | AluOp::Arsh => left.shift(op, right),
        }
    }
}
