//! Instruction selection: each operation becomes machine code, family by family, functions one after the other.
//!
//! Between two operations every BPF register is in its place, the upper half of 32-bit results is zero, and the scratch
//! registers and flags are free.

mod alu;
mod atomic;
mod branch;
mod call;
mod convert;
mod divide;
mod memory;
mod shift;

use iced_x86::Code;
use opswap_bpf::insn::CallTarget;
use opswap_bpf::proto::ContextLayout;
use opswap_bpf::{Insn, InsnIdx, SubprogId};

use crate::asm::{Asm, Label};
use crate::cpu::Cpu;
use crate::error::JitError;
use crate::frame::{Caller, Frame, RunNeeded};
use crate::input::Input;
use crate::ir::{Op, RegSet};
use crate::linker::Linker;
use crate::trampoline;

/// What is known of a function before its code is.
pub(crate) struct Function {
    /// Its first instruction.
    pub(crate) label: Label,
    /// Its entry for the host, if its address is taken.
    pub(crate) callback: Option<Label>,
    /// Can a call of it end the run?
    aborts: Aborts,
    slots: std::ops::Range<usize>,
}

/// Whether code can set the abort flag.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Aborts {
    Never,
    Maybe,
}

/// Code of a whole program, addresses still open.
pub(crate) struct Lowered {
    pub(crate) code: crate::asm::Unplaced,
    pub(crate) functions: Vec<Function>,
}

/// Lowering of one program.
pub(crate) struct Lowerer<'a> {
    asm: Asm,
    input: &'a Input<'a>,
    linker: &'a dyn Linker,
    cpu: Cpu,
    /// Registers that are read after each slot.
    live: &'a [RegSet],
    functions: Vec<Function>,
    /// The slot that is being lowered.
    at: InsnIdx,
    /// The function that is being lowered.
    current: Current,
}

/// Labels of the function that is being lowered.
struct Current {
    frame: Frame,
    epilogue: Label,
    /// Leaves with 0 in `R0`.
    abort: Label,
    abort_used: bool,
}

/// Lowers a program.
pub(crate) fn lower(
    input: &Input<'_>,
    ops: &[Op],
    live: &[RegSet],
    linker: &dyn Linker,
    cpu: Cpu,
) -> Result<Lowered, JitError> {
    let mut asm = Asm::new(ops.len())?;
    let functions = functions(input, ops, &mut asm)?;
    let current =
        Current { frame: Frame::default(), epilogue: asm.label(), abort: asm.label(), abort_used: false };
    let mut lowerer = Lowerer { asm, input, linker, cpu, live, functions, at: InsnIdx(0), current };
    trampoline::cfi_header(&mut lowerer.asm, linker.cfi_hash());
    let run_needed = if ops.iter().any(needs_run) { RunNeeded::Yes } else { RunNeeded::No };
    for index in 0..lowerer.functions.len() {
        lowerer.function(index, ops, run_needed)?;
    }
    for function in &lowerer.functions {
        if let Some(callback) = function.callback {
            trampoline::callback(&mut lowerer.asm, callback, function.label);
        }
    }
    Ok(Lowered { code: lowerer.asm.finish()?, functions: lowerer.functions })
}

/// The table of functions: labels, callbacks, and which of them may end the run.
fn functions(input: &Input<'_>, ops: &[Op], asm: &mut Asm) -> Result<Vec<Function>, JitError> {
    let mut functions = Vec::with_capacity(input.functions.len());
    for facts in input.functions {
        let slots = facts.start.index()..facts.end.index();
        let Some(body) = ops.get(slots.clone()) else {
            return Err(JitError::Internal(format!(
                "function {slots:?} of a program of {} slots",
                ops.len()
            )));
        };
        let aborts = if body.iter().any(may_abort) { Aborts::Maybe } else { Aborts::Never };
        functions.push(Function { label: asm.label(), callback: None, aborts, slots });
    }
    for (slot, op) in (0..).zip(ops) {
        if let Op::Insn(Insn::LoadImm64 { imm: opswap_bpf::insn::Imm64::Func(offset), .. }) = op {
            let id = target(input, InsnIdx(slot), *offset)?;
            let function = &mut functions[id.index()];
            function.callback = Some(function.callback.unwrap_or_else(|| asm.label()));
        }
    }
    spread_aborts(input, ops, &mut functions)?;
    Ok(functions)
}

