//! Jumps, conditional jumps, the loop budget and exits.

use iced_x86::Code;
use opswap_bpf::insn::{JmpOp, Reg, Src, Width};

use crate::RunHeader;
use crate::asm::{Cond, Mem};
use crate::error::JitError;
use crate::ir::Taken;
use crate::lower::alu::pick;
use crate::lower::{ExitForm, Lowerer};
use crate::regs::{RUN, gpr};

/// Offset of `RunHeader::turns`.
const TURNS: i32 = std::mem::offset_of!(RunHeader, turns) as i32;

/// The condition on the flags after `cmp dst, src` (after `test dst, src` for [`JmpOp::Set`]).
fn condition(op: JmpOp) -> Cond {
    match op {
        JmpOp::Eq => Cond::Equal,
        JmpOp::Ne | JmpOp::Set => Cond::NotEqual,
        JmpOp::Gt => Cond::Above,
        JmpOp::Ge => Cond::AboveEqual,
        JmpOp::Lt => Cond::Below,
        JmpOp::Le => Cond::BelowEqual,
        JmpOp::Sgt => Cond::Greater,
        JmpOp::Sge => Cond::GreaterEqual,
        JmpOp::Slt => Cond::Less,
        JmpOp::Sle => Cond::LessEqual,
    }
}

impl Lowerer<'_> {
    pub(super) fn jump(&mut self, to: u32) {
        // To the next slot: nothing to do.
        if to != self.at.0 + 1 {
            let to = self.asm.slot(to as usize);
            self.asm.jump(to);
        }
    }

    /// Jumps on the flags that [`Lowerer::compare`] left.
    pub(super) fn branch(&mut self, taken: Taken, op: JmpOp, to: u32) {
        let to = self.asm.slot(to as usize);
        let condition = match taken {
            Taken::IfTrue => condition(op),
            Taken::IfFalse => condition(op).inverse(),
        };
        self.asm.branch(condition, to);
    }

    pub(super) fn compare(&mut self, op: JmpOp, width: Width, dst: Reg, src: Src) {
        if op == JmpOp::Set { self.test(width, dst, src) } else { self.cmp(width, dst, src) }
    }

    fn cmp(&mut self, width: Width, dst: Reg, src: Src) {
        let dst = gpr(dst).sized(width);
        match src {
            Src::Reg(src) => {
                self.asm.rr(
                    pick([Code::Cmp_r32_rm32, Code::Cmp_r64_rm64], width),
                    dst,
                    gpr(src).sized(width),
                );
            }
            // Gives the same flags as a comparison with 0: carry and overflow are clear.
            Src::Imm(0) => self.asm.rr(pick([Code::Test_rm32_r32, Code::Test_rm64_r64], width), dst, dst),
            Src::Imm(imm) if i8::try_from(imm).is_ok() => {
                self.asm.ri(pick([Code::Cmp_rm32_imm8, Code::Cmp_rm64_imm8], width), dst, imm);
            }
            Src::Imm(imm) => self.asm.ri(pick([Code::Cmp_rm32_imm32, Code::Cmp_rm64_imm32], width), dst, imm),
        }
    }

    fn test(&mut self, width: Width, dst: Reg, src: Src) {
        let dst = gpr(dst);
        match src {
            Src::Reg(src) => {
                let code = pick([Code::Test_rm32_r32, Code::Test_rm64_r64], width);
                self.asm.rr(code, dst.sized(width), gpr(src).sized(width));
            }
            // Only equality with 0 is asked, and these masks have no upper bits.
            Src::Imm(imm @ 0..=0xff) => self.asm.ri(Code::Test_rm8_imm8, dst.r8(), imm),
            Src::Imm(imm @ 0..) => self.asm.ri(Code::Test_rm32_imm32, dst.r32(), imm),
            Src::Imm(imm) => {
                self.asm.ri(
                    pick([Code::Test_rm32_imm32, Code::Test_rm64_imm32], width),
                    dst.sized(width),
                    imm,
                );
            }
        }
    }

    /// Jumps once the turns of this call, or those of the whole run, are used up: every later visit jumps too.
    pub(super) fn may_goto(&mut self, offset: i16) -> Result<(), JitError> {
        let Some(counter) = self.current.frame.counter() else {
            return Err(JitError::Internal("a frame without a loop counter".to_owned()));
        };
        let to = self.slot_label(i32::from(offset))?;
        for turns in [counter, Mem::at(RUN, TURNS)] {
            self.asm.mi(Code::Cmp_rm64_imm8, turns, 0);
            self.asm.branch(Cond::Equal, to);
            self.asm.mi(Code::Sub_rm64_imm8, turns, 1);
        }
        Ok(())
    }

    pub(super) fn exit(&mut self, form: ExitForm) {
        match form {
            ExitForm::Here => {
                self.asm.bind(self.current.epilogue);
                self.current.frame.epilogue(&mut self.asm);
            }
            ExitForm::Jump if self.current.frame.is_bare() => self.current.frame.epilogue(&mut self.asm),
            ExitForm::Jump => self.asm.jump(self.current.epilogue),
        }
    }
}
