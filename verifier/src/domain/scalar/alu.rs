//! Two-operand arithmetic. A 64-bit sum, difference, product or bitwise operation is also one of the low halves: both are
//! computed and reduced against each other. A 32-bit operation is one of the low halves alone, zero-extended.

use opswap_bpf::insn::{AluOp, Width};

use super::ScalarOf;
use crate::domain::tnum::low_mask;
use crate::domain::word::Word;

impl<const N: u32, const H: u32> ScalarOf<N, H> {
    /// The result of `dst op src`.
    pub fn alu(op: AluOp, width: Width, dst: &Self, src: &Self) -> Self {
        if let (Some(left), Some(right)) = (dst.as_constant(), src.as_constant()) {
            let half = low_mask(H);
            return Self::constant(match width {
                Width::W64 => Word::<N>::eval(op, left, right),
                Width::W32 => Word::<H>::eval(op, left & half, right & half),
            });
        }
        let (dst_half, src_half) = (dst.half(), src.half());
        let any_half = gives_anything(op, &dst_half, &src_half);
        match width {
            Width::W32 if any_half => Self::pack(Word::<H>::UNKNOWN.zero_extend(), Word::UNKNOWN),
            Width::W32 => Self::of_half(Word::alu(op, &dst_half, &src_half)),
            Width::W64 if any_half && gives_anything(op, &dst.word(), &src.word()) => Self::unknown(),
            Width::W64 => {
                let half = match op {
                    AluOp::Add | AluOp::Sub | AluOp::Mul | AluOp::Or | AluOp::And | AluOp::Xor => {
                        Word::alu(op, &dst_half, &src_half)
                    }
                    AluOp::Div
                    | AluOp::Sdiv
                    | AluOp::Lsh
                    | AluOp::Rsh
                    | AluOp::Mod
                    | AluOp::Smod
                    | AluOp::Arsh => Word::UNKNOWN,
                };
                Self::reduced_or_unknown(Word::alu(op, &dst.word(), &src.word()), half)
            }
        }
    }

    /// The result of `-dst`.
    #[must_use]
    pub fn neg(&self, width: Width) -> Self {
        match width {
            Width::W32 => Self::of_half(self.half().neg()),
            Width::W64 => Self::reduced_or_unknown(self.word().neg(), self.half().neg()),
        }
    }
}

/// Whether the result may be any number because an operand may: hashes do little else.
fn gives_anything<const B: u32>(op: AluOp, dst: &Word<B>, src: &Word<B>) -> bool {
    match op {
        AluOp::Add | AluOp::Sub | AluOp::Xor => *dst == Word::UNKNOWN || *src == Word::UNKNOWN,
        AluOp::Mul | AluOp::Or | AluOp::And => *dst == Word::UNKNOWN && *src == Word::UNKNOWN,
        AluOp::Div | AluOp::Sdiv | AluOp::Lsh | AluOp::Rsh | AluOp::Mod | AluOp::Smod | AluOp::Arsh => false,
    }
}