/// A function that calls one which may end the run may end it too; at most as many rounds as functions.
fn spread_aborts(input: &Input<'_>, ops: &[Op], functions: &mut [Function]) -> Result<(), JitError> {
    let mut calls = Vec::new();
    for (caller, function) in functions.iter().enumerate() {
        for slot in function.slots.clone() {
            if let Op::Insn(Insn::Call { target: CallTarget::Subprog(offset) }) = ops[slot] {
                let at = InsnIdx(u32::try_from(slot).unwrap_or(u32::MAX));
                calls.push((caller, target(input, at, offset)?.index()));
            }
        }
    }
    let mut grown = true;
    while grown {
        grown = false;
        for &(caller, callee) in &calls {
            if functions[callee].aborts == Aborts::Maybe && functions[caller].aborts == Aborts::Never {
                functions[caller].aborts = Aborts::Maybe;
                grown = true;
            }
        }
    }
    Ok(())
}

/// The function that a call or a function address at a slot names. Never the entry, whose prologue is the host's.
fn target(input: &Input<'_>, at: InsnIdx, offset: i32) -> Result<SubprogId, JitError> {
    match at.jump(offset).and_then(|start| input.function_at(start)) {
        Some(SubprogId(0)) => Err(JitError::Unsupported { at, what: "a call of the program's own entry" }),
        Some(id) => Ok(id),
        None => Err(JitError::Internal(format!("{at} names a function where none begins"))),
    }
}

/// Calls of the host, and accesses that end the run.
fn may_abort(op: &Op) -> bool {
    matches!(
        op,
        Op::Refused
            | Op::Insn(
                Insn::LoadPacket { .. }
                    | Insn::Call { target: CallTarget::Helper(_) | CallTarget::Kfunc { .. } }
            )
    )
}

/// What reads or writes the run's header.
fn needs_run(op: &Op) -> bool {
    may_abort(op) || matches!(op, Op::Insn(Insn::MayGoto { .. }))
}

