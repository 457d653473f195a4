//! Stretches of a program: with interrupts off, and under RCU.

#![expect(clippy::wildcard_enum_match_arm, reason = "only interrupt states matter")]

use super::Callable;
use super::body::Body;
use super::objects::{Duty, Kind, Live, Place};
use crate::proto::{ArgKind, Intrinsic, IrqClass, IrqRole, Sleepable};

/// The class of a call that saves the interrupt state.
fn saves(callable: &Callable) -> Option<IrqClass> {
    callable.args.iter().find_map(|arg| match arg.kind {
        ArgKind::IrqFlag { role: IrqRole::Save, class } => Some(class),
        _ => None,
    })
}

impl Body<'_> {
    /// Saves the interrupt state, and restores it.
    pub(super) fn interrupts_off(&mut self) {
        let Some(save) = self.pick_callable(|callable| saves(callable).is_some()) else { return self.call() };
        let (Some(class), Some(slot)) = (saves(&save), self.claim(1)) else { return self.scribble() };
        let id = self.fresh_id();
        let object = Live { id, group: id, kind: Kind::Irq(class), place: Place::Own { slot, slots: 1 } };
        self.chosen = Some(object);
        let made = self.call_with(&save, None);
        self.chosen = None;
        if !made {
            return;
        }
        self.born(object);
        self.duties.push(Duty::Object(object));
        self.nested();
        self.finish(object);
    }

    /// Whether calls may sleep here. Nobody knows where the program's other functions are called.
    pub(super) fn may_sleep(&self) -> bool {
        let awake = |duty: &Duty| match duty {
            Duty::Section(_) => true,
            Duty::Object(object) => matches!(object.kind, Kind::Irq(_)),
            Duty::Lock(_) => true,
            Duty::Reference => false,
        };
        self.index == 0 && self.world.sleepable == Sleepable::Yes && !self.duties.iter().any(awake)
    }

    /// Enters a section, RCU's or one that nobody preempts, and leaves it.
    pub(super) fn enter_section(&mut self) {
        let Some(enter) = self.pick_callable(|callable| leaves(callable).is_some()) else {
            return self.call();
        };
        let Some(leave) = leaves(&enter) else { return };
        let rcu = leave == Intrinsic::RcuReadUnlock;
        if rcu && self.section != 0 && !self.slips() {
            return self.call();
        }
        self.call_with(&enter, None);
        let outside = self.section;
        let section = self.fresh_id();
        if rcu {
            self.section = section;
        }
        self.duties.push(Duty::Section(leave));
        if rcu {
            self.call();
        }
        self.nested();
        self.hurry();
        self.duties.pop();
        if !self.slips() {
            self.give_back_unless_early(Duty::Section(leave));
        }
        self.section = outside;
        if !self.slips() {
            self.frame.end(section);
        }
    }
}

/// What leaves the section that a call enters.
fn leaves(callable: &Callable) -> Option<Intrinsic> {
    match callable.intrinsic {
        Some(Intrinsic::RcuReadLock) => Some(Intrinsic::RcuReadUnlock),
        Some(Intrinsic::PreemptDisable) => Some(Intrinsic::PreemptEnable),
        _ => None,
    }
}
