//! What a function keeps on the machine stack, and its prologue and epilogue.
//!
//! ```text
//! entry rsp ->  return address
//!               rbx r13 r14 r15    those of R6 to R9 that the function writes
//!               r12                in the program's entry, if the run's header is needed
//!               rbp                if there is a BPF stack or a loop counter
//! rbp = R10 ->  BPF stack, growing down
//!               loop counter       of `may_goto`, 8 bytes
//!       rsp ->  (a multiple of 16 when the function calls anything)
//! ```
//!
//! A function that calls nothing keeps up to 128 bytes below `rsp` instead, in the red zone of the System V convention.

use iced_x86::{Code, Register};
use opswap_bpf::Insn;
use opswap_bpf::insn::Reg;

use crate::asm::{Asm, Mem};
use crate::ir::{Op, RegSet};
use crate::regs::{Gpr, RUN, gpr};

/// Bytes below `rsp` that a leaf function may use.
const RED_ZONE: u32 = 128;
/// How often `may_goto` falls through in one call of a function, at most (Linux: `BPF_MAX_LOOPS`).
const LOOP_BUDGET: i32 = 8 << 20;

/// Who calls a function.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Caller {
    /// The host.
    Host,
    /// Compiled code: `r12` holds the run's header.
    Program,
}

/// Layout of one function's frame.
#[derive(Clone, Debug, Default)]
pub(crate) struct Frame {
    /// Registers that are pushed, in order, `rbp` excepted.
    saved: Vec<Register>,
    /// Is `rbp` this function's frame pointer?
    pointer: Pointer,
    /// Bytes that are subtracted from `rsp`.
    room: u32,
    /// Offset of the loop counter from `rbp`.
    counter: Option<i32>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
enum Pointer {
    #[default]
    Unused,
    Used,
}

impl Frame {
    /// The frame of a function with these operations and so many bytes of BPF stack.
    pub(crate) fn plan(ops: &[Op], stack_bytes: u32, caller: Caller, run_needed: RunNeeded) -> Self {
        let mut mentioned = RegSet::default();
        let mut written = RegSet::default();
        let (mut calls, mut loops) = (false, false);
        for op in ops {
            let effects = op.effects();
            mentioned = mentioned.union(effects.reads).union(effects.writes);
            written = written.union(effects.writes);
            calls |= matches!(op, Op::Insn(Insn::Call { .. } | Insn::LoadPacket { .. }));
            loops |= matches!(op, Op::Insn(Insn::MayGoto { .. }));
        }
        let mut saved: Vec<Register> = [Reg::R6, Reg::R7, Reg::R8, Reg::R9]
            .into_iter()
            .filter(|&reg| written.contains(reg))
            .map(|reg| gpr(reg).r64())
            .collect();
        if caller == Caller::Host && run_needed == RunNeeded::Yes {
            saved.push(RUN);
        }
        let pointer = if mentioned.contains(Reg::R10) || loops { Pointer::Used } else { Pointer::Unused };
        let stack_bytes = stack_bytes.next_multiple_of(8);
        let counter = loops.then(|| -(stack_bytes.cast_signed() + 8));
        let wanted = match pointer {
            Pointer::Used => stack_bytes + if loops { 8 } else { 0 },
            Pointer::Unused => 0,
        };
        let room = if calls {
            let pushed = 8 * (1 + saved.len() as u32 + u32::from(pointer == Pointer::Used));
            (pushed + wanted).next_multiple_of(16) - pushed
        } else if wanted > RED_ZONE {
            wanted
        } else {
            0
        };
        Self { saved, pointer, room, counter }
    }

    /// Has the epilogue no more than a return?
    pub(crate) fn is_bare(&self) -> bool {
        self.saved.is_empty() && self.pointer == Pointer::Unused && self.room == 0
    }

    /// The loop counter of `may_goto`.
    pub(crate) fn counter(&self) -> Option<Mem> {
        self.counter.map(|offset| Mem::new(gpr(Reg::R10), offset))
    }

    pub(crate) fn prologue(&self, asm: &mut Asm) {
        for &register in &self.saved {
            asm.r(Code::Push_r64, register);
        }
        match self.pointer {
            Pointer::Used => {
                asm.r(Code::Push_r64, Register::RBP);
                asm.rr(Code::Mov_r64_rm64, Register::RBP, Register::RSP);
                self.reserve(asm);
            }
            // Only alignment is missing: one push is shorter than a subtraction.
            Pointer::Unused if self.room == 8 => asm.r(Code::Push_r64, Gpr::RAX.r64()),
            Pointer::Unused => {}
        }
        if let Some(counter) = self.counter() {
            asm.mi(Code::Mov_rm64_imm32, counter, LOOP_BUDGET);
        }
    }

    fn reserve(&self, asm: &mut Asm) {
        let room = self.room.cast_signed();
        match i8::try_from(room) {
            Ok(0) => {}
            Ok(_) => asm.ri(Code::Sub_rm64_imm8, Register::RSP, room),
            Err(_) => asm.ri(Code::Sub_rm64_imm32, Register::RSP, room),
        }
    }

    pub(crate) fn epilogue(&self, asm: &mut Asm) {
        match self.pointer {
            Pointer::Used if self.room != 0 => asm.op(Code::Leaveq),
            Pointer::Used => asm.r(Code::Pop_r64, Register::RBP),
            // R4 means nothing after the exit.
            Pointer::Unused if self.room == 8 => asm.r(Code::Pop_r64, Gpr::RCX.r64()),
            // Without a BPF stack there is never more to give back.
            Pointer::Unused => {}
        }
        for &register in self.saved.iter().rev() {
            asm.r(Code::Pop_r64, register);
        }
        asm.op(Code::Retnq);
    }
}

/// Does any code of the program need the run's header?
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum RunNeeded {
    No,
    Yes,
}
