//! Calls by contract, references that are taken and given back.

#![expect(clippy::wildcard_enum_match_arm, reason = "what the generator cannot make, it does not call")]

use super::Callable;
use super::body::Body;
use super::functions::callback_of;
use super::held::{BUFFER, Held, What, slot_offset};
use super::objects::{Duty, Kind, handles_objects};
use crate::MapId;
use crate::ids::TypeRef;
use crate::insn::{AluOp, Imm64, Insn, JmpOp, MapRef, Reg, Size, Src, Width};
use crate::map::{BPF_F_RDONLY_PROG, MapKind, MapProto};
use crate::proto::{
    ArgIdx, ArgKind, ArgProto, Demand, Intrinsic, KfuncFlags, MemAccess, MemSize, Nullness, RetKind,
    RetTrust, SizeRule,
};

/// Whether a call gives a reference that must be given back.
pub(super) fn acquires(callable: &Callable) -> bool {
    let owned = matches!(callable.ret.kind, RetKind::Object { trust: RetTrust::Owned, .. });
    let reserved =
        matches!(callable.ret.kind, RetKind::Memory { .. }) && callable.flags.contains(KfuncFlags::ACQUIRE);
    owned || reserved
}

/// Whether a call takes a reference.
fn releases(callable: &Callable) -> bool {
    let takes = |arg: &ArgProto| {
        matches!(arg.kind, ArgKind::Reserved | ArgKind::Object { demand: Demand::Owned, .. })
    };
    callable.args.iter().any(takes)
}

/// Calls that must come in pairs, or that leave the program.
fn plain(callable: &Callable) -> bool {
    matches!(callable.intrinsic, None | Some(Intrinsic::MapLookup | Intrinsic::MapUpdate))
}

