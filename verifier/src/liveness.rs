//! Which registers may still be read: a backward data-flow analysis over the whole program, before the walk.
//!
//! Register `r` is live at a slot when some chain of edges from there reads `r` before writing it. Dead registers do not
//! count when states are compared. The analysis may call a dead register live, never the other way round.

use opswap_bpf::insn::{AtomicOp, CallTarget, Fetch, PacketMode, Reg, Src};
use opswap_bpf::{Insn, InsnIdx, Program};

use crate::cfg::successors;
use crate::globals::Globals;

/// A set of registers.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub(crate) struct LiveRegs(u16);

impl LiveRegs {
    /// No register.
    pub(crate) const NONE: Self = Self(0);
    /// Every register.
    pub(crate) const ALL: Self = Self(0x7ff);
    /// R1 to R5.
    pub(crate) const ARGS: Self = Self(0b11_1110);
    /// What a call does not keep.
    pub(crate) const CALLER_SAVED: Self = Self(0b11_1111);
    /// What a call keeps, the frame pointer aside.
    pub(crate) const CALLEE_SAVED: Self = Self(0b11_1100_0000);

    fn of(regs: &[Reg]) -> Self {
        Self(regs.iter().fold(0, |set, reg| set | 1 << reg.index()))
    }

    /// Whether the register is in the set.
    pub(crate) fn contains(self, reg: Reg) -> bool {
        self.0 >> reg.index() & 1 == 1
    }

    /// Adds a register.
    pub(crate) fn insert(&mut self, reg: Reg) {
        self.0 |= 1 << reg.index();
    }

    /// Takes a register out; says whether it was there.
    pub(crate) fn remove(&mut self, reg: Reg) -> bool {
        let there = self.contains(reg);
        self.0 &= !(1 << reg.index());
        there
    }

    pub(crate) fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub(crate) fn minus(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    pub(crate) fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }
}

/// Live registers before every slot.
#[derive(Clone, Debug)]
pub(crate) struct Liveness {
    before: Vec<LiveRegs>,
    edges: Predecessors,
}

/// What an instruction reads and writes.
struct Effect {
    reads: LiveRegs,
    writes: LiveRegs,
}

fn src_reg(src: Src) -> LiveRegs {
    match src {
        Src::Reg(reg) => LiveRegs::of(&[reg]),
        Src::Imm(_) => LiveRegs::NONE,
    }
}

/// Registers read and written; a call's callee is the caller's business.
fn effect(insn: &Insn) -> Effect {
    let none = LiveRegs::NONE;
    let of = |reg: &Reg| LiveRegs::of(&[*reg]);
    let (reads, writes) = match insn {
        Insn::Alu { dst, src, .. } => (of(dst).union(src_reg(*src)), of(dst)),
        Insn::Mov { dst, src, .. } => (src_reg(*src), of(dst)),
        Insn::MovSx { dst, src, .. } | Insn::AddressCast { dst, src, .. } => (of(src), of(dst)),
        Insn::Neg { dst, .. } | Insn::ByteSwap { dst, .. } => (of(dst), of(dst)),
        Insn::LoadImm64 { dst, .. } => (none, of(dst)),
        Insn::LoadImm64Tail | Insn::Jump { .. } | Insn::MayGoto { .. } => (none, none),
        Insn::Load { dst, base, .. } | Insn::LoadAcquire { dst, base, .. } => (of(base), of(dst)),
        Insn::Store { base, src, .. } => (of(base).union(src_reg(*src)), none),
        Insn::StoreRelease { base, src, .. } => (LiveRegs::of(&[*base, *src]), none),
        Insn::Atomic { op, base, src, .. } => match op {
            AtomicOp::Add(fetch) | AtomicOp::Or(fetch) | AtomicOp::And(fetch) | AtomicOp::Xor(fetch) => {
                let writes = if *fetch == Fetch::Yes { of(src) } else { none };
                (LiveRegs::of(&[*base, *src]), writes)
            }
            AtomicOp::Xchg => (LiveRegs::of(&[*base, *src]), of(src)),
            AtomicOp::Cmpxchg => (LiveRegs::of(&[*base, *src, Reg::R0]), of(&Reg::R0)),
        },
        Insn::LoadPacket { mode, .. } => {
            let index = match mode {
                PacketMode::Abs => none,
                PacketMode::Ind(reg) => of(reg),
            };
            (of(&Reg::R6).union(index), LiveRegs::CALLER_SAVED)
        }
        Insn::Branch { dst, src, .. } => (of(dst).union(src_reg(*src)), none),
        Insn::Call { .. } => (LiveRegs::ARGS, LiveRegs::CALLER_SAVED),
        Insn::CallReg { reg } => (LiveRegs::ARGS.union(of(reg)), LiveRegs::CALLER_SAVED),
        Insn::Exit => (of(&Reg::R0), none),
    };
    Effect { reads, writes }
}

