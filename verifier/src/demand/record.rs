//! What one step touched, and what all steps of one instruction touched together.

use opswap_bpf::Insn;
use opswap_bpf::insn::{AtomicOp, CallTarget, Fetch, Reg, Size, Src, Width};
use opswap_bpf::proto::ReturnRule;

use super::places::Halves;
use crate::host::PointerLeaks;
use crate::liveness::LiveRegs;
use crate::state::{Identity, Pointer, RegState, Region, Role, VerifierState};
use crate::subject::Subject;

/// Stack of one frame that an instruction accesses.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Access {
    /// Which frame's.
    pub(crate) frame: u8,
    /// What it reads, at most.
    pub(crate) reads: Halves,
    /// What it writes, at most.
    pub(crate) writes: Halves,
    /// What it overwrites for sure, without looking at what was there.
    pub(crate) kills: Halves,
}

/// Places of one frame that share the identity of a number which a branch compares.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Linked {
    pub(crate) frame: u8,
    pub(crate) regs: LiveRegs,
    pub(crate) halves: Halves,
}

/// What a step touched.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Touched {
    /// Registers whose numbers it relied on: with another number it might not be legal, or do something else.
    pub(crate) relied: LiveRegs,
    pub(crate) access: Vec<Access>,
    pub(crate) linked: Vec<Linked>,
}

impl Touched {
    pub(crate) fn is_empty(&self) -> bool {
        self.relied == LiveRegs::NONE && self.access.is_empty() && self.linked.is_empty()
    }

    pub(crate) fn clear(&mut self) {
        self.relied = LiveRegs::NONE;
        self.access.clear();
        self.linked.clear();
    }

    /// Relies on the number of a register, if it holds one.
    pub(crate) fn relies(&mut self, state: &VerifierState, reg: Reg) {
        if matches!(state.reg(reg), RegState::Scalar(_)) {
            self.relied.insert(reg);
        }
    }

    fn relies_on_source(&mut self, state: &VerifierState, src: Src) {
        if let Src::Reg(src) = src {
            self.relies(state, src);
        }
    }

    /// Notes what the instruction that comes next touches, calls aside, which note it themselves.
    #[expect(clippy::wildcard_enum_match_arm, reason = "the others touch nothing, or note it themselves")]
    pub(crate) fn note(&mut self, subject: &Subject<'_>, state: &VerifierState, insn: &Insn) {
        match *insn {
            Insn::Alu { dst, src, .. } => {
                let pointer = |reg: Reg| matches!(state.reg(reg), RegState::Pointer(_));
                // A number becomes part of a pointer.
                if pointer(dst) || matches!(src, Src::Reg(src) if pointer(src)) {
                    self.relies(state, dst);
                    self.relies_on_source(state, src);
                }
            }
            Insn::Load { size, base, offset, .. } | Insn::LoadAcquire { size, base, offset, .. } => {
                self.load(state, base, offset, size);
            }
            Insn::Store { size, base, offset, src } => {
                self.store(subject, state, base, offset, size);
                if may_be_kptr(subject, state.reg(base)) {
                    self.relies_on_source(state, src);
                }
            }
            Insn::StoreRelease { size, base, offset, .. } => {
                self.store(subject, state, base, offset, size);
            }
            Insn::Atomic { width, base, offset, .. } => {
                let size = if width == Width::W32 { Size::W } else { Size::DW };
                self.load(state, base, offset, size);
                if let Some(access) = self.access.last_mut() {
                    access.writes = access.reads;
                }
            }
            Insn::Branch { dst, src, .. } => {
                let right = match src {
                    Src::Reg(src) => Some(state.reg(src)),
                    Src::Imm(_) => None,
                };
                self.link(state, state.reg(dst));
                right.into_iter().for_each(|right| self.link(state, right));
                let numbers = |value: &RegState| matches!(value, RegState::Scalar(_));
                if !numbers(state.reg(dst)) || right.is_some_and(|right| !numbers(right)) {
                    self.relies(state, dst);
                    self.relies_on_source(state, src);
                }
            }
            // Judged as a whole, unless the callee is walked into.
            Insn::Call { target: CallTarget::Subprog(_) } => {
                for reg in Reg::ARGS {
                    self.relies(state, reg);
                    self.lends(state, reg);
                }
            }
            Insn::Exit => self.exit(subject, state),
            _ => {}
        }
    }