impl Body<'_> {
    pub(super) fn pick_callable(&mut self, pass: impl Fn(&Callable) -> bool) -> Option<Callable> {
        let found: Vec<usize> =
            (0..self.world.functions.len()).filter(|at| pass(&self.world.functions[*at])).collect();
        (!found.is_empty()).then(|| self.world.functions[self.rng.pick(&found)].clone())
    }

    /// Calls something that neither takes nor gives a reference.
    pub(super) fn call(&mut self) {
        let ordinary = |callable: &Callable| {
            !acquires(callable)
                && !releases(callable)
                && plain(callable)
                && !handles_objects(callable)
                && callback_of(callable).is_none()
        };
        // Outside of a section nobody can use what RCU protects.
        let guarded = self.section != 0 || self.rng.percent(15);
        let protected =
            |callable: &Callable| matches!(callable.ret.kind, RetKind::Object { trust: RetTrust::Rcu, .. });
        // Nor can anybody sleep in one.
        let may_sleep = self.may_sleep() || self.rng.percent(5);
        let sleeps = |callable: &Callable| callable.flags.contains(KfuncFlags::SLEEPABLE);
        let fits = |callable: &Callable| {
            ordinary(callable) && (guarded || !protected(callable)) && (may_sleep || !sleeps(callable))
        };
        match self.pick_callable(fits) {
            Some(callable) => {
                self.chosen = None;
                if self.call_with(&callable, None)
                    && self.frame.get(Reg::R0).maybe != 0
                    && self.rng.percent(80)
                {
                    self.keep_result();
                    self.null_check();
                }
            }
            None => self.arithmetic(),
        }
    }

    /// Uses what was just found: follows it, or hands it on.
    pub(super) fn use_found(&mut self) {
        let reg = self.keep_result();
        let found = self.frame.get(reg);
        if let What::Object { ty } = found.what
            && self.rng.percent(40)
        {
            let takes = |callable: &Callable| {
                matches!(callable.args[..], [ArgProto { kind: ArgKind::Object { ty: own, demand }, .. }]
                    if own == ty && demand != Demand::Owned)
            };
            if let Some(callable) = self.pick_callable(|it| takes(it) && !handles_objects(it)) {
                self.call_with(&callable, Some(reg));
            }
        } else {
            self.follow(reg);
        }
    }

    /// Moves `R0` where the next call does not reach it.
    pub(super) fn keep_result(&mut self) -> Reg {
        let free: Vec<Reg> = [Reg::R6, Reg::R7, Reg::R8, Reg::R9]
            .into_iter()
            .filter(|reg| self.pinned & 1 << reg.index() == 0)
            .collect();
        if free.is_empty() || self.rng.percent(25) {
            return Reg::R0;
        }
        let dst = self.rng.pick(&free);
        self.copy(dst, Reg::R0);
        dst
    }

    /// Takes a reference, uses it, gives it back.
    pub(super) fn reference_block(&mut self) {
        let Some(callable) = self.pick_callable(|callable| acquires(callable) && !handles_objects(callable))
        else {
            return self.call();
        };
        if !self.take_fork() || !self.call_with(&callable, None) {
            return self.arithmetic();
        }
        self.use_reference();
    }

    /// Uses the reference in `R0`, and gives it back.
    pub(super) fn use_reference(&mut self) {
        let held = self.frame.get(Reg::R0);
        let around = (held.maybe != 0).then(|| {
            let at = self.here();
            let (op, width) = (JmpOp::Eq, Width::W64);
            self.push(Insn::Branch { op, width, dst: Reg::R0, src: Src::Imm(0), offset: 0 });
            at
        });
        let held = Held { maybe: 0, ..held };
        self.frame.set(Reg::R0, Held::NOTHING);
        let before = self.frame;
        self.frame.set(Reg::R0, held);
        let kept = self.keep_result();
        let was_pinned = self.pinned;
        // It may lie in a register, or on the stack.
        let slot = 9;
        let (size, base, offset) = (Size::DW, Reg::FP, slot_offset(slot));
        let spilled = kept == Reg::R0 || self.rng.percent(30);
        if spilled {
            self.push(Insn::Store { size, base, offset, src: Src::Reg(kept) });
            self.frame.slots[slot].whole = held;
            self.frame.slots[slot].bytes = 0;
        } else {
            self.pin(kept);
        }
        self.duties.push(Duty::Reference);
        if matches!(held.what, What::Allocated { .. }) && self.rng.percent(30) {
            self.count_once_more();
        }
        self.touch();
        self.nested();
        self.duties.pop();
        self.pinned = was_pinned;
        let found = self.find(|other| other.owner && other.reference == held.reference);
        let reg = match found {
            Some(reg) => reg,
            None => {
                // The stack has it, unless something overwrote it.
                let extend = crate::insn::Extend::Zero;
                self.push(Insn::Load { size, extend, dst: Reg::R1, base, offset });
                self.frame.set(Reg::R1, held);
                Reg::R1
            }
        };
        self.release(reg, held);
        if let Some(around) = around {
            self.land(around);
        }
        self.frame = self.frame.meet(&before);
    }

    pub(super) fn release(&mut self, reg: Reg, held: Held) {
        let wanted = |callable: &Callable| match (callable.args.first().map(|arg| &arg.kind), held.what) {
            (Some(ArgKind::Object { ty, demand: Demand::Owned }), What::Object { ty: own }) => *ty == own,
            (Some(ArgKind::Reserved), What::Memory { .. })
            | (Some(ArgKind::Allocated { demand: Demand::Owned, .. }), What::Allocated { .. }) => true,
            _ => false,
        };
        if let Some(callable) = self.pick_callable(wanted) {
            self.call_with(&callable, Some(reg));
        }
        if !self.slips() {
            self.frame.end(held.reference);
        }
    }

    /// Proves that some pointer is not NULL, and uses it.
    pub(super) fn null_check(&mut self) {
        let Some(reg) = self.find(|held| held.maybe != 0) else { return self.touch() };
        if !self.take_fork() {
            return self.unary();
        }
        let group = self.frame.get(reg).maybe;
        let around = self.here();
        let before = self.frame;
        if self.rng.percent(75) {
            let (op, width) = (JmpOp::Eq, Width::W64);
            self.push(Insn::Branch { op, width, dst: reg, src: Src::Imm(0), offset: 0 });
            self.checked(group);
            self.touch();
            self.nested();
            self.land(around);
        } else {
            let (op, width) = (JmpOp::Ne, Width::W64);
            self.push(Insn::Branch { op, width, dst: reg, src: Src::Imm(0), offset: 0 });
            self.frame.set(reg, Held::number(0));
            self.nested();
            let over = self.here();
            self.push(Insn::Jump { form: crate::insn::JumpForm::Short, offset: 0 });
            self.land(around);
            let null = std::mem::replace(&mut self.frame, before);
            self.checked(group);
            self.touch();
            self.nested();
            self.land(over);
            self.frame = self.frame.meet(&null);
        }
        self.frame = self.frame.meet(&before);
    }

    fn checked(&mut self, group: u32) {
        self.frame.update(|held| {
            if held.maybe == group {
                held.maybe = 0;
            }
        });
    }

    /// Calls with arguments that satisfy the contract; `first` is given as the first. Whether it could be done.
    pub(super) fn call_with(&mut self, callable: &Callable, first: Option<Reg>) -> bool {
        let mut map = None;
        let mut size = None;
        self.about = None;
        if let Some(What::Value { map, .. }) = first.map(|reg| self.frame.get(reg).what) {
            size = Some(self.rng.pick(&[8, 16, self.world.maps[map].value_size]));
        }
        for (at, (reg, arg)) in Reg::ARGS.into_iter().zip(&callable.args).enumerate() {
            let done = match (first, at) {
                (Some(first), 0) => {
                    self.move_argument(reg, first);
                    true
                }
                _ => self.argument(callable, at, reg, arg, &mut map, &mut size),
            };
            if !done {
                return false;
            }
        }
        self.push(Insn::Call { target: callable.target });
        self.after_call();
        let result = self.result(callable, map, size);
        self.frame.set(Reg::R0, result);
        true
    }

    pub(super) fn move_argument(&mut self, dst: Reg, src: Reg) {
        if dst != src {
            self.copy(dst, src);
        }
    }

    /// Makes one argument; `map` and `size` remember what others and the result depend on.
    fn argument(
        &mut self,
        callable: &Callable,
        at: usize,
        reg: Reg,
        arg: &ArgProto,
        map: &mut Option<usize>,
        size: &mut Option<u32>,
    ) -> bool {
        match &arg.kind {
            ArgKind::Scalar { .. } | ArgKind::Any | ArgKind::Checked { .. } => self.number_argument(reg),
            ArgKind::Const { .. } => {
                let imm = 8 * (1 + self.rng.below(6));
                *size = Some(imm);
                self.constant(reg, imm.cast_signed());
            }
            ArgKind::Size { rule } => {
                let limit = size.unwrap_or(8);
                let small = |held: Held| matches!(held.what, What::Number { max, .. } if max <= limit.into());
                let bounded =
                    Self::outside_arguments(self, reg, small).filter(|_| *rule == SizeRule::AnyOrZero);
                match bounded {
                    Some(src) => self.move_argument(reg, src),
                    None => self.constant(reg, limit.cast_signed()),
                }
            }
            ArgKind::Map { .. } => {
                let Some(found) = self.map.or_else(|| self.map_for(callable)) else { return false };
                *map = Some(found);
                let imm = Imm64::Map(MapRef::Idx(MapId(u32::try_from(found).unwrap_or(0))));
                self.load_imm64(reg, imm);
                self.frame.set(reg, Held::NOTHING);
            }
            ArgKind::MapKey => {
                let bytes = map.map_or(8, |map| self.world.maps[map].key_size);
                self.key(reg, bytes);
            }
            ArgKind::MapValue { .. } => {
                let bytes = map.map_or(8, |map| self.world.maps[map].value_size);
                return self.memory_argument(reg, bytes);
            }
            ArgKind::Memory { size: MemSize::Fixed(bytes), .. } => return self.memory_argument(reg, *bytes),
            // A buffer that is not needed.
            ArgKind::Memory { size: MemSize::Arg(_), .. } if arg.null == Nullness::Nullable => {
                *size = Some(self.rng.pick(&[1, 4, 8, 13, 16]));
                self.constant(reg, 0);
            }
            ArgKind::Memory { size: MemSize::Arg(_), .. } => {
                let bytes = self.rng.pick(&[1, 4, 8, 13, 16]);
                *size = Some(bytes);
                return self.memory_argument(reg, bytes);
            }
            ArgKind::Context => {
                let context = Self::outside_arguments(self, reg, |held| held.what == What::Context);
                let Some(context) = context else { return false };
                self.move_argument(reg, context);
            }
            ArgKind::Object { ty, demand } => return self.object_argument(reg, *ty, *demand, arg.null),
            ArgKind::Iter { ty, .. } => return self.object_on_stack(reg, |kind| kind == Kind::Iter(*ty)),
            ArgKind::IrqFlag { class, .. } => {
                return self.object_on_stack(reg, |kind| kind == Kind::Irq(*class));
            }
            ArgKind::Dynptr(_) => return self.object_on_stack(reg, |kind| matches!(kind, Kind::Dynptr(_))),
            _ => return false,
        }
        debug_assert!(at < 5);
        true
    }

    /// A register with such content that earlier arguments did not overwrite.
    fn outside_arguments(&mut self, reg: Reg, pass: impl Fn(Held) -> bool) -> Option<Reg> {
        let found: Vec<Reg> = Reg::ALL[..10]
            .iter()
            .copied()
            .filter(|other| !Reg::ARGS.contains(other) || *other >= reg)
            .filter(|other| pass(self.frame.get(*other)))
            .collect();
        (!found.is_empty()).then(|| self.rng.pick(&found))
    }

    pub(super) fn constant(&mut self, reg: Reg, imm: i32) {
        self.push(Insn::Mov { width: Width::W64, dst: reg, src: Src::Imm(imm) });
        self.frame.set(reg, Held::number(i64::from(imm).cast_unsigned()));
    }

    pub(super) fn number_argument(&mut self, reg: Reg) {
        match self.outside_arguments(reg, Held::is_number).filter(|_| self.rng.percent(70)) {
            Some(src) => self.move_argument(reg, src),
            None => {
                let imm = self.rng.below(16).cast_signed();
                self.constant(reg, imm);
            }
        }
    }

    pub(super) fn stack_address(&mut self, reg: Reg, offset: i16) {
        self.push(Insn::Mov { width: Width::W64, dst: reg, src: Src::Reg(Reg::FP) });
        let imm = i32::from(offset);
        self.push(Insn::Alu { op: AluOp::Add, width: Width::W64, dst: reg, src: Src::Imm(imm) });
        self.frame.set(reg, Held::of(What::Stack { offset }));
    }

    /// A key on the stack; small numbers, so that some are found.
    fn key(&mut self, reg: Reg, bytes: u32) {
        let slot = self.rng.below(4) as usize;
        let imm = self.rng.below(10).cast_signed();
        let size = if bytes <= 4 { Size::W } else { Size::DW };
        let offset = slot_offset(slot);
        if !self.frame.has(slot, 0, size) || self.rng.percent(70) {
            self.push(Insn::Store { size, base: Reg::FP, offset, src: Src::Imm(imm) });
            self.frame.write(slot, 0, size);
        }
        self.stack_address(reg, offset);
    }

    /// Initialised memory of so many bytes: on the stack, or in a map's value.
    fn memory_argument(&mut self, reg: Reg, bytes: u32) -> bool {
        let slots = bytes.div_ceil(8) as usize;
        if slots > 8 {
            return false;
        }
        let fits = |held: Held| match held.what {
            What::Memory { bytes: own, access: MemAccess::ReadWrite } => held.maybe == 0 && own >= bytes,
            What::Buffer => bytes <= BUFFER,
            _ => false,
        };
        if let Some(src) = self.outside_arguments(reg, fits).filter(|_| self.rng.percent(50)) {
            self.move_argument(reg, src);
            return true;
        }
        let first = self.rng.below(u32::try_from(9 - slots).unwrap_or(1)) as usize;
        for slot in first..first + slots {
            if !self.frame.initialised(slot, 1) {
                // Not through a register: those of earlier arguments are taken.
                let imm = self.rng.edge_imm();
                let offset = slot_offset(slot);
                self.push(Insn::Store { size: Size::DW, base: Reg::FP, offset, src: Src::Imm(imm) });
                self.frame.write(slot, 0, Size::DW);
            }
        }
        self.stack_address(reg, slot_offset(first));
        true
    }

    fn object_argument(&mut self, reg: Reg, ty: TypeRef, demand: Demand, null: Nullness) -> bool {
        let section = self.section;
        let suits = |held: Held| {
            let guarded = section != 0 && held.reference == section;
            held.what == What::Object { ty }
                && held.maybe == 0
                && (demand != Demand::Owned || held.owner)
                && (demand == Demand::Rcu || !guarded)
        };
        match self.outside_arguments(reg, suits) {
            Some(src) => self.move_argument(reg, src),
            None if null == Nullness::Nullable => self.constant(reg, 0),
            None => return false,
        }
        true
    }

    /// A map that this call works on.
    fn map_for(&mut self, callable: &Callable) -> Option<usize> {
        let reserves = callable.intrinsic == Some(Intrinsic::Reserve);
        let suits = |kind: MapKind| match kind {
            MapKind::Ringbuf => reserves,
            MapKind::Array | MapKind::Hash | MapKind::PercpuArray | MapKind::LruHash => !reserves,
            _ => false,
        };
        let changes = callable.intrinsic == Some(Intrinsic::MapUpdate);
        let allowed = |map: &MapProto| !changes || map.flags & BPF_F_RDONLY_PROG == 0;
        let maps = &self.world.maps;
        let found: Vec<usize> =
            (0..maps.len()).filter(|at| suits(maps[*at].kind) && allowed(&maps[*at])).collect();
        (!found.is_empty()).then(|| self.rng.pick(&found))
    }

    pub(super) fn after_call(&mut self) {
        for reg in Reg::ARGS {
            self.frame.set(reg, Held::NOTHING);
        }
        self.frame.set(Reg::R0, Held::NOTHING);
    }

    pub(super) fn result(&mut self, callable: &Callable, map: Option<usize>, size: Option<u32>) -> Held {
        let what = match &callable.ret.kind {
            RetKind::Void => return Held::NOTHING,
            RetKind::Scalar { .. } | RetKind::Range { .. } | RetKind::CountOrErrno(_) => {
                return Held::number(u64::MAX);
            }
            RetKind::Object { ty, .. } => What::Object { ty: *ty },
            RetKind::MapValue => match map {
                Some(map) => What::Value { map, offset: 0 },
                None => return Held::NOTHING,
            },
            RetKind::Memory { size: MemSize::Fixed(bytes), access, .. } => {
                What::Memory { bytes: *bytes, access: *access }
            }
            RetKind::Memory { size: MemSize::Arg(ArgIdx(_)), access, .. } => match size {
                Some(bytes) => What::Memory { bytes, access: *access },
                None => return Held::NOTHING,
            },
            _ => return Held::NOTHING,
        };
        let maybe = if callable.ret.null == Nullness::Nullable { self.fresh_id() } else { 0 };
        let owner = acquires(callable);
        let reference = if owner { self.fresh_id() } else { self.lender(callable) };
        Held { what, maybe, reference, owner }
    }
}
