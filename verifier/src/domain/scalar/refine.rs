//! What a branch teaches about its operands, on either side.

use opswap_bpf::insn::{JmpOp, Width};

use super::ScalarOf;
use crate::domain::tnum::{Tnum, low_mask};
use crate::domain::word::Word;

/// Both operands after a branch; `None` where that side cannot be reached.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Refined<S> {
    /// When the condition holds: `(dst, src)`.
    pub taken: Option<(S, S)>,
    /// When it does not.
    pub not_taken: Option<(S, S)>,
}

/// Order of an inequality.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Order {
    Unsigned,
    Signed,
}

/// Whether equality satisfies an inequality.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Strict {
    Yes,
    No,
}

/// The conditions that are told apart; every jump and its negation is one of them, with its operands in one order or the other.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Relation {
    Equal,
    Different,
    /// A bit is set in both.
    Overlap,
    /// No bit is set in both.
    Disjoint,
    /// The first is below the second.
    Below(Order, Strict),
    /// The second is below the first.
    Above(Order, Strict),
}

fn relations(op: JmpOp) -> (Relation, Relation) {
    use Order::{Signed, Unsigned};
    use Relation::{Above, Below, Different, Disjoint, Equal, Overlap};
    let (no, yes) = (Strict::No, Strict::Yes);
    match op {
        JmpOp::Eq => (Equal, Different),
        JmpOp::Ne => (Different, Equal),
        JmpOp::Set => (Overlap, Disjoint),
        JmpOp::Gt => (Above(Unsigned, yes), Below(Unsigned, no)),
        JmpOp::Ge => (Above(Unsigned, no), Below(Unsigned, yes)),
        JmpOp::Lt => (Below(Unsigned, yes), Above(Unsigned, no)),
        JmpOp::Le => (Below(Unsigned, no), Above(Unsigned, yes)),
        JmpOp::Sgt => (Above(Signed, yes), Below(Signed, no)),
        JmpOp::Sge => (Above(Signed, no), Below(Signed, yes)),
        JmpOp::Slt => (Below(Signed, yes), Above(Signed, no)),
        JmpOp::Sle => (Below(Signed, no), Above(Signed, yes)),
    }
}

impl<const N: u32, const H: u32> ScalarOf<N, H> {
    /// What a branch on `dst op src` teaches about both operands.
    pub fn refine(op: JmpOp, width: Width, dst: &Self, src: &Self) -> Refined<Self> {
        let (taken, not_taken) = relations(op);
        Refined {
            taken: Self::assume(taken, width, dst, src),
            not_taken: Self::assume(not_taken, width, dst, src),
        }
    }

    fn assume(relation: Relation, width: Width, dst: &Self, src: &Self) -> Option<(Self, Self)> {
        match width {
            Width::W64 => {
                let (left, right) = assume_words(relation, &dst.word(), &src.word())?;
                Some((dst.with_word(left)?, src.with_word(right)?))
            }
            Width::W32 => {
                let (left, right) = assume_words(relation, &dst.half(), &src.half())?;
                let (mut dst, mut src) = (dst.with_half(left)?, src.with_half(right)?);
                if relation == Relation::Different {
                    if let Some(not) = src.as_constant32() {
                        dst = dst.without_low(not)?;
                    }
                    if let Some(not) = dst.as_constant32() {
                        src = src.without_low(not)?;
                    }
                }
                Some((dst, src))
            }
        }
    }

    fn with_word(&self, word: Word<N>) -> Option<Self> {
        if word == self.word() { Some(*self) } else { Self::reduced(word, self.half()) }
    }

    fn with_half(&self, half: Word<H>) -> Option<Self> {
        if half == self.half() { Some(*self) } else { Self::reduced(self.word(), half) }
    }

    /// Takes away the numbers with this low half that stand at an end of a range.
    fn without_low(&self, low: u32) -> Option<Self> {
        let mut word = self.word();
        let mut halves = word.halves();
        for span in [&mut halves.plus, &mut halves.minus] {
            if span.is_empty() {
                continue;
            }
            let low_of = |end: u64| end & low_mask(H);
            if low_of(span.lo) == u64::from(low) && low_of(span.hi) == u64::from(low) && span.lo == span.hi {
                *span = crate::domain::span::Span::EMPTY;
                continue;
            }
            span.lo += u64::from(low_of(span.lo) == u64::from(low));
            span.hi -= u64::from(low_of(span.hi) == u64::from(low));
        }
        if halves.is_empty() {
            return None;
        }
        word.set_halves(halves);
        self.with_word(word.reduced()?)
    }
}

