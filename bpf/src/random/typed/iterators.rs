//! Iterators: their elements one by one, loops over them, ends in the middle.

#![expect(clippy::wildcard_enum_match_arm, reason = "only iterators matter")]

use super::Callable;
use super::body::Body;
use super::held::{Frame, Held, OBJECT_SLOTS, SLOTS, slot_offset};
use super::objects::{Duty, Kind, Live, Place};
use crate::TypeRef;
use crate::insn::{AluOp, Insn, JmpOp, JumpForm, Reg, Size, Src, Width};
use crate::proto::{ArgKind, IterRole, KfuncFlags};
use crate::random::Features;

/// The iterator that a call is about, and what it does with it.
fn role_of(callable: &Callable) -> Option<(TypeRef, IterRole)> {
    callable.args.iter().find_map(|arg| match arg.kind {
        ArgKind::Iter { ty, role } => Some((ty, role)),
        _ => None,
    })
}

impl Body<'_> {
    /// Makes an iterator, looks at some elements, destroys it.
    pub(super) fn iterate(&mut self) {
        let guarded = self.section != 0 || self.slips();
        let makes = |callable: &Callable| {
            let free = guarded || !callable.flags.contains(KfuncFlags::RCU_PROTECTED);
            free && matches!(role_of(callable), Some((_, IterRole::New)))
        };
        let Some(new) = self.pick_callable(makes) else { return self.call() };
        let Some((ty, _)) = role_of(&new) else { return };
        let bytes = self.world.iterators.iter().find(|(of, _)| *of == ty).map_or(8, |(_, bytes)| *bytes);
        let slots = bytes as usize / 8;
        // Where another one lives, if a rule is to be broken.
        let there = self.objects.iter().find_map(|object| match object.place {
            Place::Own { slot, .. } if slot + slots <= OBJECT_SLOTS => Some(slot),
            Place::Own { .. } | Place::Lent => None,
        });
        let there = there.filter(|_| self.slips());
        let Some(slot) = there.or_else(|| self.claim(slots)) else { return self.next_of_any() };
        if !self.take_fork() {
            return self.scribble();
        }
        let id = self.fresh_id();
        let object = Live { id, group: id, kind: Kind::Iter(ty), place: Place::Own { slot, slots } };
        self.chosen = Some(object);
        let made = self.call_with(&new, None);
        self.chosen = None;
        if !made {
            return;
        }
        self.born(object);
        self.duties.push(Duty::Object(object));
        self.hurry();
        match self.rng.below(10) {
            0..4 => (0..=self.rng.below(3)).for_each(|_| self.next_of(object)),
            4..7 => self.loop_over(object, true),
            _ => self.loop_over(object, false),
        }
        if self.rng.percent(30) {
            self.nested();
        }
        self.finish(object);
    }

    /// The next element of some iterator that lives.
    pub(super) fn next_of_any(&mut self) {
        let iterators: Vec<Live> =
            self.objects.iter().copied().filter(|object| matches!(object.kind, Kind::Iter(_))).collect();
        if iterators.is_empty() {
            return self.touch();
        }
        let object = self.rng.pick(&iterators);
        self.next_of(object);
    }

    fn call_next(&mut self, object: Live) -> bool {
        let Kind::Iter(ty) = object.kind else { return false };
        if !self.slips() {
            self.frame.end(object.id);
        }
        self.call_about(object, |callable| role_of(callable) == Some((ty, IterRole::Next)))
    }

    /// One more element, if there is one.
    fn next_of(&mut self, object: Live) {
        if !self.take_fork() || !self.call_next(object) {
            return self.unary();
        }
        if self.frame.get(Reg::R0).owner {
            return self.use_reference();
        }
        let (around, before) = self.where_found();
        self.use_found();
        self.nested();
        self.land(around);
        self.frame = self.frame.meet(&before);
    }

    /// Jumps where `R0` is NULL; where to is filled in later.
    pub(super) fn branch_if_null(&mut self) {
        let (op, width, src) = (JmpOp::Eq, Width::W64, Src::Imm(0));
        self.push(Insn::Branch { op, width, dst: Reg::R0, src, offset: 0 });
    }

    /// Goes on where the pointer in `R0` is not NULL. Gives the slot of the branch around that, and what is held where it is NULL.
    pub(super) fn where_found(&mut self) -> (usize, Frame) {
        let around = self.here();
        self.branch_if_null();
        let held = self.frame.get(Reg::R0);
        self.frame.set(Reg::R0, Held::NOTHING);
        let before = self.frame;
        self.frame.set(Reg::R0, Held { maybe: 0, ..held });
        (around, before)
    }

    /// What the body may rely on in every round: what nothing overwrites, and numbers, which are restored.
    fn rely_on_little(&mut self) {
        self.enter_loop();
        for reg in Reg::ALL.into_iter().filter(|reg| *reg != Reg::FP) {
            if self.pinned & 1 << reg.index() == 0 && !self.frame.get(reg).is_number() {
                self.frame.set(reg, Held::NOTHING);
            }
        }
        for slot in &mut self.frame.slots {
            if !slot.whole.is_number() {
                slot.whole = Held::NOTHING;
            }
        }
    }

    /// Slots that held numbers hold numbers again.
    fn restore_slots(&mut self, before: &Frame) {
        for slot in 0..SLOTS {
            let wanted = before.slots[slot].bytes;
            if self.frame.slots[slot].bytes & wanted != wanted {
                let (size, base, offset) = (Size::DW, Reg::FP, slot_offset(slot));
                self.push(Insn::Store { size, base, offset, src: Src::Imm(7) });
                self.frame.write(slot, 0, Size::DW);
            }
        }
    }

    /// A loop over the elements, perhaps with a counter that ends it.
    fn loop_over(&mut self, object: Live, counted: bool) {
        let free: Vec<Reg> = [Reg::R6, Reg::R7, Reg::R8, Reg::R9]
            .into_iter()
            .filter(|reg| self.pinned & 1 << reg.index() == 0)
            .collect();
        let times = if counted { 1 + self.rng.below(3) } else { 2 };
        if !self.has(Features::LOOPS) || free.len() < 3 || self.trips * times > 8 {
            return self.next_of(object);
        }
        let counter = counted.then(|| self.rng.pick(&free));
        if let Some(counter) = counter {
            self.push(Insn::Mov { width: Width::W64, dst: counter, src: Src::Imm(0) });
            self.frame.set(counter, Held::number(u64::from(times)));
            self.pin(counter);
        }
        self.trips *= times;
        self.rely_on_little();
        let (head, before) = (self.here(), self.frame);
        if self.call_next(object) {
            self.round(object, counter, times, head, &before);
        }
        self.trips /= times;
        if let Some(counter) = counter {
            self.unpin(counter);
        }
    }

    /// The rest of a round, and the way back.
    fn round(&mut self, object: Live, counter: Option<Reg>, times: u32, head: usize, before: &Frame) {
        let owner = self.frame.get(Reg::R0).owner;
        let out = self.here();
        self.branch_if_null();
        let held = self.frame.get(Reg::R0);
        self.frame.set(Reg::R0, Held { maybe: 0, ..held });
        if owner {
            self.use_reference();
        } else {
            self.use_found();
            self.nested();
        }
        self.restore_numbers(before);
        self.restore_slots(before);
        let back = |body: &Self| head as i64 - body.here() as i64 - 1;
        if let Some(dst) = counter {
            let limit = Src::Imm(times.cast_signed());
            self.push(Insn::Alu { op: AluOp::Add, width: Width::W64, dst, src: Src::Imm(1) });
            let (op, width) = (self.rng.pick(&[JmpOp::Lt, JmpOp::Ne]), Width::W64);
            let offset = i16::try_from(back(self)).unwrap_or(0);
            self.push(Insn::Branch { op, width, dst, src: limit, offset });
        } else {
            let offset = i32::try_from(back(self)).unwrap_or(0);
            self.push(Insn::Jump { form: JumpForm::Short, offset });
        }
        self.land(out);
        self.frame = self.frame.meet(before);
        self.frame.set(Reg::R0, Held::NOTHING);
        if !self.slips() {
            self.frame.end(object.id);
        }
    }
}
