//! What is true at one point of one path: [`VerifierState`].
//!
//! | file | owns |
//! |---|---|
//! | `reg` | [`RegState`], [`Pointer`], [`Region`], [`Trust`] |
//! | `held` | [`Held`]: a value that states share |
//! | `stack` | [`Stack`]: bytes and spilled registers |
//! | `objects` | [`StackObject`]: iterators, dynptrs, saved interrupt states |
//! | `ending` | what ends when references, loans, sections and frames end |
//! | `refs` | [`RefTable`]: references and loans |
//! | `covers` | does an explored state include this one? |
//!
//! States are cheap to copy: frames, stacks, values and the reference table are shared until they are written.

pub(crate) mod covers;
mod ending;
pub mod held;
pub mod objects;
pub mod refs;
pub mod reg;
pub mod stack;

use std::rc::Rc;

use opswap_bpf::insn::{AluOp, Reg, Width};
use opswap_bpf::proto::{Nullness, Sleepable};
use opswap_bpf::{InsnIdx, RefId, SubprogId};

pub use held::Held;
pub use objects::{Dynptr, Guard, Iter, ObjectKind, Progress, StackObject};
pub use refs::{Home, Lock, RefKind, RefTable, Reference};
pub use reg::{Identity, Number, Origin, PacketOrigin, Pointer, RegState, Region, Trust};
pub use stack::{Byte, Slot, Stack};

use crate::demand::Wants;
use crate::domain::Scalar;

/// One activation of a subprogram.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Frame {
    regs: [Held; 11],
    /// Its stack.
    pub stack: Stack,
    /// Which subprogram runs.
    pub subprog: SubprogId,
    /// Where its caller goes on; `None` in the entry's frame. A callback goes back to the call that runs it.
    pub return_to: Option<InsnIdx>,
    /// Who called it.
    pub role: Role,
    /// How often the loop that it calls the host for (`bpf_loop`) has run its callback.
    pub rounds: u32,
}

/// Who called a subprogram.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Role {
    /// The program itself, or the host at the program's entry.
    Called,
    /// A function of the host that was given its address, and understands results in `min..=max`.
    Callback {
        /// Least result.
        min: i64,
        /// Greatest result.
        max: i64,
    },
    /// A function of the host that compares two elements of a tree, under the tree's lock: the result is a truth value.
    Comparison,
    /// A function of the host that kept its address, after the program has ended. There is no caller's frame.
    Later {
        /// May it sleep?
        sleepable: Sleepable,
    },
}

impl Frame {
    /// A fresh activation of `subprog` as frame number `number`; only the frame pointer is known.
    pub fn new(number: u8, subprog: SubprogId, return_to: Option<InsnIdx>) -> Self {
        let mut regs = [Held::NOT_INIT; 11];
        regs[Reg::FP.index()] = Held::new(RegState::Pointer(Pointer::new(Region::Stack(number))));
        Self { regs, stack: Stack::default(), subprog, return_to, role: Role::Called, rounds: 0 }
    }

    /// What a register holds.
    pub fn reg(&self, reg: Reg) -> &RegState {
        &self.regs[reg.index()]
    }

    /// Gives a register a new value.
    pub fn set(&mut self, reg: Reg, value: RegState) {
        self.regs[reg.index()] = Held::new(value);
    }

    /// What a register holds, to be shared.
    pub fn held(&self, reg: Reg) -> &Held {
        &self.regs[reg.index()]
    }

    /// Makes a register hold what something else holds.
    pub fn share(&mut self, reg: Reg, value: Held) {
        self.regs[reg.index()] = value;
    }

    /// All registers with their values.
    pub fn regs(&self) -> impl Iterator<Item = (Reg, &RegState)> {
        Reg::ALL.into_iter().zip(self.regs.iter().map(|held| &**held))
    }

    /// Changes every register and spilled register for which `change` gives a new value.
    fn update(&mut self, mut change: impl FnMut(&RegState) -> Option<RegState>) {
        for reg in &mut self.regs {
            if let Some(new) = change(reg) {
                *reg = Held::new(new);
            }
        }
        self.stack.update(change);
    }

    /// The same, for those with the identity of this number.
    fn update_named(&mut self, name: u32, mut change: impl FnMut(&RegState) -> Option<RegState>) {
        for reg in self.regs.iter_mut().filter(|reg| reg.identity().number() == name) {
            if let Some(new) = change(reg) {
                *reg = Held::new(new);
            }
        }
        self.stack.update_named(name, change);
    }

    /// Whether `wanted` holds for some register or spilled register with the identity of this number.
    fn any_named(&self, name: u32, wanted: impl Fn(&RegState) -> bool) -> bool {
        self.regs.iter().any(|held| held.identity().number() == name && wanted(held))
            || self.stack.named(name).any(|(_, held)| wanted(held))
    }

