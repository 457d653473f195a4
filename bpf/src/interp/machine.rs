//! [`Machine`]: executes instructions.

use super::calls::{Args, Calls, Stop};
use super::memory::Memory;
use super::{Budget, Observer, Outcome, POISON, Registers, Trap, TrapKind, arith};
use crate::ids::{HelperId, InsnIdx};
use crate::insn::{AtomicOp, CallTarget, Extend, Fetch, Imm64, Insn, PacketMode, Reg, Size, Src, Width};

/// Address of the function that begins at slot 0.
const FUNCTIONS: u64 = 0xffff_ffff_8000_0000;

/// The value of a pointer to the subprogram that begins at a slot.
const fn function_address(start: InsnIdx) -> u64 {
    FUNCTIONS + start.0 as u64
}

/// A run in progress.
pub struct Machine<'a> {
    insns: &'a [Insn],
    memory: &'a mut dyn Memory,
    observer: Option<&'a mut dyn Observer>,
    budget: Budget,
    executed: u64,
    /// How often the loops of the run may still go round.
    turns: u64,
    /// How often the `may_goto`s of the running function may still fall through.
    may_goto: u32,
    depth: u32,
}

/// What a function keeps while it calls another one.
struct Frame {
    return_to: InsnIdx,
    saved: [u64; 5],
    may_goto: u32,
}

/// Where execution goes on.
enum Flow {
    To(InsnIdx),
    Enter { start: InsnIdx, return_to: InsnIdx },
    Exit,
}

impl<'a> Machine<'a> {
    /// A run that has not begun.
    pub fn new(insns: &'a [Insn], memory: &'a mut dyn Memory, budget: Budget) -> Self {
        let Budget { turns, may_goto, .. } = budget;
        Self { insns, memory, observer: None, budget, executed: 0, turns, may_goto, depth: 0 }
    }

    /// The same with an observer.
    #[must_use]
    pub fn observed_by(mut self, observer: &'a mut dyn Observer) -> Self {
        self.observer = Some(observer);
        self
    }

    /// The program's memory.
    pub fn memory(&mut self) -> &mut dyn Memory {
        self.memory
    }

    /// Takes one of the turns that the run's loops without a bound of their own share; `false` when there is none left.
    pub fn take_turn(&mut self) -> bool {
        let left = self.turns.checked_sub(1);
        self.turns = left.unwrap_or(0);
        left.is_some()
    }

    /// Runs the program from slot 0.
    ///
    /// # Errors
    /// The instruction that could not be executed, and why.
    pub fn run(mut self, args: Args, calls: &mut dyn Calls) -> Result<Outcome, Trap> {
        let registers = self.function(InsnIdx(0), args, calls)?;
        Ok(Outcome { registers, instructions: self.executed })
    }

    /// Runs the subprogram that a function pointer of the program points to, and returns its `R0`.
    ///
    /// # Errors
    /// The pointer points elsewhere, or the subprogram trapped; pass it on with `?`.
    pub fn call_back(&mut self, function: u64, args: Args, calls: &mut dyn Calls) -> Result<u64, Stop> {
        let not_a_function = || Stop::abort(TrapKind::NotAFunction { address: function }.to_string());
        let start = self.function_at(function).ok_or_else(not_a_function)?;
        Ok(self.function(start, args, calls)?[Reg::R0.index()])
    }

    fn function_at(&self, address: u64) -> Option<InsnIdx> {
        let start = InsnIdx(u32::try_from(address.checked_sub(FUNCTIONS)?).ok()?);
        (start.index() < self.insns.len()).then_some(start)
    }

    /// Runs one function and all that it calls, until its `exit`.
    fn function(&mut self, start: InsnIdx, args: Args, calls: &mut dyn Calls) -> Result<Registers, Trap> {
        let outside = self.depth;
        let may_goto = std::mem::replace(&mut self.may_goto, self.budget.may_goto);
        let result = self.frames(start, args, calls);
        self.may_goto = may_goto;
        // A trap leaves frames behind.
        while self.depth > outside {
            self.pop_frame();
        }
        result
    }

