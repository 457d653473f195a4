//! What the verifier believed against what happens: before each instruction of a run, some recorded state must describe every
//! register and every stack byte of every frame, and the references that are held.

use opswap_bpf::insn::{Reg, Size};
use opswap_bpf::interp::{self, Registers};
use opswap_bpf::proto::Nullness;
use opswap_bpf::{Insn, InsnIdx};
use opswap_verifier::domain::Scalar;
use opswap_verifier::state::{
    Byte, Frame, ObjectKind, PacketOrigin, Pointer, Progress, RefKind, RegState, Region, Slot, StackObject,
    Trust, VerifierState,
};
use opswap_verifier::{Observer, Rounds};

use crate::calls::is_map;
use crate::heap::{Block, Shared};
use crate::kept::Kept;

/// How much of a state counts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Strictness {
    /// Everything: no path was pruned, so every run is one of the recorded paths.
    Everything,
    /// Registers that are still read: paths were pruned, and what is dead may differ.
    Live,
}

/// States kept per slot; programs with more are watched only where they have fewer.
const MAX_STATES: usize = 600;

/// What of the recorded states is kept as it was.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Faith {
    /// All of it.
    Honest,
    /// A mistake that is made on purpose: of this register's numbers the upper half is thought impossible.
    Narrowed(Reg),
}

/// States by slot, as the walk came to them.
pub(crate) struct Believed {
    states: Vec<Vec<VerifierState>>,
    /// Registers that may still be read, by slot.
    live: Vec<Vec<Reg>>,
    /// Those of them whose numbers matter.
    exact: Vec<Vec<Reg>>,
    /// How often the program is walked.
    again: Rounds,
    faith: Faith,
}

impl Believed {
    pub(crate) fn walked(again: Rounds, faith: Faith) -> Self {
        Self { states: Vec::new(), live: Vec::new(), exact: Vec::new(), again, faith }
    }
}

/// The state, but of a number in `reg` only the lower half is left.
fn narrowed(mut state: VerifierState, reg: Reg) -> VerifierState {
    if let Some(number) = state.reg(reg).as_scalar() {
        let (lo, hi) = (number.umin(), number.umax());
        if let Some(half) = number.intersect(&Scalar::unsigned_range(lo, lo + (hi - lo) / 2)) {
            state.set(reg, RegState::scalar(half));
        }
    }
    state
}

impl Observer for Believed {
    fn rounds(&self) -> Rounds {
        self.again
    }

    fn begin(&mut self, live: Vec<Vec<Reg>>, exact: Vec<Vec<Reg>>) {
        self.states.clear();
        self.states.resize_with(live.len(), Vec::new);
        (self.live, self.exact) = (live, exact);
    }

    fn before(&mut self, at: InsnIdx, state: &VerifierState) {
        if let Some(states) = self.states.get_mut(at.index())
            && states.len() <= MAX_STATES
        {
            states.push(match self.faith {
                Faith::Honest => state.clone(),
                Faith::Narrowed(reg) => narrowed(state.clone(), reg),
            });
        }
    }
}

/// A frame of the run.
struct Running {
    registers: Registers,
}

/// Compares a run with what was believed.
pub(crate) struct Watcher<'a> {
    pub(crate) believed: &'a Believed,
    pub(crate) strictness: Strictness,
    pub(crate) heap: Shared,
    frames: Vec<Running>,
    insns: &'a [Insn],
    /// Addresses of context, packet and packet's end.
    pub(crate) context: u64,
    pub(crate) packet: (u64, u64),
}

impl<'a> Watcher<'a> {
    pub(crate) fn new(
        believed: &'a Believed,
        strictness: Strictness,
        heap: Shared,
        context: u64,
        packet: (u64, u64),
        insns: &'a [Insn],
    ) -> Self {
        Self { believed, strictness, heap, frames: Vec::new(), insns, context, packet }
    }

    fn reg(&self, reg: &RegState, value: u64) -> bool {
        match reg {
            RegState::NotInit => true,
            RegState::Scalar(number) => number.value.contains(value),
            RegState::Pointer(pointer) => {
                (value == 0 && pointer.null == Nullness::Nullable) || self.pointer(pointer, value)
            }
        }
    }

