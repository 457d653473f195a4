//! [`Body`]: one function of a typed program, as nested statements.

use super::held::{BUFFER, Frame, Held, What};
use super::objects::{Duty, Kind, Live};
use super::{Function, Reference, World};
use crate::insn::{AluOp, Imm64, Insn, JmpOp, JumpForm, Reg, Src, Width};
use crate::proto::ContextLayout;
use crate::random::{Features, Rng};

/// What a function is given.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Role {
    /// The context.
    Entry,
    /// A buffer of the caller in `R1`, a number in `R2`.
    WithStack,
    /// Numbers in `R1` and `R2`.
    WithNumbers,
    /// A number in `R1`, a buffer of the caller in `R2`; returns 0 or 1.
    Callback,
    /// A caller's object in `R1`, a number in `R2`.
    WithObject(Kind),
}

pub(super) struct Body<'a> {
    pub(super) index: usize,
    pub(super) roles: &'a [Role],
    pub(super) rng: &'a mut Rng,
    pub(super) world: &'a World,
    pub(super) function: Function,
    pub(super) frame: Frame,
    /// Registers that nothing may overwrite, as a bit set.
    pub(super) pinned: u16,
    /// What must be given back, the last first.
    pub(super) duties: Vec<Duty>,
    /// What was given back before its time.
    pub(super) early: Vec<Duty>,
    /// Objects of the host on stacks.
    pub(super) objects: Vec<Live>,
    /// Slots for objects that are taken, as a bit set.
    pub(super) area: u8,
    /// Whether a rule was broken.
    pub(super) slipped: bool,
    /// Object slots that hold a pointer.
    pub(super) spilt: u8,
    /// The object that the call at hand is about.
    pub(super) chosen: Option<Live>,
    /// The other one that it is about.
    pub(super) second: Option<Live>,
    /// The object that the call at hand was given first.
    pub(super) about: Option<Live>,
    /// The map that the call at hand is about.
    pub(super) map: Option<usize>,
    /// Whether a lock is held, under which nothing is called.
    pub(super) locked: bool,
    /// What pointers of the RCU section at hand hang on; 0 outside.
    pub(super) section: u32,
    /// Last number given to a link, a nullable pointer or a reference.
    pub(super) last_id: u32,
    pub(super) depth: u32,
    pub(super) forks: u32,
    pub(super) trips: u32,
}

impl<'a> Body<'a> {
    pub(super) fn new(index: usize, roles: &'a [Role], rng: &'a mut Rng, world: &'a World) -> Self {
        let forks = if index == 0 { 7 } else { 1 };
        Self {
            index,
            roles,
            rng,
            world,
            function: Function::default(),
            frame: Frame::EMPTY,
            pinned: 0,
            duties: Vec::new(),
            early: Vec::new(),
            objects: Vec::new(),
            area: 0,
            spilt: 0,
            slipped: false,
            chosen: None,
            second: None,
            about: None,
            map: None,
            locked: false,
            section: 0,
            last_id: 0,
            depth: 0,
            forks,
            trips: 1,
        }
    }

    fn role(&self) -> Role {
        self.roles[self.index]
    }

