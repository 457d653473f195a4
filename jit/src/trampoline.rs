//! The borders between host and program: the CFI hash in front of each entry, the program's arguments, and the entries through
//! which the host calls functions of the program back.

use iced_x86::{Code, Register};
use opswap_bpf::insn::Reg;
use opswap_bpf::proto::ContextLayout;

use crate::asm::{Asm, Label};
use crate::executable::CALLBACK_CFI_HASH;
use crate::frame::RunNeeded;
use crate::lower::buffer_size;
use crate::regs::{RUN, RUN_ARGUMENT, gpr};

/// Bytes in front of the program's entry: filler, then the CFI header.
pub(crate) const ENTRY_OFFSET: u32 = 16;
/// Bytes of the CFI header: the opcode of `mov eax, imm32`, and the hash as its immediate, so that a disassembler stays in step.
const CFI_HEADER: u32 = 5;
const MOV_EAX: u8 = 0xb8;
const INT3: u8 = 0xcc;

/// What precedes the program's entry.
pub(crate) fn cfi_header(asm: &mut Asm, hash: u32) {
    for _ in CFI_HEADER..ENTRY_OFFSET {
        asm.byte(INT3);
    }
    hash_in_front(asm, hash);
}

fn hash_in_front(asm: &mut Asm, hash: u32) {
    asm.byte(MOV_EAX);
    for byte in hash.to_le_bytes() {
        asm.byte(byte);
    }
}

/// Takes the program's arguments from the host: the context is in `rdi` already, which is `R1`; the run's header in `rsi`.
pub(crate) fn arguments(asm: &mut Asm, context: &ContextLayout, run_needed: RunNeeded) {
    if run_needed == RunNeeded::Yes {
        asm.rr(Code::Mov_r64_rm64, RUN, Register::RSI);
    }
    if let Some(size) = buffer_size(context) {
        if size == 0 {
            let r1 = gpr(Reg::R1).r32();
            asm.rr(Code::Xor_r32_rm32, r1, r1);
        }
        asm.ru(Code::Mov_r32_imm32, gpr(Reg::R2).r32(), size);
    }
}

/// An entry for the host that calls a function of the program: the run's header comes as sixth argument and `r12` is the host's.
pub(crate) fn callback(asm: &mut Asm, entry: Label, function: Label) {
    hash_in_front(asm, CALLBACK_CFI_HASH);
    asm.bind(entry);
    asm.r(Code::Push_r64, RUN);
    asm.rr(Code::Mov_r64_rm64, RUN, RUN_ARGUMENT);
    asm.call(function);
    asm.r(Code::Pop_r64, RUN);
    asm.op(Code::Retnq);
    asm.op(Code::Int3);
}
