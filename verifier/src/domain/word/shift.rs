//! The three shifts: exact for a known amount; otherwise the join over all amounts that the operand allows.

use opswap_bpf::insn::AluOp;

use super::Word;

impl<const N: u32> Word<N> {
    pub(super) fn shift(&self, op: AluOp, amount: &Self) -> Self {
        if let Some(known) = amount.as_constant() {
            return self.shift_by(op, Self::shift_amount(known));
        }
        let mut joined: Option<Self> = None;
        for by in 0..N {
            if amount.may_shift_by(by) {
                let result = self.shift_by(op, by);
                joined = Some(joined.map_or(result, |so_far| so_far.union(&result)));
            }
        }
        joined.unwrap_or(Self::UNKNOWN)
    }

    /// Whether some member is `by` modulo the width.
    fn may_shift_by(&self, by: u32) -> bool {
        let by = u64::from(by);
        if self.umax < u64::from(N) {
            return self.umin <= by && by <= self.umax && self.tnum.contains(by);
        }
        !N.is_power_of_two() || self.tnum.low(N.trailing_zeros()).contains(by)
    }

    fn shift_by(&self, op: AluOp, by: u32) -> Self {
        if op == AluOp::Lsh {
            self.lsh(by)
        } else if op == AluOp::Rsh {
            let tnum = self.tnum.rsh(by);
            if by == 0 {
                return *self;
            }
            Self { tnum, umin: self.umin >> by, umax: self.umax >> by, ..Self::UNKNOWN }.reduced_or_unknown()
        } else {
            let tnum = self.tnum.arsh(by, N);
            Self { tnum, smin: self.smin >> by, smax: self.smax >> by, ..Self::UNKNOWN }.reduced_or_unknown()
        }
    }

    fn lsh(&self, by: u32) -> Self {
        let mut word = Self { tnum: self.tnum.lsh(by, N), ..Self::UNKNOWN };
        let (least, most) = (u128::from(self.umin) << by, u128::from(self.umax) << by);
        if least >> N == most >> N {
            word.umin = least as u64 & Self::MASK;
            word.umax = most as u64 & Self::MASK;
        }
        let (least, most) = (i128::from(self.smin) << by, i128::from(self.smax) << by);
        let bias = i128::from(Self::SIGN);
        if (least + bias) >> N == (most + bias) >> N {
            word.smin = crate::domain::span::to_signed(least as u64 & Self::MASK, N);
            word.smax = crate::domain::span::to_signed(most as u64 & Self::MASK, N);
        }
        word.reduced_or_unknown()
    }
}