    /// Whether `wanted` holds for some register or spilled register.
    fn any(&self, wanted: impl Fn(&RegState) -> bool) -> bool {
        self.regs.iter().any(|held| wanted(held))
            || self.stack.slots().filter_map(|slot| slot.spill.as_deref()).any(&wanted)
    }
}

/// Sections that the program has entered and must leave.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Sections {
    /// RCU read-side sections (nesting depth).
    pub rcu: u8,
    /// Non-preemptible regions (nesting depth).
    pub preempt: u8,
}

/// What is true at one point of one path.
#[derive(Clone, Debug)]
pub struct VerifierState {
    frames: Vec<Rc<Frame>>,
    refs: Rc<RefTable>,
    /// Entered sections.
    pub sections: Sections,
    /// Ids given so far on this path; the first is 1.
    ids: u32,
    /// How often the path went round a `may_goto`.
    pub may_goto_depth: u32,
}

impl VerifierState {
    /// The entry's frame, before the context is put into it.
    pub fn entry() -> Self {
        Self::beginning(SubprogId(0))
    }

    /// The frame of a function that is verified on its own, before its arguments are put into it.
    pub fn beginning(function: SubprogId) -> Self {
        Self {
            frames: vec![Rc::new(Frame::new(0, function, None))],
            refs: Rc::default(),
            sections: Sections::default(),
            ids: 0,
            may_goto_depth: 0,
        }
    }

    /// A function that runs on its own, with nothing held.
    pub fn alone(frame: Frame) -> Self {
        Self { frames: vec![Rc::new(frame)], ..Self::entry() }
    }

    /// The same, but the ids that `other` gave are given already.
    pub fn with_ids_of(self, other: &Self) -> Self {
        Self { ids: other.ids, ..self }
    }

    /// All frames, the entry's first.
    pub fn frames(&self) -> &[Rc<Frame>] {
        &self.frames
    }

    /// Number of the running frame.
    pub fn depth(&self) -> u8 {
        u8::try_from(self.frames.len().saturating_sub(1)).unwrap_or(u8::MAX)
    }

    /// The running frame.
    pub fn frame(&self) -> &Frame {
        self.frames.last().expect("a state has at least the entry's frame")
    }

    /// The running frame, to change it.
    pub fn frame_mut(&mut self) -> &mut Frame {
        Rc::make_mut(self.frames.last_mut().expect("a state has at least the entry's frame"))
    }

    /// The stack of a frame.
    pub fn stack(&self, frame: u8) -> Option<&Stack> {
        self.frames.get(usize::from(frame)).map(|frame| &frame.stack)
    }

    /// The stack of a frame, to change it.
    pub fn stack_mut(&mut self, frame: u8) -> Option<&mut Stack> {
        self.frames.get_mut(usize::from(frame)).map(|frame| &mut Rc::make_mut(frame).stack)
    }

    /// Enters a subprogram.
    pub fn push(&mut self, frame: Frame) {
        self.frames.push(Rc::new(frame));
    }

    /// What a register of the running frame holds.
    pub fn reg(&self, reg: Reg) -> &RegState {
        self.frame().reg(reg)
    }

    /// Gives a register of the running frame a new value.
    pub fn set(&mut self, reg: Reg, value: RegState) {
        self.frame_mut().set(reg, value);
    }

    /// A fresh number that no other id on this path has.
    fn next_id(&mut self) -> u32 {
        self.ids = self.ids.saturating_add(1);
        self.ids
    }

    /// A fresh name for something that pointers are borrowed from and that nobody has to give back.
    pub fn fresh_name(&mut self) -> RefId {
        RefId(self.next_id())
    }

    /// A fresh identity for copies.
    pub fn fresh_identity(&mut self) -> Identity {
        Identity::new(self.next_id())
    }

    /// The value of a register, with an identity for a copy to share if it is a number that is not known yet.
    pub fn shared(&mut self, reg: Reg) -> RegState {
        let value = *self.reg(reg);
        let RegState::Scalar(number) = value else { return value };
        // Constants do not add up: a copy of a moved number begins anew, or moving it again would link it to nothing.
        if number.id.is_some() && number.id.delta == 0 || number.value.as_constant().is_some() {
            return value;
        }
        let value = RegState::Scalar(Number { id: self.fresh_identity(), ..number });
        self.set(reg, value);
        value
    }

    /// Makes `dst` a copy of `src`.
    pub fn copy(&mut self, dst: Reg, src: Reg) {
        self.shared(src);
        let frame = self.frame_mut();
        let value = frame.held(src).clone();
        frame.share(dst, value);
    }

