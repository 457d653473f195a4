//! A second look at a finished image (feature `disasm`): decodes it from the first byte to the last and checks what must hold
//! whatever was compiled, independently of the code that emitted it.
//!
//! - every byte belongs to an instruction, and every instruction is one that this crate emits;
//! - every direct jump stays in the image and meets the start of an instruction;
//! - every direct call meets the start of an instruction, or a function that the linker named;
//! - indirect calls go through `r11` straight after it was loaded with such a function; there are no indirect jumps;
//! - `rsp` changes only by prologues, epilogues and calls, and `r12` only where the run's header is set or restored;
//! - memory at `rsp` is never named, memory at `r12` only as the run's header is used, and memory at a fixed distance from `rbp`
//!   lies in the BPF stack below it;
//! - nothing runs off the end.

use iced_x86::{
    Code, FlowControl, Instruction, InstructionInfoFactory, Mnemonic, OpAccess, OpKind, Register,
};
use opswap_bpf::Insn;
use opswap_bpf::insn::CallTarget;
use opswap_verifier::VerifiedProgram;

use crate::disasm::{decode, direct_target, inner_target, offset_of};
use crate::executable::Executable;
use crate::linker::Linker;

/// What is wrong with an image: a bug in this crate.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("bad machine code at offset {offset:#x}: {what}")]
pub struct Flaw {
    /// Where.
    pub offset: u32,
    /// What was found.
    pub what: String,
}

/// Checks the image of `program`, compiled with `linker`.
///
/// # Errors
/// The first rule of the module that does not hold.
pub fn validate(executable: &Executable, program: &VerifiedProgram, linker: &dyn Linker) -> Result<(), Flaw> {
    check(executable, program.xlated(), linker)
}

pub(crate) fn check(executable: &Executable, insns: &[Insn], linker: &dyn Linker) -> Result<(), Flaw> {
    let instructions: Vec<Instruction> = decode(executable).collect();
    let host = host_functions(insns, linker);
    let mut starts = vec![false; executable.len()];
    for instruction in &instructions {
        starts[offset_of(instruction, executable) as usize] = true;
    }
    let mut checker = Checker { executable, starts, host, info: InstructionInfoFactory::new() };
    let mut previous = None;
    for instruction in &instructions {
        checker.known(instruction)?;
        checker.targets(instruction, previous)?;
        checker.registers(instruction)?;
        checker.memory(instruction)?;
        previous = Some(instruction);
    }
    match previous.map(Instruction::flow_control) {
        Some(FlowControl::Interrupt | FlowControl::Return | FlowControl::UnconditionalBranch) => Ok(()),
        _ => {
            Err(Flaw { offset: 0, what: "the image does not end with a trap, a jump or a return".to_owned() })
        }
    }
}

fn host_functions(insns: &[Insn], linker: &dyn Linker) -> Vec<u64> {
    let address = |insn: &Insn| {
        if matches!(insn, Insn::LoadPacket { .. }) {
            return linker.packet_load();
        }
        let Insn::Call { target } = insn else { return None };
        match *target {
            CallTarget::Helper(id) => linker.helper(id),
            CallTarget::Kfunc { id, module } => linker.kfunc(id, module),
            CallTarget::Subprog(_) => None,
        }
    };
    insns.iter().filter_map(address).map(|address| address.0 as u64).collect()
}

/// Where a function's BPF stack and loop counter lie, from `rbp` (Linux: `MAX_BPF_STACK`, 512 bytes, and 8).
const BELOW_FRAME_POINTER: std::ops::Range<i64> = -520..0;

/// How compiled code uses the run's header, by instruction and offset: it tests and sets `abort`, tests and clears `leave`, tests
/// and counts down `turns`.
const HEADER_ACCESSES: [(Code, i64); 6] = [
    (Code::Cmp_rm32_imm8, 0),
    (Code::Mov_rm32_imm32, 0),
    (Code::Cmp_rm32_imm8, 4),
    (Code::Mov_rm32_imm32, 4),
    (Code::Cmp_rm64_imm8, 8),
    (Code::Sub_rm64_imm8, 8),
];

/// Every instruction that this crate emits.
const EMITTED: &[Mnemonic] = {
    use Mnemonic as M;
    &[
        M::Mov,
        M::Add,
        M::Cmp,
        M::Jne,
        M::Je,
        M::Xor,
        M::And,
        M::Or,
        M::Sub,
        M::Lea,
        M::Test,
        M::Movzx,
        M::Call,
        M::Jmp,
        M::Push,
        M::Pop,
        M::Ret,
        M::Leave,
        M::Int3,
        M::Ja,
        M::Jae,
        M::Jb,
        M::Jbe,
        M::Jg,
        M::Jge,
        M::Jl,
        M::Jle,
        M::Shl,
        M::Shr,
        M::Sar,
        M::Shlx,
        M::Shrx,
        M::Sarx,
        M::Imul,
        M::Neg,
        M::Movsx,
        M::Movsxd,
        M::Bswap,
        M::Rol,
        M::Rorx,
        M::Div,
        M::Idiv,
        M::Cdq,
        M::Cqo,
        M::Xadd,
        M::Xchg,
        M::Cmpxchg,
        M::Nop,
    ]
};

