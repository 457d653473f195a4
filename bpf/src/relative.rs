//! Targets that an instruction names relative to the next slot: read and written in one place for all of them.

use crate::insn::{CallTarget, Imm64, Insn, JumpForm};

impl Insn {
    /// Slots from the next one to the target of a jump, a branch, a `may_goto`, a call of a subprogram or the address of one.
    pub const fn relative_offset(self) -> Option<i32> {
        match self {
            Self::Jump { offset, .. }
            | Self::Call { target: CallTarget::Subprog(offset) }
            | Self::LoadImm64 { imm: Imm64::Func(offset), .. } => Some(offset),
            Self::Branch { offset, .. } | Self::MayGoto { offset } => Some(offset as i32),
            Self::Alu { .. }
            | Self::Mov { .. }
            | Self::MovSx { .. }
            | Self::AddressCast { .. }
            | Self::Neg { .. }
            | Self::ByteSwap { .. }
            | Self::LoadImm64 { .. }
            | Self::LoadImm64Tail
            | Self::Load { .. }
            | Self::Store { .. }
            | Self::Atomic { .. }
            | Self::LoadAcquire { .. }
            | Self::StoreRelease { .. }
            | Self::LoadPacket { .. }
            | Self::Call { .. }
            | Self::CallReg { .. }
            | Self::Exit => None,
        }
    }

    /// The same instruction with another target; `None` when it has no target, or none that far.
    #[must_use]
    pub fn with_relative_offset(self, to: i32) -> Option<Self> {
        self.relative_offset()?;
        let short = i16::try_from(to).ok();
        Some(match self {
            Self::Jump { form: JumpForm::Short, .. } => {
                Self::Jump { form: JumpForm::Short, offset: short?.into() }
            }
            Self::Jump { form: JumpForm::Long, .. } => Self::Jump { form: JumpForm::Long, offset: to },
            Self::Branch { op, width, dst, src, .. } => Self::Branch { op, width, dst, src, offset: short? },
            Self::MayGoto { .. } => Self::MayGoto { offset: short? },
            Self::Call { .. } => Self::Call { target: CallTarget::Subprog(to) },
            Self::LoadImm64 { dst, .. } => Self::LoadImm64 { dst, imm: Imm64::Func(to) },
            Self::Alu { .. }
            | Self::Mov { .. }
            | Self::MovSx { .. }
            | Self::AddressCast { .. }
            | Self::Neg { .. }
            | Self::ByteSwap { .. }
            | Self::LoadImm64Tail
            | Self::Load { .. }
            | Self::Store { .. }
            | Self::Atomic { .. }
            | Self::LoadAcquire { .. }
            | Self::StoreRelease { .. }
            | Self::LoadPacket { .. }
            | Self::CallReg { .. }
            | Self::Exit => return None,
        })
    }
}