    fn pointer(&self, pointer: &Pointer, value: u64) -> bool {
        let fixed = i64::from(pointer.offset).cast_unsigned();
        let moved = value.wrapping_sub(fixed);
        let from = |base: u64| pointer.var.contains(moved.wrapping_sub(base));
        // Where the base is one of many: any block that lies where the offset allows.
        let block = |wanted: &dyn Fn(Block, u64) -> bool| match pointer.var.as_constant() {
            Some(constant) => {
                let base = moved.wrapping_sub(constant);
                self.heap.0.borrow().at(base).is_some_and(|block| wanted(block, base))
            }
            None => self.heap.0.borrow().iter().any(|(block, base)| from(base) && wanted(block, base)),
        };
        match pointer.to {
            Region::Stack(frame) => {
                let top = self.frames.get(usize::from(frame)).map(|frame| frame.registers[10]);
                top.is_some_and(from)
            }
            Region::Context => from(self.context),
            Region::MapPtr(map) => is_map(moved, map.0),
            Region::MapValue(map) => block(&|block, _| block == Block::Value(map.index())),
            Region::Object(ty) => {
                pointer.trust == Trust::Untrusted || block(&|block, _| block == Block::Object(ty))
            }
            Region::Allocated(ty) => {
                pointer.trust == Trust::Untrusted || block(&|block, _| block == Block::Allocated(ty))
            }
            Region::Memory { size, .. } => {
                block(&|block, base| block == Block::Memory && self.heap.0.borrow().len(base) >= size.into())
            }
            Region::Packet { from: PacketOrigin::Start, range } => {
                let variable = moved.wrapping_sub(self.packet.0);
                let there = range == 0
                    || variable
                        .checked_add(range.into())
                        .is_some_and(|end| end <= self.packet.1 - self.packet.0);
                pointer.var.contains(variable) && there
            }
            Region::PacketEnd => value == self.packet.1,
            // Addresses of functions are slots, far up.
            Region::Func(_) => pointer.fixed_offset().is_none() || moved >= 0xffff_ffff_8000_0000,
            // These are not given here.
            Region::MapKey(_)
            | Region::Record { .. }
            | Region::Packet { .. }
            | Region::Probed
            | Region::Arena
            | Region::Dynptr(_) => false,
        }
    }

    fn slot(&self, slot: &Slot, at: u64) -> bool {
        let mut heap = self.heap.0.borrow_mut();
        let bytes: Vec<u8> = (0..8).map(|byte| heap.byte(at + byte).unwrap_or(0xee)).collect();
        drop(heap);
        let zeroes = slot.bytes.iter().zip(&bytes).all(|(kind, byte)| *kind != Byte::Zero || *byte == 0);
        let spilled = slot.spilled_bytes();
        let Some(reg) = slot.spill.as_deref().filter(|_| spilled > 0) else { return zeroes };
        let value = bytes.iter().take(spilled).rev().fold(0, |value, byte| value << 8 | u64::from(*byte));
        zeroes && self.reg(reg, value)
    }

    /// Whether a frame is as it was believed; `registers` are those that count, and the numbers in `exact`.
    fn frame(&self, frame: &Frame, running: &Running, registers: &[Reg], exact: &[Reg]) -> bool {
        let within = |reg: Reg| match frame.reg(reg) {
            RegState::Scalar(_) if !exact.contains(&reg) => true,
            value @ (RegState::NotInit | RegState::Scalar(_) | RegState::Pointer(_)) => {
                self.reg(value, running.registers[reg.index()])
            }
        };
        let same = registers.iter().all(|&reg| within(reg));
        let stack = || {
            let top = running.registers[10];
            (1..).zip(frame.stack.slots()).all(|(below, slot): (u64, _)| self.slot(slot, top - 8 * below))
        };
        same && (self.strictness == Strictness::Live || stack())
    }

