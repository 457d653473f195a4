//! Divisions. The hardware faults where the instruction set has an answer (RFC 9669, section 4.1): a divisor of 0 gives 0 as
//! quotient and the dividend as remainder; `MIN / -1` is `MIN` with remainder 0. Neither may ever reach a `div`.

use iced_x86::Code;
use opswap_bpf::insn::{Reg, Src, Width};

use crate::asm::Cond;
use crate::lower::Lowerer;
use crate::lower::alu::pick;
use crate::regs::{Gpr, SCRATCH, gpr};

/// Interpretation of the operands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Sign {
    Signed,
    Unsigned,
}

/// Which result of a division is wanted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Part {
    Quotient,
    Remainder,
}

/// One of the four divisions.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Division {
    sign: Sign,
    part: Part,
}

impl Division {
    pub(super) const UNSIGNED_QUOTIENT: Self = Self { sign: Sign::Unsigned, part: Part::Quotient };
    pub(super) const UNSIGNED_REMAINDER: Self = Self { sign: Sign::Unsigned, part: Part::Remainder };
    pub(super) const SIGNED_QUOTIENT: Self = Self { sign: Sign::Signed, part: Part::Quotient };
    pub(super) const SIGNED_REMAINDER: Self = Self { sign: Sign::Signed, part: Part::Remainder };
}