    pub(super) fn generate(mut self) -> Function {
        let (any, buffer) = (Held::number(u64::MAX), Held::of(What::Buffer));
        let (r1, r2) = match self.role() {
            Role::Entry => (Held::of(What::Context), Held::NOTHING),
            Role::WithStack => (buffer, any),
            Role::WithNumbers => (any, any),
            Role::Callback => (any, buffer),
            Role::WithObject(kind) => (self.lent(kind), any),
        };
        self.frame.set(Reg::R1, r1);
        self.frame.set(Reg::R2, r2);
        // Calls spoil the argument registers: what matters moves out of their way.
        let (from, to) = match self.role() {
            Role::Callback => (Reg::R2, self.rng.pick(&[Reg::R6, Reg::R7, Reg::R8, Reg::R9])),
            Role::Entry | Role::WithStack | Role::WithNumbers | Role::WithObject(_) => {
                (Reg::R1, self.rng.pick(&[Reg::R6, Reg::R7, Reg::R8, Reg::R9]))
            }
        };
        self.copy(to, from);
        self.pin(to);
        let statements = match self.role() {
            Role::Entry => self.world.statements,
            Role::WithStack | Role::WithNumbers | Role::Callback | Role::WithObject(_) => {
                1 + self.world.statements / 4
            }
        };
        if let Role::WithObject(kind) = self.role() {
            match kind {
                Kind::Dynptr(_) => self.use_dynptr(),
                Kind::Iter(_) | Kind::Irq(_) => self.next_of_any(),
            }
        }
        self.block(statements);
        self.leave();
        self.function
    }

    /// Returns a number.
    pub(super) fn leave(&mut self) {
        let (min, max) = match self.role() {
            Role::Entry => self.world.returns,
            Role::Callback => (0, 1),
            Role::WithStack | Role::WithNumbers | Role::WithObject(_) => (i32::MIN, i32::MAX),
        };
        let any = (min, max) == (i32::MIN, i32::MAX);
        if !(any && self.frame.get(Reg::R0).is_number()) {
            let imm = if any {
                self.rng.edge_imm()
            } else {
                min + self.rng.below((max - min + 1).cast_unsigned()).cast_signed()
            };
            self.push(Insn::Mov { width: Width::W64, dst: Reg::R0, src: Src::Imm(imm) });
        }
        self.push(Insn::Exit);
    }

    pub(super) fn push(&mut self, insn: Insn) {
        self.function.insns.push(insn);
        if let Insn::LoadImm64 { .. } = insn {
            self.function.insns.push(Insn::LoadImm64Tail);
        }
    }

    /// An instruction that refers to a function.
    pub(super) fn push_reference(&mut self, insn: Insn, function: usize) {
        self.function.references.push(Reference { slot: self.function.insns.len(), function });
        self.push(insn);
    }

    pub(super) fn copy(&mut self, dst: Reg, src: Reg) {
        self.push(Insn::Mov { width: Width::W64, dst, src: Src::Reg(src) });
        let mut held = self.frame.get(src);
        if let What::Number { link, .. } = &mut held.what
            && *link == 0
        {
            *link = self.fresh_id();
            self.frame.set(src, held);
        }
        self.frame.set(dst, held);
    }

    pub(super) fn fresh_id(&mut self) -> u32 {
        self.last_id += 1;
        self.last_id
    }

    pub(super) fn has(&self, feature: Features) -> bool {
        self.world.features.contains(feature)
    }

    pub(super) fn pin(&mut self, reg: Reg) {
        self.pinned |= 1 << reg.index();
    }

    pub(super) fn unpin(&mut self, reg: Reg) {
        self.pinned &= !(1 << reg.index());
    }

    /// A register that may be overwritten.
    pub(super) fn destination(&mut self) -> Reg {
        let free: Vec<Reg> =
            Reg::ALL[..10].iter().copied().filter(|reg| self.pinned & 1 << reg.index() == 0).collect();
        self.rng.pick(&free)
    }

    /// A register whose content passes.
    pub(super) fn find(&mut self, pass: impl Fn(Held) -> bool) -> Option<Reg> {
        let found: Vec<Reg> =
            Reg::ALL[..10].iter().copied().filter(|reg| pass(self.frame.get(*reg))).collect();
        (!found.is_empty()).then(|| self.rng.pick(&found))
    }

    pub(super) fn block(&mut self, statements: u32) {
        for _ in 0..statements {
            self.statement();
        }
    }