struct Checker<'a> {
    executable: &'a Executable,
    /// Does an instruction start at this offset?
    starts: Vec<bool>,
    host: Vec<u64>,
    info: InstructionInfoFactory,
}

impl Checker<'_> {
    fn flaw(&self, instruction: &Instruction, what: impl Into<String>) -> Flaw {
        Flaw { offset: offset_of(instruction, self.executable), what: what.into() }
    }

    fn known(&self, instruction: &Instruction) -> Result<(), Flaw> {
        let mnemonic = instruction.mnemonic();
        if EMITTED.contains(&mnemonic) {
            Ok(())
        } else {
            Err(self.flaw(instruction, format!("`{mnemonic:?}` is never emitted")))
        }
    }

    fn targets(&self, instruction: &Instruction, previous: Option<&Instruction>) -> Result<(), Flaw> {
        match instruction.flow_control() {
            FlowControl::IndirectBranch => Err(self.flaw(instruction, "an indirect jump")),
            FlowControl::IndirectCall => {
                let loaded = previous
                    .filter(|load| load.mnemonic() == Mnemonic::Mov && load.op0_register() == Register::R11);
                let known = loaded.is_some_and(|load| self.host.contains(&load.immediate(1)));
                let through_r11 = instruction.op0_register() == Register::R11;
                if known && through_r11 {
                    Ok(())
                } else {
                    Err(self.flaw(instruction, "a call of an unknown address"))
                }
            }
            FlowControl::UnconditionalBranch | FlowControl::ConditionalBranch | FlowControl::Call => {
                self.direct(instruction)
            }
            FlowControl::Next | FlowControl::Return | FlowControl::Interrupt => Ok(()),
            FlowControl::XbeginXabortXend | FlowControl::Exception => {
                Err(self.flaw(instruction, "an exception or a transaction"))
            }
        }
    }

    fn direct(&self, instruction: &Instruction) -> Result<(), Flaw> {
        let Some(address) = direct_target(instruction) else {
            return Err(self.flaw(instruction, "a far jump"));
        };
        match inner_target(instruction, self.executable) {
            Some(to) if self.starts[to as usize] => Ok(()),
            Some(to) => Err(self.flaw(instruction, format!("{to:#x} is inside an instruction"))),
            None if instruction.is_call_near() && self.host.contains(&address) => Ok(()),
            None => Err(self.flaw(instruction, format!("{address:#x} is outside the image"))),
        }
    }

    fn registers(&mut self, instruction: &Instruction) -> Result<(), Flaw> {
        let mut writes = Vec::new();
        for used in self.info.info(instruction).used_registers() {
            if matches!(used.access(), OpAccess::Write | OpAccess::ReadWrite | OpAccess::CondWrite) {
                writes.push(used.register().full_register());
            }
        }
        let mnemonic = instruction.mnemonic();
        if writes.contains(&Register::RSP) {
            let stack = matches!(
                mnemonic,
                Mnemonic::Push | Mnemonic::Pop | Mnemonic::Leave | Mnemonic::Call | Mnemonic::Ret
            );
            let reserve = mnemonic == Mnemonic::Sub && instruction.op1_kind() != OpKind::Register;
            let release = mnemonic == Mnemonic::Add && instruction.op1_kind() != OpKind::Register;
            if !(stack || reserve || release) {
                return Err(self.flaw(instruction, "rsp changes outside a prologue or epilogue"));
            }
        }
        if writes.contains(&Register::R12) {
            let restored = mnemonic == Mnemonic::Pop;
            let set = mnemonic == Mnemonic::Mov
                && matches!(instruction.op1_register(), Register::RSI | Register::R9);
            if !(restored || set) {
                return Err(self.flaw(instruction, "r12 changes within a run"));
            }
        }
        Ok(())
    }

    fn memory(&self, instruction: &Instruction) -> Result<(), Flaw> {
        let named = (0..instruction.op_count()).any(|operand| instruction.op_kind(operand) == OpKind::Memory);
        if !named || instruction.mnemonic() == Mnemonic::Lea || instruction.mnemonic() == Mnemonic::Nop {
            return Ok(());
        }
        let distance = instruction.memory_displacement64().cast_signed();
        let (base, index) = (instruction.memory_base(), instruction.memory_index());
        if base == Register::RSP {
            Err(self.flaw(instruction, "memory at rsp"))
        } else if (base == Register::R12 || index == Register::R12)
            && (index != Register::None || !HEADER_ACCESSES.contains(&(instruction.code(), distance)))
        {
            Err(self.flaw(instruction, "an access to the run's header that compiled code has no use for"))
        } else if base == Register::RBP && index == Register::None && !BELOW_FRAME_POINTER.contains(&distance)
        {
            Err(self.flaw(instruction, format!("{distance:+} from rbp is no stack of the program")))
        } else {
            Ok(())
        }
    }
}
