//! Does an explored state include this one? If it does, nothing new can go wrong from here.
//!
//! `old` covers `new` when every concrete state that `new` describes is also described by `old`. Registers and stack that are
//! dead at the compared instruction do not count, nor do numbers that nothing relies on (`demand`): only that they are
//! numbers. Ids are names: they are compared through a map from old ids to new ids.

use opswap_bpf::insn::Reg;

use super::objects::{ObjectKind, Progress, StackObject};
use super::refs::{RefKind, RefTable};
use super::reg::{Identity, Number, Origin, Pointer, RegState, Region, Trust};
use super::stack::{Byte, Slot, Stack};
use super::{Frame, VerifierState};
use crate::demand::Wants;
use crate::host::UninitStack;
use crate::liveness::LiveRegs;

/// What is compared of one frame.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Compared {
    /// Registers that may still be read.
    pub(crate) live: LiveRegs,
    /// Which numbers and which stack matter.
    pub(crate) wants: Wants,
}

/// Which old id stands for which new id.
#[derive(Default)]
struct Ids {
    pairs: Vec<(u32, u32)>,
    /// Stands for "no id" on the new side: never equal to anything else.
    anonymous: u32,
}

impl Ids {
    /// Whether `old` may stand for `new`: always the same one. Two old ids may stand for one new id, which knows more.
    fn matches(&mut self, old: Identity, new: Identity) -> bool {
        if !old.is_some() {
            return true;
        }
        if !new.is_some() {
            self.anonymous += 1;
            return self.pair(old.base, u32::MAX - self.anonymous);
        }
        // What the old continuation learns of one, it learns of the others at the same distances.
        old.delta == new.delta && self.pair(old.base, new.base)
    }

    /// As [`Ids::matches`], but to have no identity is to be the only one of its kind.
    fn same(&mut self, old: Identity, new: Identity) -> bool {
        match (old.is_some(), new.is_some()) {
            (true, true) => old.delta == new.delta && self.pair(old.base, new.base),
            (false, false) => true,
            (true, false) | (false, true) => false,
        }
    }

    fn origins(&mut self, old: Origin, new: Origin) -> bool {
        self.same(old.map, new.map) && self.same(old.value, new.value)
    }

    fn pair(&mut self, old: u32, new: u32) -> bool {
        if let Some(&(_, known)) = self.pairs.iter().find(|(known, _)| *known == old) {
            return known == new;
        }
        self.pairs.push((old, new));
        true
    }
}

/// Whether `old` covers `new` in what `compared` says of each frame, the running frame's last.
pub(crate) fn covers(
    old: &VerifierState,
    new: &VerifierState,
    uninit: UninitStack,
    compared: impl Fn(usize) -> Compared,
) -> bool {
    if old.frames().len() != new.frames().len() || old.sections != new.sections {
        return false;
    }
    let mut ids = Ids::default();
    if !refs_cover(old.refs(), new.refs(), &mut ids) {
        return false;
    }
    // What differs most often comes first: the running frame.
    let frames = old.frames().iter().zip(new.frames()).enumerate().rev();
    for (at, (old, new)) in frames {
        if old.subprog != new.subprog || old.return_to != new.return_to || old.role != new.role {
            return false;
        }
        // A loop that has more rounds to go may come to more.
        if old.rounds > new.rounds {
            return false;
        }
        let compared = compared(at);
        if !regs_cover(old, new, compared, &mut ids)
            || !stack_covers(&old.stack, &new.stack, uninit, compared.wants, &mut ids)
        {
            return false;
        }
    }
    true
}

fn refs_cover(old: &RefTable, new: &RefTable, ids: &mut Ids) -> bool {
    if old.iter().count() != new.iter().count() {
        return false;
    }
    old.iter().zip(new.iter()).all(|(old, new)| {
        let kinds = match (old.kind, new.kind) {
            (RefKind::Owned, RefKind::Owned)
            | (RefKind::Exclusive, RefKind::Exclusive)
            | (RefKind::Iter, RefKind::Iter)
            | (RefKind::Irq, RefKind::Irq)
            | (RefKind::Lent, RefKind::Lent) => true,
            (RefKind::Loan { from: old }, RefKind::Loan { from: new }) => ids.pair(old.0, new.0),
            (RefKind::Lock(old), RefKind::Lock(new)) => {
                old.kind == new.kind && old.home == new.home && ids.same(old.value, new.value)
            }
            (
                RefKind::Owned
                | RefKind::Exclusive
                | RefKind::Iter
                | RefKind::Irq
                | RefKind::Lent
                | RefKind::Loan { .. }
                | RefKind::Lock(_),
                _,
            ) => false,
        };
        kinds && old.frame == new.frame && old.arg == new.arg && ids.pair(old.id.0, new.id.0)
    })
}