/// Both words under the assumption that the relation holds; `None` when it cannot.
fn assume_words<const N: u32>(
    relation: Relation,
    left: &Word<N>,
    right: &Word<N>,
) -> Option<(Word<N>, Word<N>)> {
    match relation {
        Relation::Equal => {
            let both = left.intersect(right)?;
            Some((both, both))
        }
        Relation::Different => {
            let first = right.as_constant().map_or(Some(*left), |not| left.without(not))?;
            let second = left.as_constant().map_or(Some(*right), |not| right.without(not))?;
            Some((first, second))
        }
        Relation::Overlap => overlap(left, right),
        Relation::Disjoint => {
            if left.tnum.value() & right.tnum.value() != 0 {
                return None;
            }
            let first = left.with_tnum(left.tnum.and(Tnum::new(!right.tnum.value(), 0)))?;
            let second = right.with_tnum(right.tnum.and(Tnum::new(!left.tnum.value(), 0)))?;
            Some((first, second))
        }
        Relation::Below(order, strict) => below(order, strict, left, right),
        Relation::Above(order, strict) => below(order, strict, right, left).map(|(low, high)| (high, low)),
    }
}

fn overlap<const N: u32>(left: &Word<N>, right: &Word<N>) -> Option<(Word<N>, Word<N>)> {
    let candidates = left.tnum.max() & right.tnum.max();
    if candidates == 0 {
        return None;
    }
    let (mut first, mut second) = (*left, *right);
    if candidates.is_power_of_two() {
        first = first.with_tnum(first.tnum.or(Tnum::constant(candidates)))?;
        second = second.with_tnum(second.tnum.or(Tnum::constant(candidates)))?;
    }
    Some((first.without(0)?, second.without(0)?))
}

fn below<const N: u32>(
    order: Order,
    strict: Strict,
    low: &Word<N>,
    high: &Word<N>,
) -> Option<(Word<N>, Word<N>)> {
    let (mut low, mut high) = (*low, *high);
    let step = match strict {
        Strict::Yes => 1,
        Strict::No => 0,
    };
    let (low_before, high_before) = (low, high);
    match order {
        Order::Unsigned => {
            low.umax = low.umax.min(high.umax.checked_sub(step)?);
            high.umin = high.umin.max(low.umin.checked_add(step)?);
        }
        Order::Signed => {
            let step = step as i64;
            low.smax = low.smax.min(high.smax.checked_sub(step)?);
            high.smin = high.smin.max(low.smin.checked_add(step)?);
        }
    }
    Some((low.reduced_from(&low_before)?, high.reduced_from(&high_before)?))
}

impl<const N: u32> Word<N> {
    /// Reduced, where it is no longer the reduced word that it was.
    fn reduced_from(self, before: &Self) -> Option<Self> {
        if self == *before { Some(self) } else { self.reduced() }
    }

    fn with_tnum(mut self, tnum: Tnum) -> Option<Self> {
        if tnum == self.tnum {
            return Some(self);
        }
        self.tnum = tnum;
        self.reduced()
    }

    /// Takes away one number, as far as that can be expressed.
    fn without(mut self, number: u64) -> Option<Self> {
        if !self.contains(number) {
            return Some(self);
        }
        if self.tnum.mask().is_power_of_two() {
            // Two members: the other one is left.
            return Some(Self::constant(number ^ self.tnum.mask()))
                .filter(|other| other.umin != number && self.contains(other.umin));
        }
        let signed = Self::constant(number).smin;
        if self.umin == self.umax {
            return None;
        }
        let before = self;
        self.umin += u64::from(self.umin == number);
        self.umax -= u64::from(self.umax == number);
        self.smin += i64::from(self.smin == signed);
        self.smax -= i64::from(self.smax == signed);
        self.reduced_from(&before)
    }
}
