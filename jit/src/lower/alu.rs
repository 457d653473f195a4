//! Addition, subtraction, bitwise operations, multiplication, negation and moves.

use iced_x86::Code;
use opswap_bpf::insn::{AluOp, Reg, Src, Width};

use crate::ir::{Address, Scale, extend_imm};
use crate::lower::Lowerer;
use crate::lower::divide::Division;
use crate::lower::shift::ShiftOp;
use crate::regs::{Gpr, gpr};

/// The encodings of one operation, for 32 and for 64 bits.
struct Codes {
    /// Register, register or memory.
    reg: [Code; 2],
    /// With an immediate of 8 bits, sign-extended.
    imm8: [Code; 2],
    /// With an immediate of 32 bits, sign-extended.
    imm32: [Code; 2],
}

const ADD: Codes = Codes {
    reg: [Code::Add_r32_rm32, Code::Add_r64_rm64],
    imm8: [Code::Add_rm32_imm8, Code::Add_rm64_imm8],
    imm32: [Code::Add_rm32_imm32, Code::Add_rm64_imm32],
};
const SUB: Codes = Codes {
    reg: [Code::Sub_r32_rm32, Code::Sub_r64_rm64],
    imm8: [Code::Sub_rm32_imm8, Code::Sub_rm64_imm8],
    imm32: [Code::Sub_rm32_imm32, Code::Sub_rm64_imm32],
};
const AND: Codes = Codes {
    reg: [Code::And_r32_rm32, Code::And_r64_rm64],
    imm8: [Code::And_rm32_imm8, Code::And_rm64_imm8],
    imm32: [Code::And_rm32_imm32, Code::And_rm64_imm32],
};
const OR: Codes = Codes {
    reg: [Code::Or_r32_rm32, Code::Or_r64_rm64],
    imm8: [Code::Or_rm32_imm8, Code::Or_rm64_imm8],
    imm32: [Code::Or_rm32_imm32, Code::Or_rm64_imm32],
};
const XOR: Codes = Codes {
    reg: [Code::Xor_r32_rm32, Code::Xor_r64_rm64],
    imm8: [Code::Xor_rm32_imm8, Code::Xor_rm64_imm8],
    imm32: [Code::Xor_rm32_imm32, Code::Xor_rm64_imm32],
};

/// The one of two codes that is for this width.
pub(super) fn pick(codes: [Code; 2], width: Width) -> Code {
    match width {
        Width::W32 => codes[0],
        Width::W64 => codes[1],
    }
}

