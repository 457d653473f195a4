//! Objects of the host on stacks, and what a function must give back before it ends.

#![expect(clippy::wildcard_enum_match_arm, reason = "only these kinds of arguments are objects")]

use super::Callable;
use super::body::Body;
use super::fields::Locked;
use super::held::{Held, OBJECT_SLOTS, What, object_offset};
use crate::TypeRef;
use crate::insn::{Extend, Insn, Reg, Size, Src};
use crate::proto::{
    ArgIdx, ArgKind, ArgProto, DynptrKind, DynptrMemory, Intrinsic, IrqClass, IrqRole, IterRole, RetKind,
    RetTrust,
};

/// What an object is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    /// An iterator whose state has this type.
    Iter(TypeRef),
    /// A saved interrupt state.
    Irq(IrqClass),
    /// A dynptr over such memory.
    Dynptr(DynptrMemory),
}

/// Where it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Place {
    /// In object slots of this frame.
    Own { slot: usize, slots: usize },
    /// In a caller's frame; some register has its address.
    Lent,
}

/// An object that lives.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Live {
    /// What hangs on it has this as its reference.
    pub(super) id: u32,
    /// The first of its copies, for dynptrs; itself for others.
    pub(super) group: u32,
    pub(super) kind: Kind,
    pub(super) place: Place,
}

/// Something that must be given back.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Duty {
    /// A reference in a register or on the stack.
    Reference,
    /// An object.
    Object(Live),
    /// A lock.
    Lock(Locked),
    /// A section, which this leaves.
    Section(Intrinsic),
}

/// Whether a call constructs, changes or ends an object: such calls have their own statements.
pub(super) fn handles_objects(callable: &Callable) -> bool {
    let handles = |arg: &ArgProto| match arg.kind {
        ArgKind::Iter { role, .. } => role != IterRole::Use,
        ArgKind::IrqFlag { .. } | ArgKind::Dynptr(_) | ArgKind::Field(_) | ArgKind::Allocated { .. } => true,
        _ => false,
    };
    callable.args.iter().any(handles) || matches!(callable.ret.kind, RetKind::Allocated { .. })
}