    pub(super) fn statement(&mut self) {
        let kind = self.rng.below(126);
        match kind {
            // Nothing is called under a lock.
            66..83 | 95..126 if self.locked && !self.slips() => self.touch(),
            0..14 => self.arithmetic(),
            14..19 => self.unary(),
            19..23 => self.move_about(),
            23..33 => self.touch(),
            33..41 => self.bounded_by_branch(),
            41..50 => self.spill_or_fill(),
            50..57 => self.stack_access(),
            57..61 => self.stack_at_variable_offset(),
            61..66 => self.context(),
            66..74 => self.call(),
            74..79 => self.reference_block(),
            79..83 => self.null_check(),
            83..90 => self.branch(),
            90..92 => self.early_exit(),
            92..94 => self.bounded_loop(),
            94..95 => self.may_goto(),
            95..98 => self.call_subprog(),
            98..100 => self.run_callback(),
            100..105 => self.iterate(),
            105..107 => self.next_of_any(),
            107..109 => self.interrupts_off(),
            109..111 => self.enter_section(),
            111..112 => self.scribble(),
            112..115 => self.dynptr(),
            115..117 => self.use_dynptr(),
            117..120 => self.critical(),
            120..122 => self.kptr(),
            122..124 => self.allocate(),
            _ => self.count_once_more(),
        }
    }

    pub(super) fn take_fork(&mut self) -> bool {
        let enough = self.forks >= self.trips && self.depth < 4;
        if enough {
            self.forks -= self.trips;
        }
        enough
    }

    pub(super) fn here(&self) -> usize {
        self.function.insns.len()
    }

    /// Makes the jump at `slot` go to the next instruction.
    pub(super) fn land(&mut self, slot: usize) {
        let distance = i32::try_from(self.here() - slot - 1).unwrap_or(i32::MAX);
        let landed = self.function.insns[slot].with_relative_offset(distance);
        self.function.insns[slot] = landed.unwrap_or(Insn::Exit);
    }

    /// A few statements one level down.
    pub(super) fn nested(&mut self) {
        self.depth += 1;
        let statements = 1 + self.rng.below(4);
        self.block(statements);
        self.depth -= 1;
    }

    /// `if … { … }` or `if … { … } else { … }` on numbers; both ways leave what the other may not expect.
    fn branch(&mut self) {
        if !self.take_fork() {
            return self.arithmetic();
        }
        let (op, width) = (self.rng.pick(&JmpOp::ALL), self.rng.pick(&Width::ALL));
        let (dst, src) = (self.number(), self.operand());
        let around = self.here();
        self.push(Insn::Branch { op, width, dst, src, offset: 0 });
        let before = self.frame;
        self.nested();
        let after_first = self.frame;
        self.frame = before;
        if self.rng.percent(60) {
            let long = self.has(Features::V4) && self.rng.percent(20);
            let form = if long { JumpForm::Long } else { JumpForm::Short };
            let over = self.here();
            self.push(Insn::Jump { form, offset: 0 });
            self.land(around);
            self.nested();
            self.land(over);
        } else {
            self.land(around);
        }
        self.frame = self.frame.meet(&after_first);
    }

    /// Leaves the function in the middle, when what is held can be given back here.
    fn early_exit(&mut self) {
        if !self.may_leave() || !self.take_fork() {
            return self.unary();
        }
        let (op, width) = (self.rng.pick(&JmpOp::ALL), self.rng.pick(&Width::ALL));
        let (dst, src) = (self.number(), self.operand());
        let around = self.here();
        self.push(Insn::Branch { op, width, dst, src, offset: 0 });
        let before = self.frame;
        self.give_all_back();
        self.leave();
        self.land(around);
        self.frame = before;
    }

    fn may_goto(&mut self) {
        if !self.has(Features::MAY_GOTO) || !self.take_fork() {
            return self.stack_access();
        }
        let around = self.here();
        self.push(Insn::MayGoto { offset: 0 });
        let before = self.frame;
        self.nested();
        self.land(around);
        self.frame = self.frame.meet(&before);
    }