impl Liveness {
    /// Analyses a program whose jumps and calls are all in range.
    pub(crate) fn analyse(program: &Program, globals: &Globals) -> Self {
        let slots = program.insns.len();
        let edges = predecessors(program, globals);
        let mut before = vec![LiveRegs::NONE; slots];
        let mut queued = vec![true; slots];
        // From the end to the front: most facts arrive in one pass. A set only grows, so every slot is redone at most
        // once for each register of each successor.
        let mut work: Vec<usize> = (0..slots).collect();
        while let Some(slot) = work.pop() {
            queued[slot] = false;
            let Ok(index) = u32::try_from(slot) else { continue };
            let at = InsnIdx(index);
            let insn = &program.insns[slot];
            let succ = successors(insn, at);
            let live_at = |to: Option<InsnIdx>| {
                to.and_then(|to| before.get(to.index())).copied().unwrap_or(LiveRegs::NONE)
            };
            let after = live_at(succ.next).union(live_at(succ.jump));
            let Effect { mut reads, writes } = effect(insn);
            if let Some(callee) = callee(globals, insn, at) {
                reads = live_at(Some(callee)).and(LiveRegs::ARGS);
            }
            let live = reads.union(after.minus(writes));
            if live != before[slot] {
                before[slot] = live;
                for &pred in edges.of(slot) {
                    if !std::mem::replace(&mut queued[pred as usize], true) {
                        work.push(pred as usize);
                    }
                }
            }
        }
        Self { before, edges }
    }

    /// Registers that may still be read from this slot on.
    pub(crate) fn at(&self, at: InsnIdx) -> LiveRegs {
        self.before.get(at.index()).copied().unwrap_or(LiveRegs::ALL)
    }

    /// The slots that come before this one on some chain of edges; a subprogram's first slot comes after its calls.
    pub(crate) fn before(&self, at: InsnIdx) -> &[u32] {
        self.edges.of(at.index())
    }

    /// Registers of a caller that may still be read once its callee has returned to this slot.
    pub(crate) fn of_caller(&self, return_to: InsnIdx) -> LiveRegs {
        self.at(return_to).and(LiveRegs::CALLEE_SAVED)
    }
}

/// The subprogram that is called; `None` for other instructions, and for addresses that are merely taken.
fn callee(globals: &Globals, insn: &Insn, at: InsnIdx) -> Option<InsnIdx> {
    let Insn::Call { target: CallTarget::Subprog(offset) } = insn else { return None };
    // A call by contract reads what any call of the host reads.
    at.jump(*offset).filter(|to| globals.at(*to).is_none())
}

/// The slots from which facts flow into each slot, as one array.
#[derive(Clone, Debug)]
struct Predecessors {
    first: Vec<u32>,
    preds: Vec<u32>,
}

impl Predecessors {
    fn of(&self, slot: usize) -> &[u32] {
        let bounds = self.first.get(slot).zip(self.first.get(slot + 1));
        bounds.and_then(|(&from, &to)| self.preds.get(from as usize..to as usize)).unwrap_or(&[])
    }
}

fn predecessors(program: &Program, globals: &Globals) -> Predecessors {
    let slots = program.insns.len();
    let mut edges: Vec<(u32, u32)> = Vec::with_capacity(slots + slots / 4);
    for (index, insn) in (0u32..).zip(&program.insns) {
        let at = InsnIdx(index);
        let succ = successors(insn, at);
        let targets = [succ.next, succ.jump, callee(globals, insn, at)];
        edges.extend(targets.into_iter().flatten().filter(|to| to.index() < slots).map(|to| (to.0, index)));
    }
    edges.sort_unstable();
    let mut first = vec![0u32; slots + 1];
    for &(to, _) in &edges {
        first[to as usize + 1] += 1;
    }
    for slot in 0..slots {
        first[slot + 1] += first[slot];
    }
    Predecessors { first, preds: edges.into_iter().map(|(_, from)| from).collect() }
}