impl Body<'_> {
    /// Whether a rule is broken here: once in a function, as whoever breaks more meets a refusal for the first.
    pub(super) fn slips(&mut self) -> bool {
        let slips = !self.slipped && self.world.slips > 0 && self.rng.percent(self.world.slips);
        self.slipped |= slips;
        slips
    }

    /// Whether a rule is broken here, where that is seldom possible.
    pub(super) fn often_slips(&mut self) -> bool {
        let slips = !self.slipped && self.world.slips > 0 && self.rng.percent(40);
        self.slipped |= slips;
        slips
    }

    /// Free object slots in a row.
    pub(super) fn claim(&mut self, slots: usize) -> Option<usize> {
        let taken = |first: usize| (first..first + slots).any(|slot| self.area & 1 << slot != 0);
        let free: Vec<usize> =
            (0..(OBJECT_SLOTS + 1).saturating_sub(slots)).filter(|at| !taken(*at)).collect();
        (!free.is_empty()).then(|| self.rng.pick(&free))
    }

    /// An object begins to live.
    pub(super) fn born(&mut self, object: Live) {
        if let Place::Own { slot, slots } = object.place {
            for slot in slot..slot + slots {
                self.area |= 1 << slot;
                self.spilt &= !(1 << slot);
            }
        }
        self.objects.push(object);
    }

    /// It lives no more, and nothing that hangs on it does.
    pub(super) fn buried(&mut self, object: Live) {
        if let Place::Own { slot, slots } = object.place {
            (slot..slot + slots).for_each(|slot| self.area &= !(1 << slot));
        }
        self.objects.retain(|other| other.id != object.id);
        if !self.slips() {
            self.frame.end(object.id);
        }
    }

    /// The address of an object's place, in this register.
    pub(super) fn place_of(&mut self, reg: Reg, object: Live) {
        let id = object.id;
        match object.place {
            Place::Own { slot, .. } => self.stack_address(reg, object_offset(slot)),
            Place::Lent => match self.find(|held| held.what == What::Lent { id }) {
                Some(src) => self.move_argument(reg, src),
                None => self.stack_address(reg, object_offset(0)),
            },
        }
    }

    /// An argument that is an object: the chosen one, or any that lives. Whether there is one.
    pub(super) fn object_on_stack(&mut self, reg: Reg, fits: impl Fn(Kind) -> bool) -> bool {
        let fitting: Vec<Live> = match self.chosen.take().or_else(|| self.second.take()) {
            Some(chosen) => vec![chosen],
            // One thing twice is refused, if the callee changes it.
            None => {
                let first = self.about.filter(|_| !self.slips()).map(|first| first.id);
                let others = self.objects.iter().copied().filter(|object| Some(object.id) != first);
                others.filter(|object| fits(object.kind)).collect()
            }
        };
        if fitting.is_empty() {
            return false;
        }
        let object = self.rng.pick(&fitting);
        self.about = self.about.or(Some(object));
        self.place_of(reg, object);
        true
    }

    /// Calls something about an object.
    pub(super) fn call_about(&mut self, object: Live, pass: impl Fn(&Callable) -> bool) -> bool {
        let Some(callable) = self.pick_callable(pass) else { return false };
        self.chosen = Some(object);
        let done = self.call_with(&callable, None);
        self.chosen = None;
        done
    }

    /// What a result hangs on that is no reference of its own.
    pub(super) fn lender(&self, callable: &Callable) -> u32 {
        let tie = match callable.ret.kind {
            RetKind::Object { trust: RetTrust::Borrowed(tie), .. }
            | RetKind::Memory { tie: Some(tie), .. } => tie,
            RetKind::Object { trust: RetTrust::Rcu, .. } => return self.section,
            _ => return 0,
        };
        let ArgIdx(at) = tie;
        let object = callable
            .args
            .get(usize::from(at))
            .is_some_and(|arg| matches!(arg.kind, ArgKind::Iter { .. } | ArgKind::Dynptr(_)));
        self.about.filter(|_| object).map_or(0, |object| object.id)
    }

    /// Whether all that is held could be given back anywhere.
    pub(super) fn may_leave(&mut self) -> bool {
        !self.duties.contains(&Duty::Reference) || self.slips()
    }

    /// Gives back what is held, the last first, before the function is left.
    pub(super) fn give_all_back(&mut self) {
        for duty in self.duties.clone().into_iter().rev() {
            if !self.slips() {
                self.give_back(duty);
            }
        }
    }

    /// Gives one thing back.
    pub(super) fn give_back(&mut self, duty: Duty) {
        match duty {
            Duty::Reference => {}
            Duty::Lock(held) => self.unlock(held),
            Duty::Section(leave) => {
                if let Some(leave) = self.pick_callable(|it| it.intrinsic == Some(leave)) {
                    self.call_with(&leave, None);
                }
            }
            Duty::Object(object) => {
                let ends = |callable: &Callable| {
                    callable.args.iter().any(|arg| match (&arg.kind, object.kind) {
                        (ArgKind::Iter { ty, role }, Kind::Iter(own)) => {
                            *ty == own && *role == IterRole::Destroy
                        }
                        (ArgKind::IrqFlag { role, class }, Kind::Irq(own)) => {
                            *class == own && *role == IrqRole::Restore
                        }
                        (ArgKind::Dynptr(kind), Kind::Dynptr(_)) => *kind == DynptrKind::Owned,
                        _ => false,
                    })
                };
                self.call_about(object, ends);
            }
        }
    }

    /// The end of an object that must be given back, or what people do instead.
    pub(super) fn finish(&mut self, object: Live) {
        self.hurry();
        self.duties.pop();
        if self.slips() {
            match self.rng.below(4) {
                0 => return self.bury_group(object),
                1 => self.give_back(Duty::Object(object)),
                _ => self.overwrite(object),
            }
        }
        self.give_back_unless_early(Duty::Object(object));
        self.bury_group(object);
    }

    /// Gives something back that it is too early for: what was begun before the last.
    pub(super) fn hurry(&mut self) {
        let outer: Vec<Duty> = self.duties.iter().rev().skip(1).copied().collect();
        if !outer.is_empty() && self.slips() {
            let duty = if self.rng.percent(70) { outer[0] } else { self.rng.pick(&outer) };
            self.give_back(duty);
            self.early.push(duty);
        }
    }

    /// Gives something back if that was not done too early.
    pub(super) fn give_back_unless_early(&mut self, duty: Duty) {
        match self.early.iter().position(|early| *early == duty) {
            Some(at) => drop(self.early.remove(at)),
            None => self.give_back(duty),
        }
    }

    /// Writes into an object's place.
    pub(super) fn overwrite(&mut self, object: Live) {
        if let Place::Own { slot, slots } = object.place {
            let slot = slot + self.rng.below(u32::try_from(slots).unwrap_or(1)) as usize;
            self.write_object_slot(slot);
        }
    }

    fn write_object_slot(&mut self, slot: usize) {
        // Part of a pointer is not overwritten.
        let size = if self.spilt & 1 << slot != 0 { Size::DW } else { self.size() };
        let within = self.rng.below(8 / size.bytes()) * size.bytes();
        let offset = object_offset(slot) + i16::try_from(within).unwrap_or(0);
        let src = match self.find(Held::readable).filter(|_| self.rng.percent(40)) {
            Some(reg) if size == Size::DW || self.frame.get(reg).is_number() => Src::Reg(reg),
            Some(_) | None => self.operand(),
        };
        self.push(Insn::Store { size, base: Reg::FP, offset, src });
        let pointer = matches!(src, Src::Reg(reg) if !self.frame.get(reg).is_number());
        self.spilt = self.spilt & !(1 << slot) | u8::from(pointer) << slot;
        if !pointer && self.rng.percent(30) {
            let dst = self.destination();
            self.push(Insn::Load { size, extend: Extend::Zero, dst, base: Reg::FP, offset });
            self.frame.set(dst, Held::number(u64::MAX));
        }
    }

    /// Uses a free object slot for something else.
    pub(super) fn scribble(&mut self) {
        let free: Vec<usize> = (0..OBJECT_SLOTS).filter(|slot| self.area & 1 << slot == 0).collect();
        if free.is_empty() || self.slips() {
            let slot = self.rng.below(OBJECT_SLOTS as u32) as usize;
            return if self.world.slips > 0 { self.write_object_slot(slot) } else { self.stack_access() };
        }
        let slot = self.rng.pick(&free);
        self.write_object_slot(slot);
    }
}
