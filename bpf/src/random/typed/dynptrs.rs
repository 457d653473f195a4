//! Dynptrs: made over memory of all kinds, copied, changed, sliced, given back or just left behind.

#![expect(clippy::wildcard_enum_match_arm, reason = "only dynptrs matter")]

use super::Callable;
use super::body::Body;
use super::held::{Held, What};
use super::objects::{Duty, Kind, Live, Place};
use crate::insn::Reg;
use crate::proto::{ArgKind, DynptrKind, DynptrMemory};

/// What a call does with its first dynptr that it changes or constructs, or else with its first.
fn kind_of(callable: &Callable) -> Option<DynptrKind> {
    let kinds = || {
        callable.args.iter().filter_map(|arg| match arg.kind {
            ArgKind::Dynptr(kind) => Some(kind),
            _ => None,
        })
    };
    kinds().find(|kind| *kind != DynptrKind::Read).or_else(|| kinds().next())
}

/// The memory that a call makes a dynptr over.
fn constructs(callable: &Callable) -> Option<DynptrMemory> {
    match kind_of(callable) {
        Some(DynptrKind::Uninit(memory)) => Some(memory),
        _ => None,
    }
}

/// Bytes of a dynptr, in slots.
const SLOTS: usize = 2;

impl Body<'_> {
    /// Makes a dynptr, uses it, gives back what it owns.
    pub(super) fn dynptr(&mut self) {
        let Some(make) = self.pick_callable(|callable| constructs(callable).is_some()) else {
            return self.call();
        };
        let Some(memory) = constructs(&make) else { return };
        if !self.take_fork() {
            return self.use_dynptr();
        }
        if memory == DynptrMemory::Local {
            return self.with_value(|map| map.fields.is_empty(), &mut |body, reg, _| {
                body.dynptr_made(&make, memory, Some(reg));
            });
        }
        self.dynptr_made(&make, memory, None);
    }

    fn dynptr_made(&mut self, make: &Callable, memory: DynptrMemory, over: Option<Reg>) {
        let there = self.objects.iter().find_map(|object| match (object.kind, object.place) {
            (Kind::Dynptr(_), Place::Own { slot, .. }) => Some(slot),
            _ => None,
        });
        let there = there.filter(|_| self.slips());
        let Some(slot) = there.or_else(|| self.claim(SLOTS)) else { return self.use_dynptr() };
        let id = self.fresh_id();
        let object =
            Live { id, group: id, kind: Kind::Dynptr(memory), place: Place::Own { slot, slots: SLOTS } };
        self.chosen = Some(object);
        let made = self.call_with(make, over);
        self.chosen = None;
        if !made {
            return;
        }
        self.born(object);
        let owns = memory == DynptrMemory::Ringbuf;
        if owns {
            self.duties.push(Duty::Object(object));
        }
        for _ in 0..=self.rng.below(3) {
            self.use_dynptr();
        }
        if self.rng.percent(40) {
            self.nested();
        }
        if owns {
            return self.finish(object);
        }
        // The others are overwritten some day, and their slices are gone then.
        if self.rng.percent(50) {
            self.overwrite(object);
        }
        self.bury_group(object);
    }

    /// The end of what a dynptr owns is that of its copies.
    pub(super) fn bury_group(&mut self, object: Live) {
        let group: Vec<Live> =
            self.objects.iter().copied().filter(|other| other.group == object.group).collect();
        group.into_iter().for_each(|object| self.buried(object));
    }

    /// Does something with a dynptr that lives.
    pub(super) fn use_dynptr(&mut self) {
        let living: Vec<Live> =
            self.objects.iter().copied().filter(|object| matches!(object.kind, Kind::Dynptr(_))).collect();
        if living.is_empty() || !self.take_fork() {
            return self.scribble();
        }
        let object = self.rng.pick(&living);
        if self.rng.percent(15) {
            return self.copy_of(object);
        }
        let uses =
            |callable: &Callable| matches!(kind_of(callable), Some(DynptrKind::Read | DynptrKind::ReadWrite));
        let Some(callable) = self.pick_callable(uses) else { return };
        self.chosen = Some(object);
        let changes = kind_of(&callable) == Some(DynptrKind::ReadWrite);
        if changes && !self.slips() {
            self.frame.end(object.id);
        }
        let done = self.call_with(&callable, None);
        self.chosen = None;
        if done && self.frame.get(Reg::R0).maybe != 0 {
            self.slice();
        }
    }

    /// The slice in `R0`, if there is one.
    fn slice(&mut self) {
        let (around, before) = self.where_found();
        let held = self.frame.get(Reg::R0);
        let reg = self.keep_result();
        self.follow(reg);
        if self.rng.percent(30) {
            self.use_dynptr();
        }
        self.nested();
        if self.frame.get(reg).what == held.what {
            self.follow(reg);
        }
        self.land(around);
        self.frame = self.frame.meet(&before);
    }

    fn copy_of(&mut self, object: Live) {
        let copies = |callable: &Callable| matches!(kind_of(callable), Some(DynptrKind::CloneOf(_)));
        let (Some(copy), Some(slot)) = (self.pick_callable(copies), self.claim(SLOTS)) else { return };
        let place = Place::Own { slot, slots: SLOTS };
        let clone = Live { id: self.fresh_id(), place, ..object };
        (self.chosen, self.second) = (Some(object), Some(clone));
        if self.call_with(&copy, None) {
            self.born(clone);
        }
        (self.chosen, self.second) = (None, None);
    }

    /// A caller's object: what its address is.
    pub(super) fn lent(&mut self, kind: Kind) -> Held {
        let id = self.fresh_id();
        self.objects.push(Live { id, group: id, kind, place: Place::Lent });
        Held::of(What::Lent { id })
    }
}