    fn frames(&mut self, start: InsnIdx, args: Args, calls: &mut dyn Calls) -> Result<Registers, Trap> {
        let trap = |at| move |kind| Trap { at, kind };
        let mut registers = [POISON; 11];
        registers[1..=5].copy_from_slice(&args);
        registers[Reg::FP.index()] = self.push_frame().map_err(trap(start))?;
        let mut callers: Vec<Frame> = Vec::new();
        let mut at = start;
        loop {
            match self.step(at, &mut registers, calls).map_err(trap(at))? {
                Flow::To(next) => at = next,
                Flow::Enter { start, return_to } => {
                    let mut saved = [0; 5];
                    saved.copy_from_slice(&registers[6..=10]);
                    callers.push(Frame { return_to, saved, may_goto: self.may_goto });
                    self.may_goto = self.budget.may_goto;
                    registers[0] = POISON;
                    registers[6..=9].fill(POISON);
                    registers[Reg::FP.index()] = self.push_frame().map_err(trap(at))?;
                    at = start;
                }
                Flow::Exit => {
                    self.pop_frame();
                    let Some(caller) = callers.pop() else { return Ok(registers) };
                    registers[1..=5].fill(POISON);
                    registers[6..=10].copy_from_slice(&caller.saved);
                    self.may_goto = caller.may_goto;
                    at = caller.return_to;
                }
            }
        }
    }

    fn push_frame(&mut self) -> Result<u64, TrapKind> {
        if self.depth >= self.budget.frames {
            return Err(TrapKind::Frames { frames: self.budget.frames });
        }
        let top = self.memory.push_frame(self.budget.stack_bytes)?;
        self.depth += 1;
        Ok(top)
    }

    fn pop_frame(&mut self) {
        self.memory.pop_frame();
        self.depth -= 1;
    }

    /// Executes one instruction.
    fn step(&mut self, at: InsnIdx, regs: &mut Registers, calls: &mut dyn Calls) -> Result<Flow, TrapKind> {
        let insn = *self.insns.get(at.index()).ok_or(TrapKind::NoInstruction)?;
        if self.executed >= self.budget.instructions {
            return Err(TrapKind::Instructions);
        }
        self.executed += 1;
        if let Some(observer) = &mut self.observer {
            let frame = self.depth - 1;
            observer.before(at, frame, regs).map_err(|reason| TrapKind::Aborted { reason })?;
        }
        let next = at.next();
        let jump = |offset: i32| at.jump(offset).ok_or(TrapKind::Target);
        match insn {
            Insn::Alu { op, width, dst, src } => {
                regs[dst.index()] = arith::alu(op, width, regs[dst.index()], value(regs, src));
            }
            Insn::Mov { width, dst, src } => regs[dst.index()] = arith::mov(width, value(regs, src)),
            Insn::MovSx { width, bits, dst, src } => {
                regs[dst.index()] = arith::mov_sx(width, bits, regs[src.index()]);
            }
            Insn::Neg { width, dst } => regs[dst.index()] = arith::neg(width, regs[dst.index()]),
            Insn::ByteSwap { kind, bits, dst } => {
                regs[dst.index()] = arith::byte_swap(kind, bits, regs[dst.index()]);
            }
            Insn::LoadImm64 { dst, imm } => {
                regs[dst.index()] = match imm {
                    Imm64::Value(value) => value,
                    Imm64::Func(offset) => function_address(jump(offset)?),
                    Imm64::Map(_) | Imm64::MapValue { .. } | Imm64::HostVar { .. } => {
                        calls.address(imm).ok_or(TrapKind::Unlinked { insn })?
                    }
                };
                return Ok(Flow::To(next.next()));
            }
            Insn::LoadImm64Tail => return Err(TrapKind::NoInstruction),
            Insn::Load { .. }
            | Insn::Store { .. }
            | Insn::Atomic { .. }
            | Insn::LoadAcquire { .. }
            | Insn::StoreRelease { .. } => self.access(insn, regs)?,
            Insn::LoadPacket { size, mode, imm } => {
                let index = match mode {
                    PacketMode::Abs => 0,
                    PacketMode::Ind(reg) => regs[reg.index()],
                };
                let offset = index.wrapping_add(arith::immediate(imm));
                let loaded = calls.packet(regs[Reg::R6.index()], offset, size, self);
                let loaded = loaded.map_err(stopped)?;
                regs[0] = loaded.unwrap_or(0);
                regs[1..=5].fill(POISON);
                if loaded.is_none() {
                    return Ok(Flow::Exit);
                }
            }
            Insn::Jump { offset, .. } => return jump(offset).map(Flow::To),
            Insn::Branch { op, width, dst, src, offset } => {
                if arith::condition(op, width, regs[dst.index()], value(regs, src)) {
                    return jump(offset.into()).map(Flow::To);
                }
            }
            Insn::MayGoto { offset } => {
                if self.may_goto == 0 || !self.take_turn() {
                    return jump(offset.into()).map(Flow::To);
                }
                self.may_goto -= 1;
            }
            Insn::Call { target: CallTarget::Subprog(offset) } => {
                return Ok(Flow::Enter { start: jump(offset)?, return_to: next });
            }
            Insn::Call { target } => return self.call(target, next, regs, calls),
            Insn::AddressCast { .. } => return Err(TrapKind::Unlinked { insn }),
            Insn::CallReg { reg } => {
                let address = regs[reg.index()];
                if let Some(start) = self.function_at(address) {
                    return Ok(Flow::Enter { start, return_to: next });
                }
                // A small number is a helper's, as the conformance suite has it.
                let id = u32::try_from(address).map_err(|_| TrapKind::NotAFunction { address })?;
                return self.call(CallTarget::Helper(HelperId(id)), next, regs, calls);
            }
            Insn::Exit => return Ok(Flow::Exit),
        }
        Ok(Flow::To(next))
    }