fn regs_cover(old: &Frame, new: &Frame, compared: Compared, ids: &mut Ids) -> bool {
    Reg::ALL.into_iter().filter(|reg| compared.live.contains(*reg)).all(|reg| {
        let numbers = if compared.wants.regs.contains(reg) { Numbers::Exact } else { Numbers::Any };
        let (old, new) = (old.held(reg), new.held(reg));
        old.same(new) && !has_ids(old) || reg_covers(old, new, numbers, ids)
    })
}

/// Whether a value has names that the map of ids must see.
fn has_ids(value: &RegState) -> bool {
    match value {
        RegState::NotInit => false,
        RegState::Scalar(number) => number.id.is_some(),
        RegState::Pointer(pointer) => {
            let origin = pointer.origin.map.is_some() || pointer.origin.value.is_some();
            pointer.id.is_some() || pointer.trust.root().is_some() || origin
        }
    }
}

/// Whether numbers are compared.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Numbers {
    /// One is as good as another.
    Any,
    /// They are.
    Exact,
}

fn reg_covers(old: &RegState, new: &RegState, numbers: Numbers, ids: &mut Ids) -> bool {
    match (old, new) {
        // The old continuation never read it: it would have been refused.
        (RegState::NotInit, _) => true,
        (RegState::Scalar(old), RegState::Scalar(new)) => {
            numbers == Numbers::Any || number_covers(old, new, ids)
        }
        (RegState::Pointer(old), RegState::Pointer(new)) => pointer_covers(old, new, ids),
        (RegState::Scalar(_) | RegState::Pointer(_), _) => false,
    }
}

fn number_covers(old: &Number, new: &Number, ids: &mut Ids) -> bool {
    old.value.covers(&new.value) && ids.matches(old.id, new.id)
}

fn pointer_covers(old: &Pointer, new: &Pointer, ids: &mut Ids) -> bool {
    let trust = match (old.trust, new.trust) {
        (Trust::Untrusted, Trust::Untrusted)
        | (Trust::Walked, Trust::Walked)
        | (Trust::Trusted, Trust::Trusted)
        | (Trust::Rcu, Trust::Rcu) => true,
        (Trust::Exclusive(old), Trust::Exclusive(new))
        | (Trust::Owned(old), Trust::Owned(new))
        | (Trust::Borrowed(old), Trust::Borrowed(new)) => ids.pair(old.0, new.0),
        (
            Trust::Untrusted
            | Trust::Walked
            | Trust::Trusted
            | Trust::Rcu
            | Trust::Exclusive(_)
            | Trust::Owned(_)
            | Trust::Borrowed(_),
            _,
        ) => false,
    };
    trust
        && regions_cover(old.to, new.to)
        && old.null == new.null
        && old.offset == new.offset
        && old.var.covers(&new.var)
        && ids.matches(old.id, new.id)
        && ids.origins(old.origin, new.origin)
}

fn regions_cover(old: Region, new: Region) -> bool {
    match (old, new) {
        // More memory than the old continuation needed.
        (Region::Memory { size: old, access: a }, Region::Memory { size: new, access: b }) => {
            old <= new && a == b
        }
        (Region::Packet { from: a, range: old }, Region::Packet { from: b, range: new }) => {
            old <= new && a == b
        }
        (
            Region::Stack(_)
            | Region::Context
            | Region::MapPtr(_)
            | Region::MapValue(_)
            | Region::MapKey(_)
            | Region::Object(_)
            | Region::Allocated(_)
            | Region::Memory { .. }
            | Region::Packet { .. }
            | Region::PacketEnd
            | Region::Record { .. }
            | Region::Dynptr(_)
            | Region::Probed
            | Region::Arena
            | Region::Func(_),
            _,
        ) => old == new,
    }
}

fn stack_covers(old: &Stack, new: &Stack, uninit: UninitStack, wants: Wants, ids: &mut Ids) -> bool {
    if !objects_cover(old.objects(), new.objects(), ids) {
        return false;
    }
    let nothing = Slot::EMPTY;
    old.slots().enumerate().all(|(at, old)| {
        let live = wants.live.of_slot(at);
        if live == [false; 2] {
            return true;
        }
        let new = new.slot(at).unwrap_or(&nothing);
        // Even a shared slot is looked at when it holds ids: the map must see them.
        if old.same(new) && !old.spill.as_deref().is_some_and(has_ids) {
            return true;
        }
        let numbers = if wants.exact.of_slot(at) == [false; 2] { Numbers::Any } else { Numbers::Exact };
        slot_covers(old, new, uninit, live, numbers, ids)
    })
}

