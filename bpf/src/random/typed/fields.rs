//! Special fields of map values: locks and what may be done under them, kptrs that are taken, left and read.

#![expect(clippy::wildcard_enum_match_arm, reason = "a kptr holds one of two kinds of object")]

use super::body::Body;
use super::held::{Held, What};
use super::objects::Duty;
use super::{Callable, calls};
use crate::insn::{AluOp, Extend, Insn, JmpOp, JumpForm, Reg, Size, Src, Width};
use crate::map::{KptrKind, MapField, MapProto, SpecialField};
use crate::proto::{Intrinsic, RetKind};

/// A lock that is held: the register with its value, and where it lies in it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Locked {
    pub(super) id: u32,
    reg: Reg,
    offset: u32,
}

fn is_lock(field: &&MapField) -> bool {
    field.field == SpecialField::SpinLock
}

impl Body<'_> {
    /// Does something with the value of such a map; looks one up if there is none at hand.
    pub(super) fn with_value(
        &mut self,
        fits: impl Fn(&MapProto) -> bool,
        act: &mut dyn FnMut(&mut Self, Reg, usize),
    ) {
        let world = self.world;
        let suits = |held: Held| {
            if let What::Value { map, offset: 0 } = held.what
                && held.maybe == 0
            {
                return Some(map).filter(|map| fits(&world.maps[*map]));
            }
            None
        };
        let at_hand = self.find(|held| suits(held).is_some()).filter(|_| self.rng.percent(60));
        if let Some((reg, map)) = at_hand.and_then(|reg| Some((reg, suits(self.frame.get(reg))?))) {
            return self.holding(reg, |body| act(body, reg, map));
        }
        let found: Vec<usize> = (0..world.maps.len())
            .filter(|at| {
                fits(&world.maps[*at]) && world.maps[*at].value_size > 0 && world.maps[*at].frozen.is_none()
            })
            .collect();
        let looks = |callable: &Callable| callable.intrinsic == Some(Intrinsic::MapLookup);
        let Some(look) = self.pick_callable(looks).filter(|_| !found.is_empty()) else { return self.call() };
        let map = self.rng.pick(&found);
        self.map = Some(map);
        let done = self.call_with(&look, None);
        self.map = None;
        if !done {
            return;
        }
        let (around, before) = self.where_found();
        let free: Vec<Reg> = [Reg::R6, Reg::R7, Reg::R8, Reg::R9]
            .into_iter()
            .filter(|reg| self.pinned & 1 << reg.index() == 0)
            .collect();
        if !free.is_empty() {
            let reg = self.rng.pick(&free);
            self.copy(reg, Reg::R0);
            self.holding(reg, |body| act(body, reg, map));
        }
        self.land(around);
        self.frame = self.frame.meet(&before);
    }

    /// Nothing overwrites the register meanwhile.
    fn holding(&mut self, reg: Reg, act: impl FnOnce(&mut Self)) {
        let before = self.pinned;
        self.pin(reg);
        act(self);
        self.pinned = before;
    }

    /// The address of a field.
    fn field_address(&mut self, dst: Reg, reg: Reg, offset: u32) {
        self.copy(dst, reg);
        if offset != 0 {
            let src = Src::Imm(offset.cast_signed());
            self.push(Insn::Alu { op: AluOp::Add, width: Width::W64, dst, src });
        }
        self.frame.set(dst, Held::NOTHING);
    }

    fn call_on_field(&mut self, callable: &Callable, reg: Reg, offset: u32) {
        self.field_address(Reg::R1, reg, offset);
        self.push(Insn::Call { target: callable.target });
        self.after_call();
    }

    /// Locks a value, works on it without a call, unlocks it.
    pub(super) fn critical(&mut self) {
        if self.locked && !self.slips() {
            return self.touch();
        }
        if !self.take_fork() {
            return self.touch();
        }
        let fits = |map: &MapProto| map.fields.iter().any(|field| is_lock(&field));
        self.with_value(fits, &mut |body, reg, map| {
            if !body.rng.percent(45) {
                return body.lock(reg, map);
            }
            // Another value of the map is at hand, too.
            let name = body.world.maps[map].name.clone();
            body.with_value(|other| other.name == name, &mut |body, second, _| {
                if second != reg && body.often_slips() {
                    body.lock_either(reg, second, map);
                } else {
                    body.lock(reg, map);
                }
            });
        });
    }

    /// Locks one of two values, and unlocks the first.
    fn lock_either(&mut self, first: Reg, second: Reg, map: usize) {
        let Some(field) = self.world.maps[map].fields.iter().find(is_lock).copied() else { return };
        let Some(lock) = self.pick_callable(|it| it.intrinsic == Some(Intrinsic::SpinLock)) else { return };
        let (op, dst, src) = (self.rng.pick(&JmpOp::ALL), self.number(), self.operand());
        let around = self.here();
        self.push(Insn::Branch { op, width: Width::W64, dst, src, offset: 0 });
        self.call_on_field(&lock, first, field.offset);
        let over = self.here();
        self.push(Insn::Jump { form: JumpForm::Short, offset: 0 });
        self.land(around);
        self.call_on_field(&lock, second, field.offset);
        self.land(over);
        self.unlock(Locked { id: 0, reg: first, offset: field.offset });
    }

    fn lock(&mut self, reg: Reg, map: usize) {
        let Some(field) = self.world.maps[map].fields.iter().find(is_lock).copied() else { return };
        let Some(lock) = self.pick_callable(|it| it.intrinsic == Some(Intrinsic::SpinLock)) else { return };
        let held = Locked { id: self.fresh_id(), reg, offset: field.offset };
        self.call_on_field(&lock, reg, field.offset);
        let outside = std::mem::replace(&mut self.locked, true);
        self.duties.push(Duty::Lock(held));
        if self.rng.percent(70) {
            self.follow(reg);
        }
        let other = Locked { reg: self.other_value(reg, map), ..held };
        let twice = self.slips();
        if twice {
            self.call_on_field(&lock, other.reg, field.offset);
        }
        self.nested();
        self.hurry();
        self.duties.pop();
        self.locked = outside;
        if twice {
            self.unlock(other);
        }
        if self.slips() {
            match self.rng.below(4) {
                0 => return,
                1 => self.unlock(held),
                _ => return self.unlock(other),
            }
        }
        self.give_back_unless_early(Duty::Lock(held));
    }

    /// Another register with a value of the map, if there is one.
    fn other_value(&mut self, reg: Reg, map: usize) -> Reg {
        let value = |held: Held| held.what == What::Value { map, offset: 0 } && held.maybe == 0;
        let found: Vec<Reg> = Reg::ALL[6..10]
            .iter()
            .copied()
            .filter(|other| *other != reg && value(self.frame.get(*other)))
            .collect();
        if found.is_empty() { reg } else { self.rng.pick(&found) }
    }

    /// Gives a lock back.
    pub(super) fn unlock(&mut self, held: Locked) {
        if let Some(unlock) = self.pick_callable(|it| it.intrinsic == Some(Intrinsic::SpinUnlock)) {
            self.call_on_field(&unlock, held.reg, held.offset);
        }
    }

    /// Does something with a kptr.
    pub(super) fn kptr(&mut self) {
        if !self.take_fork() {
            return self.touch();
        }
        let fits = |map: &MapProto| map.fields.iter().any(|it| matches!(it.field, SpecialField::Kptr { .. }));
        self.with_value(fits, &mut |body, reg, map| body.kptr_of(reg, map));
    }

    fn kptr_of(&mut self, reg: Reg, map: usize) {
        let fields = self.world.maps[map].fields.iter();
        let kptrs: Vec<MapField> =
            fields.filter(|it| matches!(it.field, SpecialField::Kptr { .. })).copied().collect();
        let field = self.rng.pick(&kptrs);
        let SpecialField::Kptr { ty, kind } = field.field else { return };
        let (owned, pointee) = (kind == KptrKind::Referenced, self.pointee(ty));
        let offset = i16::try_from(field.offset).unwrap_or(0);
        match self.rng.below(10) {
            0..2 => {
                let dst = self.destination();
                self.push(Insn::Load { size: Size::DW, extend: Extend::Zero, dst, base: reg, offset });
                let maybe = self.fresh_id();
                let held = Held { maybe, reference: self.section, ..Held::of(self.pointee(ty)) };
                self.frame.set(dst, held);
                if self.often_slips() {
                    self.misuse(reg, field, dst, held);
                } else {
                    self.null_check();
                }
            }
            2..6 if !owned || self.slips() => {
                let object = self.find(|held| held.what == pointee && held.maybe == 0);
                let src = object.map_or(Src::Imm(0), Src::Reg);
                self.push(Insn::Store { size: Size::DW, base: reg, offset, src });
            }
            // One that the program does not own.
            2..6 if self.often_slips() => {
                let lent = |held: Held| held.what == pointee && held.maybe == 0 && !held.owner;
                let given = self.find(lent).map(|found| (found, self.frame.get(found)));
                self.exchange(reg, field, given);
            }
            // Out of the map.
            2..6 => self.exchange(reg, field, None),
            _ => self.leave_in_map(reg, field),
        }
    }

    /// Gives away, to the map or for good, what was merely read from it.
    fn misuse(&mut self, reg: Reg, field: MapField, dst: Reg, held: Held) {
        let around = self.here();
        self.push(Insn::Branch { op: JmpOp::Eq, width: Width::W64, dst, src: Src::Imm(0), offset: 0 });
        let before = self.frame;
        let held = Held { maybe: 0, ..held };
        self.frame.set(dst, held);
        if self.rng.percent(50) {
            self.exchange(reg, field, Some((dst, held)));
        } else {
            self.release(dst, held);
        }
        self.land(around);
        self.frame = self.frame.meet(&before);
    }

    /// Acquires an object of the kptr's type and leaves it in the map.
    fn leave_in_map(&mut self, reg: Reg, field: MapField) {
        let SpecialField::Kptr { ty, .. } = field.field else { return };
        let makes = |callable: &Callable| {
            let object = matches!(callable.ret.kind, RetKind::Object { ty: own, .. } if own == ty);
            object
                && calls::acquires(callable)
                && callable.args.len() <= 1
                && !super::objects::handles_objects(callable)
        };
        let made = match self.pointee(ty) {
            What::Allocated { at } => self.allocate_one(at),
            _ => self.pick_callable(makes).is_some_and(|make| self.call_with(&make, None)),
        };
        if !made {
            return;
        }
        let held = self.frame.get(Reg::R0);
        self.frame.set(Reg::R0, Held::NOTHING);
        let before = self.frame;
        let around = (held.maybe != 0).then(|| {
            let at = self.here();
            self.branch_if_null();
            at
        });
        let held = Held { maybe: 0, ..held };
        self.frame.set(Reg::R0, held);
        let kept = self.keep_result();
        if self.rng.percent(50) {
            self.follow(kept);
        }
        if self.frame.get(kept) == held {
            self.exchange(reg, field, Some((kept, held)));
        }
        if let Some(around) = around {
            self.land(around);
        }
        self.frame = self.frame.meet(&before);
    }

    /// Exchanges a kptr for NULL, or for an object that the program owns.
    fn exchange(&mut self, reg: Reg, field: MapField, given: Option<(Reg, Held)>) {
        let exchanges = |callable: &Callable| callable.intrinsic == Some(Intrinsic::KptrXchg);
        let Some(exchange) = self.pick_callable(exchanges) else { return };
        match given {
            Some((given, _)) => self.copy(Reg::R2, given),
            None => self.constant(Reg::R2, 0),
        }
        self.call_on_field(&exchange, reg, field.offset);
        if let Some((_, held)) = given
            && !self.slips()
        {
            self.frame.end(held.reference);
        }
        let SpecialField::Kptr { ty, .. } = field.field else { return };
        let (maybe, reference) = (self.fresh_id(), self.fresh_id());
        self.frame.set(Reg::R0, Held { what: self.pointee(ty), maybe, reference, owner: true });
        if !self.slips() {
            self.use_reference();
        }
    }

    /// Bytes of a map's value that are nobody's, from this offset on: where they begin and how many there are.
    pub(super) fn plain_bytes(&mut self, map: usize, from: i32) -> (i32, u32) {
        let proto = &self.world.maps[map];
        let mut stretches = Vec::new();
        let mut at = 0;
        for field in &proto.fields {
            stretches.push((at, field.offset));
            at = field.offset + field.size;
        }
        stretches.push((at, proto.value_size));
        let wide: Vec<(u32, u32)> = stretches.into_iter().filter(|(start, end)| start < end).collect();
        if wide.is_empty() {
            return (0, 0);
        }
        let (start, end) = self.rng.pick(&wide);
        (start.cast_signed() - from, end - start)
    }
}