    /// Gives a nullable pointer, or a packet pointer with a variable offset, its identity, if it has none yet.
    pub fn identified(&mut self, reg: RegState) -> RegState {
        match reg {
            RegState::Pointer(pointer) if pointer.null == Nullness::Nullable && !pointer.id.is_some() => {
                RegState::Pointer(Pointer { id: self.fresh_identity(), ..pointer })
            }
            RegState::Pointer(pointer)
                if pointer.to.is_packet() && !pointer.id.is_some() && pointer.var.as_constant().is_none() =>
            {
                RegState::Pointer(Pointer { id: self.fresh_identity(), ..pointer })
            }
            RegState::NotInit | RegState::Scalar(_) | RegState::Pointer(_) => reg,
        }
    }

    /// Live references and loans.
    pub fn refs(&self) -> &RefTable {
        &self.refs
    }

    /// Begins a reference or loan at an instruction.
    pub fn begin(&mut self, kind: RefKind, at: InsnIdx) -> RefId {
        let id = RefId(self.next_id());
        let frame = self.depth();
        Rc::make_mut(&mut self.refs).begin(Reference { id, kind, at, frame, arg: None });
        id
    }

    /// Whether the path got ahead since `older` was true on it: another round of a loop that the host ends.
    ///
    /// Such a loop goes round `may_goto`, or takes elements from one iterator, which has only so many.
    pub fn advanced_since(&self, older: &Self) -> bool {
        self.rounds_since(older) > 0
    }

    /// How many rounds of such loops lie between.
    pub fn rounds_since(&self, older: &Self) -> u32 {
        let jumped = self.may_goto_depth.abs_diff(older.may_goto_depth);
        let iterated = older.iterators().filter_map(|(id, before)| {
            let same = self.iterators().find(|(same, _)| *same == id);
            same.map(|(_, depth)| depth.saturating_sub(before))
        });
        iterated.fold(jumped, u32::max)
    }

    /// Whether each iterator that `older` and `origin` share is here as well, and has given as many elements as in `older`.
    pub fn as_far_as(&self, older: &Self, origin: &Self) -> bool {
        let shared = |id: RefId| origin.iterators().any(|(same, _)| same == id);
        older
            .iterators()
            .filter(|(id, _)| shared(*id))
            .all(|(id, depth)| self.iterators().any(|(same, here)| same == id && here >= depth))
    }

    /// The reference that the memory of the dynptr with this name belongs to.
    pub fn owner_of(&self, dynptr: RefId) -> Option<RefId> {
        let objects = self.frames.iter().flat_map(|frame| frame.stack.objects());
        let mut dynptrs = objects.filter_map(|object| object.kind.as_dynptr());
        dynptrs.find(|candidate| candidate.id == dynptr)?.owner
    }

    /// Whether this is the name of a dynptr, on the stack or lent: what is borrowed from it lies in the memory that it reaches.
    pub fn is_dynptr(&self, id: RefId) -> bool {
        // Callers lend nothing but dynptrs under a name.
        if self.refs.get(id).is_some_and(|reference| reference.kind == RefKind::Lent) {
            return true;
        }
        let mut objects = self.frames.iter().flat_map(|frame| frame.stack.objects());
        objects.any(|object| object.kind.as_dynptr().is_some_and(|dynptr| dynptr.id == id))
    }

    /// Iterators that may have more elements, and how many they gave.
    fn iterators(&self) -> impl Iterator<Item = (RefId, u32)> {
        let objects = self.frames.iter().flat_map(|frame| frame.stack.objects());
        objects.filter_map(|object| object.kind.as_iter().and_then(Iter::depth))
    }

    /// Begins the reference or loan that context argument `arg` brings along; before the first instruction only.
    pub fn begin_argument(&mut self, kind: RefKind, arg: u8) {
        let id = RefId(self.next_id());
        let reference = Reference { id, kind, at: InsnIdx(0), frame: 0, arg: Some(arg) };
        Rc::make_mut(&mut self.refs).begin(reference);
    }

    /// Changes every register and spilled register of every frame for which `change` gives a new value.
    pub fn update(&mut self, change: impl Fn(&RegState) -> Option<RegState>) {
        for frame in &mut self.frames {
            // Frames are shared with explored states: copy only those that change.
            if frame.any(|reg| change(reg).is_some()) {
                Rc::make_mut(frame).update(&change);
            }
        }
    }

    /// The same, for those that share `id`.
    fn update_named(&mut self, id: Identity, change: impl Fn(&RegState) -> Option<RegState>) {
        let name = id.number();
        if name == 0 {
            return self.update(change);
        }
        for frame in &mut self.frames {
            if frame.any_named(name, |reg| change(reg).is_some()) {
                Rc::make_mut(frame).update_named(name, &change);
            }
        }
    }