    /// A callee may read and write the stack from where a register points to up to the frame's top.
    pub(crate) fn lends(&mut self, state: &VerifierState, reg: Reg) {
        let place = state.reg(reg).as_pointer().and_then(stack_place);
        if let Some((frame, start, ..)) = place {
            let lent = Halves::slots_touched(start, 0);
            self.access.push(Access { frame, reads: lent, writes: lent, kills: Halves::NONE });
        }
    }

    /// A result is judged by whom it goes to; a caller that is walked on goes on with it.
    fn exit(&mut self, subject: &Subject<'_>, state: &VerifierState) {
        let judged = match (state.frame().return_to, state.frame().role) {
            (Some(_), Role::Called) => false,
            (Some(_), Role::Callback { .. } | Role::Comparison) | (_, Role::Later { .. }) => true,
            (None, _) => match subject.entry.ret {
                ReturnRule::Void | ReturnRule::Scalar { .. } => false,
                ReturnRule::Range { .. } | ReturnRule::Owned { .. } => true,
            },
        };
        if judged {
            self.relies(state, Reg::R0);
        }
    }

    /// A branch that could go one way only.
    pub(crate) fn decided(&mut self, state: &VerifierState, insn: &Insn) {
        if let Insn::Branch { dst, src, .. } = *insn {
            self.relies(state, dst);
            self.relies_on_source(state, src);
        }
    }

    fn load(&mut self, state: &VerifierState, base: Reg, offset: i16, size: Size) {
        let Some((frame, start, end, _)) = span(state, base, offset, size) else { return };
        let reads = Halves::touched(start, end);
        self.access.push(Access { frame, reads, writes: Halves::NONE, kills: Halves::NONE });
    }

    fn store(&mut self, subject: &Subject<'_>, state: &VerifierState, base: Reg, offset: i16, size: Size) {
        let Some((frame, start, end, exact)) = span(state, base, offset, size) else { return };
        let writes = Halves::touched(start, end);
        let kills = if exact { Halves::covered(start, end) } else { Halves::NONE };
        let access = Access { frame, reads: Halves::NONE, writes, kills };
        self.access.push(if overwrites(subject, start, end, exact) {
            access
        } else {
            Access { reads: Halves::slots_touched(start, end), kills: Halves::NONE, ..access }
        });
    }

    /// The places that learn with the number `value` when it is compared.
    fn link(&mut self, state: &VerifierState, value: &RegState) {
        let RegState::Scalar(number) = value else { return };
        if !number.id.is_some() {
            return;
        }
        for (at, frame) in (0u8..=u8::MAX).zip(state.frames()) {
            let shares = |value: &RegState| is_copy(value, number.id);
            let mut linked = Linked { frame: at, regs: LiveRegs::NONE, halves: Halves::NONE };
            for (reg, value) in frame.regs() {
                if shares(value) {
                    linked.regs.insert(reg);
                }
            }
            for (slot, held) in frame.stack.named(number.id.number()) {
                if shares(held) {
                    linked.halves = linked.halves.union(Halves::slot(slot));
                }
            }
            if linked.regs != LiveRegs::NONE || !linked.halves.is_empty() {
                self.linked.push(linked);
            }
        }
    }
}

/// Whether a store there may be to a kptr, which takes no number but NULL.
fn may_be_kptr(subject: &Subject<'_>, base: &RegState) -> bool {
    let Some(Pointer { to: Region::MapValue(map), .. }) = base.as_pointer() else { return false };
    subject.map(*map).is_ok_and(|map| !map.fields.is_empty())
}

fn is_copy(value: &RegState, id: Identity) -> bool {
    matches!(value, RegState::Scalar(number) if number.id.shares(id))
}

/// The stack that an access may touch: frame, first byte, one past the last, and whether the place is known.
fn span(state: &VerifierState, base: Reg, offset: i16, size: Size) -> Option<(u8, i64, i64, bool)> {
    let pointer = state.reg(base).as_pointer()?;
    let (frame, start, last, exact) = stack_place(pointer)?;
    let bytes = i64::from(offset) + i64::from(size.bytes());
    Some((frame, start.saturating_add(offset.into()), last.saturating_add(bytes), exact))
}