    /// A loop with a counter that calls keep. What the body may read has to hold in every round: it is made before.
    fn bounded_loop(&mut self) {
        let free: Vec<Reg> = [Reg::R6, Reg::R7, Reg::R8, Reg::R9]
            .into_iter()
            .filter(|reg| self.pinned & 1 << reg.index() == 0)
            .collect();
        let times = 1 + self.rng.below(4);
        if !self.has(Features::LOOPS) || free.len() < 2 || self.trips * times > 8 {
            return self.touch();
        }
        let counter = self.rng.pick(&free);
        let limit = times.cast_signed();
        let width = self.rng.pick(&Width::ALL);
        self.push(Insn::Mov { width: Width::W64, dst: counter, src: Src::Imm(0) });
        self.frame.set(counter, Held::number(u64::from(times)));
        self.pin(counter);
        self.trips *= times;
        let head = self.here();
        let before = self.frame;
        self.enter_loop();
        self.frame.set(counter, Held::number(u64::from(times)));
        self.nested();
        self.restore_numbers(&before);
        self.push(Insn::Alu { op: AluOp::Add, width, dst: counter, src: Src::Imm(1) });
        let op = self.rng.pick(&[JmpOp::Lt, JmpOp::Slt, JmpOp::Ne]);
        let back = i16::try_from(head as i64 - self.here() as i64 - 1).unwrap_or(0);
        self.push(Insn::Branch { op, width, dst: counter, src: Src::Imm(limit), offset: back });
        self.trips /= times;
        self.unpin(counter);
        self.frame = self.frame.meet(&before);
        self.frame.set(counter, Held::number(u64::from(times)));
    }

    /// Numbers may be anything in the second round.
    pub(super) fn enter_loop(&mut self) {
        self.frame.update(|held| {
            if let What::Number { max, link } = &mut held.what {
                (*max, *link) = (u64::MAX, 0);
            }
        });
    }

    /// What the next round expects must be there again; where it is not, nothing is read that needs it.
    pub(super) fn restore_numbers(&mut self, before: &Frame) {
        let missing: Vec<Reg> = Reg::ALL[..10]
            .iter()
            .copied()
            .filter(|reg| before.get(*reg).is_number() && !self.frame.get(*reg).is_number())
            .collect();
        for reg in missing {
            self.set(reg);
        }
    }

    /// Reads the context, or writes to it.
    fn context(&mut self) {
        let Some(base) = self.find(|held| held.what == What::Context) else { return self.touch() };
        match &self.world.context {
            ContextLayout::Buffer { size, .. } | ContextLayout::Memory { size, .. } => {
                self.access(base, 0, *size, super::memory::Use::Any);
            }
            ContextLayout::Fields(fields) => {
                if !fields.is_empty() {
                    let field =
                        fields[self.rng.below(u32::try_from(fields.len()).unwrap_or(1)) as usize].clone();
                    self.context_field(base, &field);
                }
            }
            ContextLayout::Args(args) => {
                if !args.is_empty() {
                    let at = self.rng.below(u32::try_from(args.len()).unwrap_or(1));
                    let arg = args[at as usize].clone();
                    self.context_argument(base, at, &arg);
                }
            }
            ContextLayout::None => self.unary(),
        }
    }

    /// A buffer of numbers on this frame's stack, ready to be lent; its first slot.
    pub(super) fn buffer(&mut self) -> usize {
        let first = self.rng.below(4) as usize * 2;
        let slots = BUFFER as usize / 8;
        for slot in first..first + slots {
            if !self.frame.initialised(slot, 1) || self.rng.percent(30) {
                self.store_slot(slot);
            }
        }
        first
    }

    /// Loads an immediate of 64 bits.
    pub(super) fn load_imm64(&mut self, dst: Reg, imm: Imm64) {
        self.push(Insn::LoadImm64 { dst, imm });
    }
}