    /// Whether objects and sections are as they were believed.
    fn ledger(&self, state: &VerifierState) -> bool {
        let heap = self.heap.0.borrow();
        let known = &heap.ledger;
        let count = |kind| state.refs().iter().filter(|reference| reference.kind == kind).count();
        let sections = (usize::from(known.section.is_some()), known.preempt as usize);
        let objects = state.frames().iter().zip(&self.frames).all(|(frame, running)| {
            let there =
                |object: &StackObject| known.at(running.registers[10].wrapping_add_signed(object.offset));
            frame
                .stack
                .objects()
                .iter()
                .all(|object| there(object).is_some_and(|kept| is(&object.kind, kept)))
        });
        objects
            && count(RefKind::Iter) == known.iterators() + known.lost
            && count(RefKind::Irq) == known.saved.len()
            && state.refs().locks().count() == usize::from(known.lock.is_some())
            && sections == (state.sections.rcu.into(), state.sections.preempt.into())
    }

    /// Whether an instruction reads what need not be there any more: such a read is checked, and gives 0 instead of a fault.
    fn probes(&self, states: &[VerifierState], at: InsnIdx) -> bool {
        let Some(Insn::Load { base, .. }) = self.insns.get(at.index()) else { return false };
        let untrusted = |state: &VerifierState| {
            state.reg(*base).as_pointer().is_some_and(|pointer| pointer.trust == Trust::Untrusted)
        };
        states.iter().any(untrusted)
    }

    fn matches(&self, state: &VerifierState, at: InsnIdx) -> bool {
        if state.frames().len() != self.frames.len() {
            return false;
        }
        let owned = state.refs().iter().filter(|reference| reference.kind == RefKind::Owned).count();
        // Fewer are held where a pointer that may be NULL is; at the end, where none may be left, both are 0.
        if owned < self.heap.0.borrow().owned() {
            return false;
        }
        if !self.ledger(state) {
            return false;
        }
        let last = self.frames.len() - 1;
        state.frames().iter().zip(&self.frames).enumerate().all(|(index, (frame, running))| {
            let all = &Reg::ALL[..];
            match (self.strictness, index == last) {
                (Strictness::Everything, true) => self.frame(frame, running, all, all),
                // What a caller keeps over a call.
                (Strictness::Everything, false) => self.frame(frame, running, &Reg::ALL[6..], all),
                (Strictness::Live, true) => {
                    let live = self.believed.live.get(at.index()).map_or(all, Vec::as_slice);
                    let exact = self.believed.exact.get(at.index()).map_or(all, Vec::as_slice);
                    self.frame(frame, running, live, exact)
                }
                (Strictness::Live, false) => true,
            }
        })
    }
}

/// Whether an object is what it was believed to be.
fn is(believed: &ObjectKind, kept: &Kept) -> bool {
    match (believed, kept) {
        (ObjectKind::Iter(iter), Kept::Iter(kept)) => {
            iter.ty == kept.ty && (iter.progress == Progress::Drained) == kept.drained
        }
        (ObjectKind::Irq { class, .. }, Kept::Irq { class: kept, .. }) => class == kept,
        (ObjectKind::Dynptr(dynptr), Kept::Dynptr(kept)) => dynptr.memory == kept.memory,
        (ObjectKind::Iter(_) | ObjectKind::Irq { .. } | ObjectKind::Dynptr(_), _) => false,
    }
}

impl interp::Observer for Watcher<'_> {
    fn before(&mut self, at: InsnIdx, frame: u32, registers: &Registers) -> Result<(), String> {
        self.frames.truncate(frame as usize);
        self.frames.push(Running { registers: *registers });
        let states = self.believed.states.get(at.index()).map_or(&[][..], Vec::as_slice);
        if states.len() > MAX_STATES || states.iter().any(|state| self.matches(state, at)) {
            self.heap.0.borrow_mut().probing = self.probes(states, at);
            return Ok(());
        }
        let frame = self.frames.last().map_or(0, |frame| frame.registers[10]);
        let top: Vec<String> = (1..=12_u64)
            .filter_map(|below| self.heap.0.borrow_mut().read(frame - 8 * below, Size::DW).ok())
            .map(|word| format!("{word:x}"))
            .collect();
        Err(format!("ESCAPE at {at}: none of {} states has {registers:x?}, stack {top:?}", states.len()))
    }
}
