//! And, or, exclusive or. Operands that may have either sign are taken apart first: each half has a known sign bit and its
//! own leading bits, which one tnum over both would lose.

use opswap_bpf::insn::AluOp;

use super::Word;
use crate::domain::span::{Halves, Span};

impl<const N: u32> Word<N> {
    /// The members of one sign, if there are any; `None` twice never happens.
    pub(super) fn by_sign(&self) -> [Option<Self>; 2] {
        let halves = self.halves();
        let part = |half: Span, halves: Halves| {
            if half.is_empty() {
                return None;
            }
            let mut word = *self;
            word.set_halves(halves);
            word.reduced()
        };
        [
            part(halves.plus, Halves { minus: Span::EMPTY, ..halves }),
            part(halves.minus, Halves { plus: Span::EMPTY, ..halves }),
        ]
    }

    /// Joins what an operation gives for each pair of signs.
    pub(super) fn for_each_sign(&self, other: &Self, operation: impl Fn(&Self, &Self) -> Self) -> Self {
        let one_sign = |word: &Self| (word.umin ^ word.umax) & Self::SIGN == 0;
        if one_sign(self) && one_sign(other) {
            return operation(self, other);
        }
        let mut joined: Option<Self> = None;
        for left in self.by_sign().iter().flatten() {
            for right in other.by_sign().iter().flatten() {
                let result = operation(left, right);
                joined = Some(joined.map_or(result, |so_far| so_far.union(&result)));
            }
        }
        joined.unwrap_or(Self::UNKNOWN)
    }

    pub(super) fn bitwise(&self, op: AluOp, other: &Self) -> Self {
        if *self == Self::UNKNOWN || *other == Self::UNKNOWN {
            return Self::bitwise_one_sign(op, self, other);
        }
        self.for_each_sign(other, |left, right| Self::bitwise_one_sign(op, left, right))
    }

    fn bitwise_one_sign(op: AluOp, left: &Self, right: &Self) -> Self {
        let mut word = Self::UNKNOWN;
        if op == AluOp::And {
            word.tnum = left.tnum.and(right.tnum);
            word.umax = left.umax.min(right.umax);
            // What `y` clears of `x` is at most `!y`: `x & y >= x - !y`, and that is the same the other way round.
            word.umin = left.umin.saturating_sub(Self::MASK - right.umin);
        } else if op == AluOp::Or {
            word.tnum = left.tnum.or(right.tnum);
            word.umin = left.umin.max(right.umin);
            word.umax = left.umax.saturating_add(right.umax).min(Self::MASK);
        } else {
            word.tnum = left.tnum.xor(right.tnum);
            word.umax = left.umax.saturating_add(right.umax).min(Self::MASK);
            word.umin = xor_least(left, right).max(xor_least(right, left));
        }
        // One operand is of one sign only when the other is unknown as a whole; the tnum then says all about the sign.
        word.reduced_or_unknown()
    }
}

/// `x ^ y >= x - y`: a lower bound of the exclusive or.
fn xor_least<const N: u32>(left: &Word<N>, right: &Word<N>) -> u64 {
    left.umin.saturating_sub(right.umax)
}