/// Where a stack pointer points: frame, least and greatest offset, and whether they are the same.
fn stack_place(pointer: &Pointer) -> Option<(u8, i64, i64, bool)> {
    let Region::Stack(frame) = pointer.to else { return None };
    let fixed = i64::from(pointer.offset);
    let (least, most) = match pointer.var.as_constant() {
        Some(var) => (var.cast_signed(), var.cast_signed()),
        None => (pointer.var.smin(), pointer.var.smax()),
    };
    Some((frame, fixed.saturating_add(least), fixed.saturating_add(most), least == most))
}

/// Whether a store is legal whatever the stack held before. Where addresses are secret, a store that would leave part of a
/// pointer is not.
fn overwrites(subject: &Subject<'_>, start: i64, end: i64, exact: bool) -> bool {
    subject.policy.leaks == PointerLeaks::Allowed
        || exact && start.rem_euclid(8) == 0 && matches!(end - start, 4 | 8)
}

/// The register that an atomic operation puts the old value into.
pub(super) fn fetched_into(op: AtomicOp, src: Reg) -> Option<Reg> {
    match op {
        AtomicOp::Add(fetch) | AtomicOp::Or(fetch) | AtomicOp::And(fetch) | AtomicOp::Xor(fetch) => {
            (fetch == Fetch::Yes).then_some(src)
        }
        AtomicOp::Xchg => Some(src),
        AtomicOp::Cmpxchg => Some(Reg::R0),
    }
}

/// What all steps of one instruction touched: reads and writes of any, what every one overwrote.
#[derive(Clone, Debug, Default)]
pub(super) struct Record {
    pub(super) touched: Touched,
}

/// Whether something was added.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Grown {
    Yes,
    No,
}

/// Whether an instruction was stepped before.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Turn {
    First,
    Later,
}

impl Record {
    /// Adds what one more step touched.
    pub(super) fn add(&mut self, step: &Touched, turn: Turn) -> Grown {
        let mut grown = Grown::No;
        let relied = self.touched.relied.union(step.relied);
        if relied != self.touched.relied {
            self.touched.relied = relied;
            grown = Grown::Yes;
        }
        for known in &mut self.touched.access {
            let here = step.access.iter().filter(|access| access.frame == known.frame);
            let kills = here.fold(Halves::NONE, |kills, access| kills.union(access.kills)).and(known.kills);
            if kills != known.kills {
                known.kills = kills;
                grown = Grown::Yes;
            }
        }
        for access in &step.access {
            if self.add_access(*access, turn) == Grown::Yes {
                grown = Grown::Yes;
            }
        }
        for linked in &step.linked {
            let known = self.touched.linked.iter_mut().find(|known| known.frame == linked.frame);
            let Some(known) = known else {
                self.touched.linked.push(*linked);
                grown = Grown::Yes;
                continue;
            };
            let (regs, halves) = (known.regs.union(linked.regs), known.halves.union(linked.halves));
            if (regs, halves) != (known.regs, known.halves) {
                (known.regs, known.halves) = (regs, halves);
                grown = Grown::Yes;
            }
        }
        grown
    }

    fn add_access(&mut self, access: Access, turn: Turn) -> Grown {
        let known = self.touched.access.iter_mut().find(|known| known.frame == access.frame);
        let Some(known) = known else {
            // An earlier step did not overwrite this.
            let kills = if turn == Turn::First { access.kills } else { Halves::NONE };
            self.touched.access.push(Access { kills, ..access });
            return Grown::Yes;
        };
        let kills = if turn == Turn::First { known.kills.union(access.kills) } else { known.kills };
        let (reads, writes) = (known.reads.union(access.reads), known.writes.union(access.writes));
        let grown = (reads, writes, kills) != (known.reads, known.writes, known.kills);
        (known.reads, known.writes, known.kills) = (reads, writes, kills);
        if grown { Grown::Yes } else { Grown::No }
    }
}