    /// All copies of the number `id` get the value that a branch proved; those that differ by a constant, the value that follows.
    pub fn learn(&mut self, id: Identity, value: Scalar) {
        if !id.is_some() {
            return;
        }
        self.update_named(id, |reg| match reg {
            RegState::Scalar(number) if number.id.shares(id) => {
                let known = if number.id.delta == id.delta {
                    value
                } else {
                    // Exact modulo 2^64: so is the sum.
                    let by = i64::from(number.id.delta) - i64::from(id.delta);
                    let by = Scalar::constant(by.cast_unsigned());
                    let moved = Scalar::alu(AluOp::Add, Width::W64, &value, &by);
                    // Both are true of it.
                    moved.intersect(&number.value).unwrap_or(number.value)
                };
                (number.value != known).then_some(RegState::Scalar(Number { value: known, id: number.id }))
            }
            RegState::NotInit | RegState::Scalar(_) | RegState::Pointer(_) => None,
        });
    }

    /// All packet pointers with the variable part of `id` have at least `range` bytes of packet behind it.
    pub fn learn_packet(&mut self, from: PacketOrigin, id: Identity, range: u16) {
        self.update_named(id, |reg| match reg {
            RegState::Pointer(pointer) if pointer.id == id => {
                let (origin, known) = pointer.to.packet()?;
                let to = Region::Packet { from, range };
                (origin == from && known < range).then_some(RegState::Pointer(Pointer { to, ..*pointer }))
            }
            RegState::NotInit | RegState::Scalar(_) | RegState::Pointer(_) => None,
        });
    }

    /// All copies of the nullable pointer `id` are now known to be NULL, or not to be.
    ///
    /// A NULL owned pointer holds no reference: it ends. `gone` is what other pointers that hung on it become.
    pub fn decide_null(&mut self, pointer: &Pointer, known: Known, gone: RegState) {
        let id = pointer.id;
        match known {
            Known::NonNull => self.update_named(id, |reg| match reg {
                RegState::Pointer(copy) if copy.id == id && copy.null == Nullness::Nullable => {
                    Some(RegState::Pointer(Pointer { null: Nullness::NonNull, id: Identity::NONE, ..*copy }))
                }
                RegState::NotInit | RegState::Scalar(_) | RegState::Pointer(_) => None,
            }),
            Known::Null => {
                self.update_named(id, |reg| match reg {
                    RegState::Pointer(copy) if copy.id == id && copy.null == Nullness::Nullable => {
                        Some(RegState::constant(0))
                    }
                    RegState::NotInit | RegState::Scalar(_) | RegState::Pointer(_) => None,
                });
                if let Trust::Owned(reference) = pointer.trust {
                    self.end(reference, gone);
                }
            }
        }
    }
}

/// What a comparison with NULL proved.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Known {
    /// It is NULL.
    Null,
    /// It is not.
    NonNull,
}

/// Loosens the numbers of `new` that are not those of `old`: a bound that moved is given up, one that held is kept. Numbers
/// that `wants` says are relied on stay as they are.
pub(crate) fn widen(old: &VerifierState, new: &mut VerifierState, wants: impl Fn(usize) -> Wants) {
    // A callback's own frame is new in every round.
    for (at, (old, new)) in old.frames.iter().zip(&mut new.frames).enumerate() {
        let wants = wants(at);
        let frame = Rc::make_mut(new);
        for ((reg, old), new) in old.regs().zip(&mut frame.regs) {
            if let Some(wide) = widened(old, new).filter(|_| !wants.regs.contains(reg)) {
                *new = Held::new(wide);
            }
        }
        let kept = |slot| wants.exact.of_slot(slot) != [false; 2];
        frame.stack.widen(&old.stack, |slot, old, new| widened(old, new).filter(|_| !kept(slot)));
    }
}

fn widened(old: &RegState, new: &RegState) -> Option<RegState> {
    let (RegState::Scalar(old), RegState::Scalar(new)) = (old, new) else { return None };
    let moved = new.id.is_some() && new.id.delta != old.id.delta;
    let (old, new) = (old.value, new.value);
    if old.covers(&new) {
        return moved.then(|| RegState::scalar(new));
    }
    let unsigned = Scalar::unsigned_range(
        if new.umin() >= old.umin() { old.umin() } else { 0 },
        if new.umax() <= old.umax() { old.umax() } else { u64::MAX },
    );
    let signed = Scalar::signed_range(
        if new.smin() >= old.smin() { old.smin() } else { i64::MIN },
        if new.smax() <= old.smax() { old.smax() } else { i64::MAX },
    );
    let wide = unsigned.intersect(&signed).filter(|wide| wide.covers(&new));
    Some(RegState::scalar(wide.unwrap_or_else(Scalar::unknown)))
}
