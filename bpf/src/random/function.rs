//! [`Function`]: one function of a random program, made of nested statements so that every jump is known to be right.

use super::emit::{Live, MEMORY, NUMBERS};
use super::{Features, Rng, Shape};
use crate::insn::{AluOp, CallTarget, Insn, JmpOp, JumpForm, Reg, Src, Width};

/// The program so far.
pub(super) struct Program {
    pub(super) insns: Vec<Insn>,
    /// Slots of calls, and the functions that they are to call.
    pub(super) calls: Vec<(usize, u32)>,
    /// How many subprograms there will be.
    pub(super) subprogs: u32,
}

/// What a function is; a subprogram has its number, from 1.
#[derive(Clone, Copy)]
pub(super) enum Role {
    Entry,
    Subprog(u32),
}

pub(super) struct Function<'a> {
    pub(super) rng: &'a mut Rng,
    pub(super) shape: &'a Shape,
    pub(super) program: &'a mut Program,
    pub(super) live: Live,
    /// Registers that count loops, as a bit set; nothing else may write them.
    pub(super) counters: u16,
    role: Role,
    /// How often the statement that is being made is executed.
    trips: u32,
    /// How many more branches there may be on one path, so that a verifier that merges nothing ends soon.
    forks: u32,
    depth: u32,
}

impl<'a> Function<'a> {
    pub(super) fn new(role: Role, rng: &'a mut Rng, shape: &'a Shape, program: &'a mut Program) -> Self {
        let forks = match role {
            Role::Entry => 9,
            Role::Subprog(_) => 1,
        };
        Self { rng, shape, program, live: Live::default(), counters: 0, role, trips: 1, forks, depth: 0 }
    }

    pub(super) fn generate(mut self) {
        self.push(Insn::Mov { width: Width::W64, dst: MEMORY, src: Src::Reg(Reg::R1) });
        let statements = match self.role {
            Role::Entry => {
                let registers = NUMBERS.into_iter().skip(1);
                for reg in registers.collect::<Vec<_>>() {
                    if self.rng.percent(80) {
                        self.set(reg);
                    }
                }
                self.shape.statements
            }
            Role::Subprog(_) => {
                [Reg::R2, Reg::R3, Reg::R4, Reg::R5].into_iter().for_each(|reg| self.live.add(reg));
                self.shape.statements / 4
            }
        };
        self.block(statements);
        match self.role {
            Role::Entry => self.dump(),
            Role::Subprog(_) => {}
        }
        if !self.live.has(Reg::R0) {
            self.set(Reg::R0);
        }
        self.push(Insn::Exit);
    }

    fn block(&mut self, statements: u32) {
        for _ in 0..statements {
            self.statement();
        }
    }

    fn statement(&mut self) {
        match self.rng.below(100) {
            0..36 => self.arithmetic(),
            36..48 => self.unary(),
            48..60 => self.memory(),
            60..64 => self.variable_offset(),
            64..76 => self.stack(),
            76..78 => self.spilled_address(),
            78..79 => self.hop(),
            79..88 => self.branch(),
            88..91 => self.bounded_loop(),
            91..93 => self.may_goto(),
            93..96 => self.call_subprog(),
            _ => self.call_kfunc(),
        }
    }

    /// Takes one fork for each time that the statement runs; `false` when there are not enough.
    fn take_fork(&mut self) -> bool {
        let enough = self.forks >= self.trips && self.depth < 4;
        if enough {
            self.forks -= self.trips;
        }
        enough
    }

    fn here(&self) -> usize {
        self.program.insns.len()
    }

    /// Makes the jump at `slot` go to the next instruction.
    fn land(&mut self, slot: usize) {
        let distance = i32::try_from(self.here() - slot - 1).unwrap_or(i32::MAX);
        let landed = self.program.insns[slot].with_relative_offset(distance);
        debug_assert!(landed.is_some(), "blocks are much shorter than a jump reaches");
        self.program.insns[slot] = landed.unwrap_or(Insn::Exit);
    }

    fn nested(&mut self) -> u32 {
        1 + self.rng.below(5)
    }

    /// `if … { … }` or `if … { … } else { … }`.
    fn branch(&mut self) {
        if !self.take_fork() {
            return self.arithmetic();
        }
        let (op, width) = (self.rng.pick(&JmpOp::ALL), self.rng.pick(&Width::ALL));
        let (dst, src) = (self.number(), self.operand());
        let around = self.here();
        self.push(Insn::Branch { op, width, dst, src, offset: 0 });
        let before = self.live;
        self.depth += 1;
        let statements = self.nested();
        self.block(statements);
        let after_first = self.live;
        self.live = before;
        if self.rng.percent(50) {
            let long = self.shape.features.contains(Features::V4) && self.rng.percent(30);
            let form = if long { JumpForm::Long } else { JumpForm::Short };
            let over = self.here();
            self.push(Insn::Jump { form, offset: 0 });
            self.land(around);
            let statements = self.nested();
            self.block(statements);
            self.land(over);
        } else {
            self.land(around);
        }
        self.depth -= 1;
        self.live = self.live.meet(after_first);
    }

