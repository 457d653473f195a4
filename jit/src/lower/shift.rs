//! Shifts. The hardware masks the amount as the instruction set asks: by 31 or 63.

use iced_x86::{Code, Register};
use opswap_bpf::insn::{Reg, Src, Width};

use crate::cpu::Bmi2;
use crate::lower::Lowerer;
use crate::lower::alu::pick;
use crate::regs::{Gpr, SCRATCH, gpr};

/// The three shifts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum ShiftOp {
    Left,
    Right,
    ArithmeticRight,
}

/// Encodings of a shift, for 32 and for 64 bits.
struct Codes {
    imm: [Code; 2],
    /// By `cl`.
    count: [Code; 2],
    bmi2: [Code; 2],
}

const LEFT: Codes = Codes {
    imm: [Code::Shl_rm32_imm8, Code::Shl_rm64_imm8],
    count: [Code::Shl_rm32_CL, Code::Shl_rm64_CL],
    bmi2: [Code::VEX_Shlx_r32_rm32_r32, Code::VEX_Shlx_r64_rm64_r64],
};
const RIGHT: Codes = Codes {
    imm: [Code::Shr_rm32_imm8, Code::Shr_rm64_imm8],
    count: [Code::Shr_rm32_CL, Code::Shr_rm64_CL],
    bmi2: [Code::VEX_Shrx_r32_rm32_r32, Code::VEX_Shrx_r64_rm64_r64],
};
const ARITHMETIC_RIGHT: Codes = Codes {
    imm: [Code::Sar_rm32_imm8, Code::Sar_rm64_imm8],
    count: [Code::Sar_rm32_CL, Code::Sar_rm64_CL],
    bmi2: [Code::VEX_Sarx_r32_rm32_r32, Code::VEX_Sarx_r64_rm64_r64],
};

impl Lowerer<'_> {
    pub(super) fn shift(&mut self, op: ShiftOp, width: Width, dst: Reg, src: Src) {
        let codes = match op {
            ShiftOp::Left => &LEFT,
            ShiftOp::Right => &RIGHT,
            ShiftOp::ArithmeticRight => &ARITHMETIC_RIGHT,
        };
        let dst = gpr(dst);
        match src {
            Src::Imm(imm) => self.shift_by_constant(codes, width, dst, imm),
            Src::Reg(src) => match self.cpu.bmi2 {
                Bmi2::Present => {
                    let (dst, by) = (dst.sized(width), gpr(src).sized(width));
                    self.asm.rrr(pick(codes.bmi2, width), dst, dst, by);
                }
                Bmi2::Absent => self.shift_by_cl(pick(codes.count, width), width, dst, gpr(src)),
            },
        }
    }

    fn shift_by_constant(&mut self, codes: &Codes, width: Width, dst: Gpr, imm: i32) {
        let amount = match width {
            Width::W32 => imm & 31,
            Width::W64 => imm & 63,
        };
        match (amount, width) {
            (0, Width::W64) => {}
            // Nothing is shifted, but the upper half is cleared.
            (0, Width::W32) => self.move_gpr(Width::W32, dst, dst),
            _ => self.asm.ri(pick(codes.imm, width), dst.sized(width), amount),
        }
    }

    /// `dst = src` rotated left by less than the width.
    pub(super) fn rotate(&mut self, width: Width, dst: Reg, src: Reg, left: u8) {
        let (dst, src, left) = (gpr(dst), gpr(src), i32::from(left));
        if dst == src {
            return self.asm.ri(
                pick([Code::Rol_rm32_imm8, Code::Rol_rm64_imm8], width),
                dst.sized(width),
                left,
            );
        }
        match self.cpu.bmi2 {
            Bmi2::Present => {
                let (code, bits) = match width {
                    Width::W32 => (Code::VEX_Rorx_r32_rm32_imm8, 32),
                    Width::W64 => (Code::VEX_Rorx_r64_rm64_imm8, 64),
                };
                self.asm.rri(code, dst.sized(width), src.sized(width), (bits - left) % bits);
            }
            Bmi2::Absent => {
                self.move_gpr(width, dst, src);
                self.asm.ri(pick([Code::Rol_rm32_imm8, Code::Rol_rm64_imm8], width), dst.sized(width), left);
            }
        }
    }

    /// The amount must be in `cl`, and `rcx` is `R4`.
    fn shift_by_cl(&mut self, code: Code, width: Width, dst: Gpr, by: Gpr) {
        let [_, _, scratch] = SCRATCH;
        if by == Gpr::RCX {
            return self.asm.rr(code, dst.sized(width), Register::CL);
        }
        self.move_gpr(Width::W64, scratch, Gpr::RCX);
        self.move_gpr(Width::W64, Gpr::RCX, by);
        // While the amount sits in rcx, R4 itself is in the scratch register.
        let shifted = if dst == Gpr::RCX { scratch } else { dst };
        self.asm.rr(code, shifted.sized(width), Register::CL);
        self.move_gpr(Width::W64, Gpr::RCX, scratch);
    }
}