    fn call(
        &mut self,
        target: CallTarget,
        next: InsnIdx,
        regs: &mut Registers,
        calls: &mut dyn Calls,
    ) -> Result<Flow, TrapKind> {
        let [_, r1, r2, r3, r4, r5, ..] = *regs;
        let args = [r1, r2, r3, r4, r5];
        let result = match target {
            CallTarget::Helper(id) => calls.helper(id, args, self),
            CallTarget::Kfunc { id, module } => calls.kfunc(id, module, args, self),
            CallTarget::Subprog(_) => return Err(TrapKind::Target),
        };
        let (value, flow) = match result {
            Ok(value) => (value, Flow::To(next)),
            Err(Stop::Leave(value)) => (value, Flow::Exit),
            Err(stop @ (Stop::Abort(_) | Stop::Trap(_))) => return Err(stopped(stop)),
        };
        regs[0] = value;
        regs[1..=5].fill(POISON);
        Ok(flow)
    }

    /// Loads, stores and atomic operations.
    fn access(&mut self, insn: Insn, regs: &mut Registers) -> Result<(), TrapKind> {
        let address =
            |regs: &Registers, base: Reg, offset: i16| regs[base.index()].wrapping_add_signed(offset.into());
        match insn {
            Insn::Load { size, extend, dst, base, offset } => {
                let loaded = self.memory.load(address(regs, base, offset), size)?;
                regs[dst.index()] = match extend {
                    Extend::Zero => loaded,
                    Extend::Sign => arith::sign_extend(loaded, size.bits()),
                };
            }
            Insn::LoadAcquire { size, dst, base, offset } => {
                regs[dst.index()] = self.memory.load(address(regs, base, offset), size)?;
            }
            Insn::Store { size, base, offset, src } => {
                self.memory.store(address(regs, base, offset), size, value(regs, src))?;
            }
            Insn::StoreRelease { size, base, offset, src } => {
                self.memory.store(address(regs, base, offset), size, regs[src.index()])?;
            }
            Insn::Atomic { op, width, base, offset, src } => {
                let size = match width {
                    Width::W32 => Size::W,
                    Width::W64 => Size::DW,
                };
                let (operand, expected) = (regs[src.index()], regs[0]);
                let mut change = |old| arith::atomic(op, width, old, operand, expected);
                let old = self.memory.update(address(regs, base, offset), size, &mut change)?;
                match op {
                    AtomicOp::Add(Fetch::No)
                    | AtomicOp::Or(Fetch::No)
                    | AtomicOp::And(Fetch::No)
                    | AtomicOp::Xor(Fetch::No) => {}
                    AtomicOp::Add(Fetch::Yes)
                    | AtomicOp::Or(Fetch::Yes)
                    | AtomicOp::And(Fetch::Yes)
                    | AtomicOp::Xor(Fetch::Yes)
                    | AtomicOp::Xchg => regs[src.index()] = old,
                    AtomicOp::Cmpxchg => regs[0] = old,
                }
            }
            Insn::Alu { .. }
            | Insn::Mov { .. }
            | Insn::AddressCast { .. }
            | Insn::MovSx { .. }
            | Insn::Neg { .. }
            | Insn::ByteSwap { .. }
            | Insn::LoadImm64 { .. }
            | Insn::LoadImm64Tail
            | Insn::LoadPacket { .. }
            | Insn::Jump { .. }
            | Insn::Branch { .. }
            | Insn::MayGoto { .. }
            | Insn::Call { .. }
            | Insn::CallReg { .. }
            | Insn::Exit => {}
        }
        Ok(())
    }
}

fn value(regs: &Registers, src: Src) -> u64 {
    arith::operand(src, |reg| regs[reg.index()])
}

fn stopped(stop: Stop) -> TrapKind {
    match stop {
        Stop::Abort(reason) => TrapKind::Aborted { reason },
        Stop::Trap(trap) => TrapKind::Callback(Box::new(trap)),
        Stop::Leave(_) => TrapKind::Aborted { reason: "only a call can make a function return".to_owned() },
    }
}