/// Every object of the old stack stands in the new one; what else is there, the bytes tell.
fn objects_cover(old: &[StackObject], new: &[StackObject], ids: &mut Ids) -> bool {
    old.iter().all(|old| {
        let same = new.iter().find(|new| new.offset == old.offset && new.size == old.size);
        same.is_some_and(|new| object_covers(&old.kind, &new.kind, ids))
    })
}

fn object_covers(old: &ObjectKind, new: &ObjectKind, ids: &mut Ids) -> bool {
    match (old, new) {
        (ObjectKind::Iter(old), ObjectKind::Iter(new)) => {
            let progress = match (old.progress, new.progress) {
                // How many elements there were so far says nothing of those to come.
                (Progress::Active { .. }, Progress::Active { .. })
                | (Progress::Drained, Progress::Drained) => true,
                (Progress::Active { .. } | Progress::Drained, _) => false,
            };
            progress && old.ty == new.ty && old.guard == new.guard && ids.pair(old.id.0, new.id.0)
        }
        (ObjectKind::Dynptr(old), ObjectKind::Dynptr(new)) => {
            let owners = match (old.owner, new.owner) {
                (Some(old), Some(new)) => ids.pair(old.0, new.0),
                (None, None) => true,
                (Some(_), None) | (None, Some(_)) => false,
            };
            owners && old.memory == new.memory && ids.pair(old.id.0, new.id.0)
        }
        (ObjectKind::Irq { id: old, class: a }, ObjectKind::Irq { id: new, class: b }) => {
            a == b && ids.pair(old.0, new.0)
        }
        (ObjectKind::Iter(_) | ObjectKind::Dynptr(_) | ObjectKind::Irq { .. }, _) => false,
    }
}

fn slot_covers(
    old: &Slot,
    new: &Slot,
    uninit: UninitStack,
    live: [bool; 2],
    numbers: Numbers,
    ids: &mut Ids,
) -> bool {
    let spilled = old.spilled_bytes();
    let spill = old.spill.as_deref().filter(|_| spilled > 0);
    if let Some(reg) = spill.filter(|reg| numbers == Numbers::Exact || matches!(reg, RegState::Pointer(_))) {
        return spill_covers(reg, spilled, new, ids) && bytes_cover(old, new, uninit, spilled, live, numbers);
    }
    bytes_cover(old, new, uninit, 0, live, numbers)
}

/// The spilled register against what is in its place.
fn spill_covers(reg: &RegState, spilled: usize, new: &Slot, ids: &mut Ids) -> bool {
    let same_size = new.spilled_bytes() == spilled;
    match new.spill.as_deref() {
        Some(other) if same_size => reg_covers(reg, other, Numbers::Exact, ids),
        // Zero bytes are the number 0.
        Some(_) | None => {
            let bytes = || new.bytes.iter().take(spilled);
            if bytes().all(|byte| *byte == Byte::Zero) {
                return reg_covers(reg, &RegState::constant(0), Numbers::Exact, ids);
            }
            // Plain bytes are some number.
            let plain = bytes().all(|byte| match byte {
                Byte::Misc | Byte::Zero => true,
                Byte::Spill => !new.holds_pointer(),
                Byte::Invalid | Byte::Object => false,
            });
            plain && spilled == 8 && reg_covers(reg, &RegState::unknown(), Numbers::Exact, ids)
        }
    }
}

/// The live bytes of a slot behind the first `skipped`.
fn bytes_cover(
    old: &Slot,
    new: &Slot,
    uninit: UninitStack,
    skipped: usize,
    live: [bool; 2],
    numbers: Numbers,
) -> bool {
    let pointer = new.holds_pointer();
    let zero = new.spill.as_deref().is_some_and(RegState::is_null);
    let number = |byte: Byte| match byte {
        Byte::Misc | Byte::Zero => true,
        Byte::Spill => !pointer,
        Byte::Object => false,
        // Where bytes that were not written may be read, they are some number.
        Byte::Invalid => uninit == UninitStack::Allowed,
    };
    old.bytes.iter().zip(&new.bytes).enumerate().skip(skipped).all(|(at, (old, new))| match old {
        _ if !live[at / 4] => true,
        Byte::Invalid => true,
        Byte::Misc => number(*new),
        Byte::Zero if numbers == Numbers::Any => number(*new),
        Byte::Zero => match new {
            Byte::Zero => true,
            Byte::Spill => zero,
            Byte::Misc | Byte::Invalid | Byte::Object => false,
        },
        // A number of which only the kind counts.
        Byte::Spill => number(*new),
        Byte::Object => *new == Byte::Object,
    })
}