impl Lowerer<'_> {
    pub(super) fn alu(&mut self, op: AluOp, width: Width, dst: Reg, src: Src) {
        match op {
            AluOp::Add => self.simple(&ADD, width, dst, src),
            AluOp::Sub => self.simple(&SUB, width, dst, src),
            AluOp::Or => self.simple(&OR, width, dst, src),
            AluOp::And => self.and(width, dst, src),
            AluOp::Xor => self.simple(&XOR, width, dst, src),
            AluOp::Mul => self.mul(width, dst, src),
            AluOp::Lsh => self.shift(ShiftOp::Left, width, dst, src),
            AluOp::Rsh => self.shift(ShiftOp::Right, width, dst, src),
            AluOp::Arsh => self.shift(ShiftOp::ArithmeticRight, width, dst, src),
            AluOp::Div => self.divide(Division::UNSIGNED_QUOTIENT, width, dst, src),
            AluOp::Mod => self.divide(Division::UNSIGNED_REMAINDER, width, dst, src),
            AluOp::Sdiv => self.divide(Division::SIGNED_QUOTIENT, width, dst, src),
            AluOp::Smod => self.divide(Division::SIGNED_REMAINDER, width, dst, src),
        }
    }

    fn simple(&mut self, codes: &Codes, width: Width, dst: Reg, src: Src) {
        let dst = gpr(dst).sized(width);
        match src {
            Src::Reg(src) => self.asm.rr(pick(codes.reg, width), dst, gpr(src).sized(width)),
            Src::Imm(imm) if i8::try_from(imm).is_ok() => self.asm.ri(pick(codes.imm8, width), dst, imm),
            Src::Imm(imm) => self.asm.ri(pick(codes.imm32, width), dst, imm),
        }
    }

    /// A mask without a sign clears the upper half anyway: the 32-bit form is shorter.
    fn and(&mut self, width: Width, dst: Reg, src: Src) {
        match src {
            Src::Imm(0..) => self.simple(&AND, Width::W32, dst, src),
            Src::Imm(_) | Src::Reg(_) => self.simple(&AND, width, dst, src),
        }
    }

    fn mul(&mut self, width: Width, dst: Reg, src: Src) {
        let dst = gpr(dst).sized(width);
        match src {
            Src::Reg(src) => {
                self.asm.rr(
                    pick([Code::Imul_r32_rm32, Code::Imul_r64_rm64], width),
                    dst,
                    gpr(src).sized(width),
                );
            }
            Src::Imm(imm) if i8::try_from(imm).is_ok() => {
                let code = pick([Code::Imul_r32_rm32_imm8, Code::Imul_r64_rm64_imm8], width);
                self.asm.rri(code, dst, dst, imm);
            }
            Src::Imm(imm) => {
                let code = pick([Code::Imul_r32_rm32_imm32, Code::Imul_r64_rm64_imm32], width);
                self.asm.rri(code, dst, dst, imm);
            }
        }
    }

    /// `dst = address`, in the shortest way. May change the flags.
    pub(super) fn lea(&mut self, width: Width, dst: Reg, address: Address) {
        let Address { base, index, offset } = address;
        match (base, index, offset) {
            (Some(src), None, 0) => self.move_gpr(width, gpr(dst), gpr(src)),
            (Some(base), None, _) if base == dst => self.simple(&ADD, width, dst, Src::Imm(offset)),
            (Some(base), Some((index, Scale::X1)), 0) if base == dst => {
                self.simple(&ADD, width, dst, Src::Reg(index));
            }
            (Some(base), Some((index, Scale::X1)), 0) if index == dst => {
                self.simple(&ADD, width, dst, Src::Reg(base));
            }
            _ => {
                let code = pick([Code::Lea_r32_m, Code::Lea_r64_m], width);
                self.asm.rm(code, gpr(dst).sized(width), address.mem());
            }
        }
    }

    pub(super) fn neg(&mut self, width: Width, dst: Reg) {
        self.asm.r(pick([Code::Neg_rm32, Code::Neg_rm64], width), gpr(dst).sized(width));
    }

    pub(super) fn mov(&mut self, width: Width, dst: Reg, src: Src) {
        match src {
            Src::Reg(src) if src == dst && width == Width::W64 => {}
            Src::Reg(src) => self.move_gpr(width, gpr(dst), gpr(src)),
            Src::Imm(imm) => self.load_const(gpr(dst), extend_imm(imm, width)),
        }
    }

    /// `dst = src`; in 32 bits also when they are the same register, which clears the upper half.
    pub(super) fn move_gpr(&mut self, width: Width, dst: Gpr, src: Gpr) {
        let code = pick([Code::Mov_r32_rm32, Code::Mov_r64_rm64], width);
        self.asm.rr(code, dst.sized(width), src.sized(width));
    }

    /// A number in the shortest way. Changes the flags.
    pub(super) fn load_const(&mut self, dst: Gpr, value: u64) {
        if value == 0 {
            self.asm.rr(Code::Xor_r32_rm32, dst.r32(), dst.r32());
        } else if let Ok(value) = u32::try_from(value) {
            self.asm.ru(Code::Mov_r32_imm32, dst.r32(), value);
        } else if let Ok(value) = i32::try_from(value.cast_signed()) {
            self.asm.ri(Code::Mov_rm64_imm32, dst.r64(), value);
        } else {
            self.asm.rq(Code::Mov_r64_imm64, dst.r64(), value);
        }
    }
}