impl Lowerer<'_> {
    pub(super) fn divide(&mut self, division: Division, width: Width, dst: Reg, src: Src) {
        let dst = gpr(dst);
        match src {
            Src::Imm(imm) => self.divide_by_constant(division, width, dst, imm),
            Src::Reg(src) => self.divide_by_register(division, width, dst, gpr(src)),
        }
    }

    fn divide_by_constant(&mut self, division: Division, width: Width, dst: Gpr, imm: i32) {
        match (imm, division.sign) {
            (0, _) => self.divided_by_zero(division.part, width, dst),
            (1, _) => self.divided_by_one(division.part, width, dst),
            (-1, Sign::Signed) => self.divided_by_minus_one(division.part, width, dst),
            _ if division.sign == Sign::Unsigned && (imm as u32).is_power_of_two() && imm > 0 => {
                self.divided_by_power_of_two(division.part, width, dst, imm);
            }
            _ => {
                let [divisor, ..] = SCRATCH;
                self.load_const(divisor, crate::ir::extend_imm(imm, width));
                self.divide_unchecked(division, width, dst, divisor);
            }
        }
    }

    fn divided_by_zero(&mut self, part: Part, width: Width, dst: Gpr) {
        match (part, width) {
            (Part::Quotient, _) => self.load_const(dst, 0),
            (Part::Remainder, Width::W32) => self.move_gpr(Width::W32, dst, dst),
            (Part::Remainder, Width::W64) => {}
        }
    }

    fn divided_by_one(&mut self, part: Part, width: Width, dst: Gpr) {
        match (part, width) {
            (Part::Remainder, _) => self.load_const(dst, 0),
            (Part::Quotient, Width::W32) => self.move_gpr(Width::W32, dst, dst),
            (Part::Quotient, Width::W64) => {}
        }
    }

    /// Negation wraps at `MIN`, which is the answer.
    fn divided_by_minus_one(&mut self, part: Part, width: Width, dst: Gpr) {
        match part {
            Part::Quotient => self.asm.r(pick([Code::Neg_rm32, Code::Neg_rm64], width), dst.sized(width)),
            Part::Remainder => self.load_const(dst, 0),
        }
    }

    fn divided_by_power_of_two(&mut self, part: Part, width: Width, dst: Gpr, imm: i32) {
        match part {
            Part::Quotient => {
                let amount = imm.trailing_zeros().cast_signed();
                self.asm.ri(
                    pick([Code::Shr_rm32_imm8, Code::Shr_rm64_imm8], width),
                    dst.sized(width),
                    amount,
                );
            }
            Part::Remainder => {
                let mask = imm - 1;
                let code =
                    if i8::try_from(mask).is_ok() { Code::And_rm32_imm8 } else { Code::And_rm32_imm32 };
                self.asm.ri(code, dst.r32(), mask);
            }
        }
    }

    fn divide_by_register(&mut self, division: Division, width: Width, dst: Gpr, src: Gpr) {
        // rax and rdx hold the dividend and the results: a divisor there must move out of the way.
        let divisor = if src == Gpr::RAX || src == Gpr::RDX {
            self.move_gpr(width, SCRATCH[0], src);
            SCRATCH[0]
        } else {
            src
        };
        let (special, done) = (self.asm.label(), self.asm.label());
        let name = divisor.sized(width);
        self.asm.rr(pick([Code::Test_rm32_r32, Code::Test_rm64_r64], width), name, name);
        self.asm.branch(Cond::Equal, special);
        match division.sign {
            Sign::Unsigned => self.divide_unchecked(division, width, dst, divisor),
            Sign::Signed => {
                let minus_one = self.asm.label();
                self.asm.ri(pick([Code::Cmp_rm32_imm8, Code::Cmp_rm64_imm8], width), name, -1);
                self.asm.branch(Cond::Equal, minus_one);
                self.divide_unchecked(division, width, dst, divisor);
                self.asm.jump(done);
                self.asm.bind(minus_one);
                self.divided_by_minus_one(division.part, width, dst);
            }
        }
        if division.part == Part::Remainder && width == Width::W64 {
            // The dividend is the answer.
            self.asm.bind(special);
        } else {
            self.asm.jump(done);
            self.asm.bind(special);
            self.divided_by_zero(division.part, width, dst);
        }
        self.asm.bind(done);
    }

    /// The divisor is neither in `rax` nor in `rdx`, not 0, and not -1 in a signed division; it survives.
    fn divide_unchecked(&mut self, division: Division, width: Width, dst: Gpr, divisor: Gpr) {
        let [_, saved_rax, saved_rdx] = SCRATCH;
        let keep_rax = dst != Gpr::RAX && self.is_live(Reg::R0);
        let keep_rdx = dst != Gpr::RDX && self.is_live(Reg::R3);
        if keep_rax {
            self.move_gpr(Width::W64, saved_rax, Gpr::RAX);
        }
        if keep_rdx {
            self.move_gpr(Width::W64, saved_rdx, Gpr::RDX);
        }
        if dst != Gpr::RAX {
            self.move_gpr(width, Gpr::RAX, dst);
        }
        match (division.sign, width) {
            (Sign::Unsigned, Width::W32) => self.divide_unsigned(Width::W32, divisor),
            (Sign::Unsigned, Width::W64) => self.divide_narrow_or_wide(divisor),
            (Sign::Signed, _) => {
                self.asm.op(pick([Code::Cdq, Code::Cqo], width));
                self.asm.r(pick([Code::Idiv_rm32, Code::Idiv_rm64], width), divisor.sized(width));
            }
        }
        let result = match division.part {
            Part::Quotient => Gpr::RAX,
            Part::Remainder => Gpr::RDX,
        };
        if result != dst {
            self.move_gpr(width, dst, result);
        }
        if keep_rax {
            self.move_gpr(Width::W64, Gpr::RAX, saved_rax);
        }
        if keep_rdx {
            self.move_gpr(Width::W64, Gpr::RDX, saved_rdx);
        }
    }

    /// `rax` by the divisor.
    fn divide_unsigned(&mut self, width: Width, divisor: Gpr) {
        self.load_const(Gpr::RDX, 0);
        self.asm.r(pick([Code::Div_rm32, Code::Div_rm64], width), divisor.sized(width));
    }

    /// The same in 64 bits. Most operands have a zero upper half, and the narrow division takes half the time.
    fn divide_narrow_or_wide(&mut self, divisor: Gpr) {
        let (wide, done) = (self.asm.label(), self.asm.label());
        self.move_gpr(Width::W64, Gpr::RDX, Gpr::RAX);
        self.asm.rr(Code::Or_r64_rm64, Gpr::RDX.r64(), divisor.r64());
        self.asm.ri(Code::Shr_rm64_imm8, Gpr::RDX.r64(), 32);
        self.asm.branch(Cond::NotEqual, wide);
        // rdx is 0 here.
        self.asm.r(Code::Div_rm32, divisor.r32());
        self.asm.jump(done);
        self.asm.bind(wide);
        self.divide_unsigned(Width::W64, divisor);
        self.asm.bind(done);
    }
}
