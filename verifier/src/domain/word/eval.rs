//! The operations on concrete numbers (RFC 9669, section 4.1), at any width.

use opswap_bpf::insn::AluOp;

use super::Word;
use crate::domain::span::to_signed;

impl<const N: u32> Word<N> {
    /// How far a shift by `amount` shifts: modulo the width.
    pub(super) const fn shift_amount(amount: u64) -> u32 {
        (amount % N as u64) as u32
    }

    /// The low `N` bits of the result of an operation.
    pub(crate) fn eval(op: AluOp, left: u64, right: u64) -> u64 {
        let (signed_left, signed_right) = (to_signed(left, N), to_signed(right, N));
        let amount = Self::shift_amount(right);
        let result = match op {
            AluOp::Add => left.wrapping_add(right),
            AluOp::Sub => left.wrapping_sub(right),
            AluOp::Mul => left.wrapping_mul(right),
            AluOp::Div => left.checked_div(right).unwrap_or(0),
            AluOp::Mod => left.checked_rem(right).unwrap_or(left),
            AluOp::Sdiv if right == 0 => 0,
            AluOp::Sdiv => signed_left.wrapping_div(signed_right) as u64,
            AluOp::Smod if right == 0 => left,
            AluOp::Smod => signed_left.wrapping_rem(signed_right) as u64,
            AluOp::And => left & right,
            AluOp::Or => left | right,
            AluOp::Xor => left ^ right,
            AluOp::Lsh => left << amount,
            AluOp::Rsh => left >> amount,
            AluOp::Arsh => (signed_left >> amount) as u64,
        };
        result & Self::MASK
    }
}