    /// A jump that is never taken, as the budget is large.
    fn may_goto(&mut self) {
        if !self.shape.features.contains(Features::MAY_GOTO) || !self.take_fork() {
            return self.stack();
        }
        let around = self.here();
        self.push(Insn::MayGoto { offset: 0 });
        let before = self.live;
        self.depth += 1;
        let statements = self.nested();
        self.block(statements);
        self.depth -= 1;
        self.land(around);
        self.live = self.live.meet(before);
    }

    /// Counts a register that calls keep from 0 up or from a number down to 0.
    fn bounded_loop(&mut self) {
        let free: Vec<Reg> = [Reg::R6, Reg::R7, Reg::R8]
            .into_iter()
            .filter(|reg| self.counters & 1 << reg.index() == 0)
            .collect();
        let times = 1 + self.rng.below(4);
        // One of the registers stays free for what is carried around the loop.
        if !self.shape.features.contains(Features::LOOPS) || free.len() < 2 || self.trips * times > 12 {
            return self.memory();
        }
        let counter = self.rng.pick(&free);
        let limit = times.cast_signed();
        let width = self.rng.pick(&Width::ALL);
        let (start, step, op, bound) = match self.rng.below(5) {
            0 => (0, AluOp::Add, JmpOp::Lt, limit),
            1 => (0, AluOp::Add, JmpOp::Slt, limit),
            2 => (0, AluOp::Add, JmpOp::Ne, limit),
            3 => (limit, AluOp::Sub, JmpOp::Ne, 0),
            _ => (limit, AluOp::Sub, JmpOp::Sgt, 0),
        };
        self.push(Insn::Mov { width: Width::W64, dst: counter, src: Src::Imm(start) });
        self.live.add(counter);
        self.counters |= 1 << counter.index();
        self.trips *= times;
        self.depth += 1;
        let head = self.here();
        let before = self.live;
        let statements = self.nested();
        self.block(statements);
        // What the next round may read must hold a number again.
        for reg in NUMBERS.into_iter().filter(|reg| before.has(*reg)).collect::<Vec<_>>() {
            if !self.live.has(reg) {
                self.set(reg);
            }
        }
        self.push(Insn::Alu { op: step, width, dst: counter, src: Src::Imm(1) });
        let back = i16::try_from(head as i64 - self.here() as i64 - 1).unwrap_or(0);
        self.push(Insn::Branch { op, width, dst: counter, src: Src::Imm(bound), offset: back });
        self.depth -= 1;
        self.trips /= times;
        self.counters &= !(1 << counter.index());
    }

    fn after_call(&mut self) {
        Reg::ARGS.into_iter().for_each(|reg| self.live.remove(reg));
        self.live.add(Reg::R0);
    }

    /// Puts numbers into the argument registers from `first` on.
    fn arguments(&mut self, args: &[Reg]) {
        for reg in args {
            if !self.live.has(*reg) || self.rng.percent(20) {
                self.set(*reg);
            }
        }
    }

    /// Calls a later function, so that nothing recurses.
    fn call_subprog(&mut self) {
        let own = match self.role {
            Role::Entry => 0,
            Role::Subprog(index) => index,
        };
        let later = self.program.subprogs - own;
        if later == 0 || !self.take_fork() {
            return self.unary();
        }
        let callee = own + 1 + self.rng.below(later);
        self.arguments(&Reg::ARGS[1..]);
        self.push(Insn::Mov { width: Width::W64, dst: Reg::R1, src: Src::Reg(MEMORY) });
        self.program.calls.push((self.here(), callee));
        // The target is filled in when all functions have their place.
        self.push(Insn::Call { target: CallTarget::Subprog(0) });
        self.after_call();
    }

    fn call_kfunc(&mut self) {
        if self.shape.kfuncs.is_empty() {
            return self.arithmetic();
        }
        let kfunc = self.rng.pick(&self.shape.kfuncs);
        self.arguments(&Reg::ARGS[..usize::from(kfunc.args.min(5))]);
        self.push(Insn::Call { target: CallTarget::Kfunc { id: kfunc.id, module: kfunc.module } });
        self.after_call();
    }
}