impl Lowerer<'_> {
    fn function(&mut self, index: usize, ops: &[Op], run_needed: RunNeeded) -> Result<(), JitError> {
        let Function { label, ref slots, .. } = self.functions[index];
        let (slots, facts) = (slots.clone(), &self.input.functions[index]);
        let body = &ops[slots.clone()];
        let caller = if index == 0 { Caller::Host } else { Caller::Program };
        self.current = Current {
            frame: Frame::plan(body, facts.stack_bytes, caller, run_needed),
            epilogue: self.asm.label(),
            abort: self.asm.label(),
            abort_used: false,
        };
        self.asm.bind(label);
        self.current.frame.prologue(&mut self.asm);
        if caller == Caller::Host {
            trampoline::arguments(&mut self.asm, self.input.context, run_needed);
        }
        let last_exit = body.iter().rposition(|op| *op == Op::Insn(Insn::Exit));
        let loops = loop_heads(body, &slots);
        for (offset, op) in body.iter().enumerate() {
            let slot = slots.start + offset;
            self.at = InsnIdx(u32::try_from(slot).unwrap_or(u32::MAX));
            if loops.binary_search(&slot).is_ok() {
                self.asm.align();
            }
            let label = self.asm.slot(slot);
            self.asm.bind(label);
            let after = if last_exit == Some(offset) { ExitForm::Here } else { ExitForm::Jump };
            let previous_dead = offset > 0 && body[offset - 1] == Op::Dead;
            // One trap for a run of dead slots.
            if !(previous_dead && *op == Op::Dead) {
                self.op(op, after)?;
            }
        }
        self.finish_function(last_exit.is_some());
        Ok(())
    }

    /// What stands behind the last instruction of a function.
    fn finish_function(&mut self, has_epilogue: bool) {
        if self.current.abort_used {
            self.asm.bind(self.current.abort);
            self.asm.rr(Code::Xor_r32_rm32, iced_x86::Register::EAX, iced_x86::Register::EAX);
            if has_epilogue {
                self.asm.jump(self.current.epilogue);
            } else {
                self.current.frame.epilogue(&mut self.asm);
            }
        }
        // Nothing falls off the end of a verified function; if it did, it would trap here.
        self.asm.op(Code::Int3);
    }

    fn op(&mut self, op: &Op, exit: ExitForm) -> Result<(), JitError> {
        match *op {
            Op::Nothing => {}
            Op::Dead => self.asm.op(Code::Int3),
            Op::Refused => self.refused(),
            Op::Load { size, extend, dst, address } => self.load(size, extend, dst, address),
            Op::Store { size, address, src } => self.store(size, address, src),
            Op::Lea { width, dst, address } => self.lea(width, dst, address),
            Op::Rotate { width, dst, src, left } => self.rotate(width, dst, src, left),
            Op::Jump { to } => self.jump(to),
            Op::Branch { taken, op, width, dst, src, to } => {
                self.compare(op, width, dst, src);
                self.branch(taken, op, to);
            }
            Op::Insn(insn) => self.insn(&insn, exit)?,
        }
        Ok(())
    }

    fn insn(&mut self, insn: &Insn, exit: ExitForm) -> Result<(), JitError> {
        match *insn {
            Insn::Alu { op, width, dst, src } => self.alu(op, width, dst, src),
            Insn::Mov { width, dst, src } => self.mov(width, dst, src),
            Insn::MovSx { width, bits, dst, src } => self.movsx(width, bits, dst, src),
            Insn::Neg { width, dst } => self.neg(width, dst),
            Insn::ByteSwap { kind, bits, dst } => self.byte_swap(kind, bits, dst),
            Insn::LoadImm64 { dst, imm } => self.load_imm64(dst, imm)?,
            Insn::LoadImm64Tail
            | Insn::Load { .. }
            | Insn::Store { .. }
            | Insn::Jump { .. }
            | Insn::Branch { .. } => {
                return Err(JitError::Internal(format!(
                    "`{insn}` at {} has an operation of its own",
                    self.at
                )));
            }
            Insn::Atomic { op, width, base, offset, src } => self.atomic(op, width, base, offset, src),
            Insn::LoadAcquire { size, dst, base, offset } => self.load_acquire(size, dst, base, offset),
            Insn::StoreRelease { size, base, offset, src } => self.store_release(size, base, offset, src),
            Insn::LoadPacket { size, mode, imm } => self.load_packet(size, mode, imm)?,
            Insn::MayGoto { offset } => self.may_goto(offset)?,
            Insn::Call { target } => self.call(target)?,
            Insn::AddressCast { .. } => return self.unsupported("a pointer into an arena"),
            Insn::CallReg { .. } => return self.unsupported("an indirect call"),
            Insn::Exit => self.exit(exit),
        }
        Ok(())
    }

    fn unsupported(&self, what: &'static str) -> Result<(), JitError> {
        Err(JitError::Unsupported { at: self.at, what })
    }

    /// Is a register read after the current slot?
    fn is_live(&self, reg: opswap_bpf::insn::Reg) -> bool {
        self.live.get(self.at.index()).is_none_or(|live| live.contains(reg))
    }

    /// The label of the slot `offset` slots behind the next one.
    fn slot_label(&self, offset: i32) -> Result<Label, JitError> {
        match self.at.jump(offset) {
            Some(to) if to.index() < self.live.len() => Ok(self.asm.slot(to.index())),
            Some(_) | None => Err(JitError::Internal(format!("{} jumps out of the program", self.at))),
        }
    }
}

/// Slots to which jumps lead back, sorted.
fn loop_heads(body: &[Op], slots: &std::ops::Range<usize>) -> Vec<usize> {
    let mut heads = Vec::new();
    for (slot, op) in slots.clone().zip(body) {
        if let Op::Jump { to } | Op::Branch { to, .. } = *op
            && to as usize <= slot
        {
            heads.push(to as usize);
        }
    }
    heads.sort_unstable();
    heads.dedup();
    heads
}

/// How an exit leaves the function.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum ExitForm {
    /// The function's epilogue stands here.
    Here,
    /// It stands elsewhere.
    Jump,
}

/// Does the context name a size that the program finds in `R2`?
pub(crate) fn buffer_size(context: &ContextLayout) -> Option<u32> {
    match *context {
        ContextLayout::Buffer { size, .. } => Some(size),
        ContextLayout::None
        | ContextLayout::Args(_)
        | ContextLayout::Fields(_)
        | ContextLayout::Memory { .. } => None,
    }
}
