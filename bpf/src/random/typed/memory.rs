//! Accesses: through every kind of pointer, at constant and variable offsets; the stack; spills and fills.

use super::FieldGives;
use super::body::Body;
use super::held::{BUFFER, Frame, Held, SLOTS, What, slot_offset};
use crate::insn::{AluOp, AtomicOp, Extend, Fetch, Insn, JmpOp, Reg, Size, Src, Width};
use crate::map::{BPF_F_RDONLY_PROG, BPF_F_WRONLY_PROG};
use crate::proto::{ContextArg, ContextField, ContextValue, Demand, MemAccess, NarrowAccess, Nullness};
use crate::random::Features;

/// What memory may be used for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Use {
    Any,
    NoAtomics,
    ReadOnly,
    WriteOnly,
}

impl Body<'_> {
    /// Follows some pointer.
    pub(super) fn touch(&mut self) {
        let follows = |held: Held| {
            held.maybe == 0
                && matches!(
                    held.what,
                    What::Buffer
                        | What::Value { .. }
                        | What::Memory { .. }
                        | What::Object { .. }
                        | What::Allocated { .. }
                        | What::Packet { .. }
                )
        };
        match self.find(follows) {
            Some(base) => self.follow(base),
            None => self.stack_access(),
        }
    }

    /// Follows this pointer.
    pub(super) fn follow(&mut self, base: Reg) {
        match self.frame.get(base).what {
            What::Buffer => self.access(base, 0, BUFFER, Use::Any),
            What::Memory { bytes, access } => {
                let usage = match access {
                    MemAccess::Read => Use::ReadOnly,
                    MemAccess::ReadWrite => Use::Any,
                    MemAccess::Write => Use::WriteOnly,
                };
                self.access(base, 0, bytes, usage);
            }
            What::Allocated { at } => {
                let plain = self.world.structs[at].plain;
                self.access_fixed(base, 0, plain, Use::NoAtomics);
            }
            What::Packet { room } => {
                let usage = if self.world.packet_writable { Use::NoAtomics } else { Use::ReadOnly };
                self.access_fixed(base, 0, room, usage);
            }
            What::Value { map, offset } => {
                let proto = &self.world.maps[map];
                let (bytes, flags) = (proto.value_size, proto.flags);
                let usage = if flags & BPF_F_RDONLY_PROG != 0 || proto.frozen.is_some() {
                    Use::ReadOnly
                } else if flags & BPF_F_WRONLY_PROG != 0 {
                    Use::WriteOnly
                } else {
                    Use::Any
                };
                if proto.fields.is_empty() {
                    return self.access(base, offset, bytes, usage);
                }
                let (start, room) = self.plain_bytes(map, offset);
                self.access_fixed(base, i16::try_from(start).unwrap_or(0), room, usage);
            }
            What::Object { ty } => {
                let fields: Vec<_> =
                    self.world.fields.iter().copied().filter(|field| field.owner == ty).collect();
                if !fields.is_empty() {
                    let field = self.rng.pick(&fields);
                    self.object_field(base, field.offset, field.gives);
                }
            }
            What::Nothing
            | What::Number { .. }
            | What::Context
            | What::Stack { .. }
            | What::PacketEnd
            | What::Lent { .. } => {}
        }
    }

    fn object_field(&mut self, base: Reg, offset: i16, gives: FieldGives) {
        match gives {
            FieldGives::Number { bytes, writable } => {
                let size = size_of(bytes);
                if writable && self.rng.percent(40) {
                    let src = self.operand();
                    self.push(Insn::Store { size, base, offset, src });
                } else {
                    self.load(size, base, offset);
                }
            }
            FieldGives::Pointer { ty, null } => {
                let parent = self.frame.get(base);
                let dst = self.destination();
                self.push(Insn::Load { size: Size::DW, extend: Extend::Zero, dst, base, offset });
                let maybe = if null == Nullness::Nullable { self.fresh_id() } else { 0 };
                let what = What::Object { ty };
                self.frame.set(dst, Held { what, maybe, reference: parent.reference, owner: false });
            }
        }
    }

    /// An access somewhere in `limit` bytes, of which `base` points to the one at `at`.
    pub(super) fn access(&mut self, base: Reg, at: i32, limit: u32, usage: Use) {
        let variable = self.has(Features::VARIABLE_OFFSETS) && at == 0 && limit > 8 && self.rng.percent(40);
        if !variable {
            let room = limit.saturating_sub(at.cast_unsigned());
            return self.access_fixed(base, 0, room, usage);
        }
        let size = self.size();
        let index = self.small_number(limit - size.bytes());
        let What::Number { max, .. } = self.frame.get(index).what else { return };
        let max = u32::try_from(max).unwrap_or(limit);
        let dst = self.destination();
        if dst == index
            || dst == base
            || self.pinned & 1 << dst.index() != 0
            || !self.frame.get(base).readable()
        {
            return;
        }
        if self.frame.get(base).is_number() || max > limit - size.bytes() {
            return;
        }
        self.push(Insn::Mov { width: Width::W64, dst, src: Src::Reg(base) });
        self.push(Insn::Alu { op: AluOp::Add, width: Width::W64, dst, src: Src::Reg(index) });
        self.frame.set(dst, Held::NOTHING);
        let slack = limit - size.bytes() - max;
        let offset = i16::try_from(self.rng.below(slack + 1)).unwrap_or(0);
        let usage = if usage == Use::Any { Use::NoAtomics } else { usage };
        self.one_access(size, dst, offset, usage);
    }

    /// An access at a constant offset within `room` bytes from `base + start` on.
    fn access_fixed(&mut self, base: Reg, start: i16, room: u32, usage: Use) {
        let sizes: Vec<Size> = Size::ALL.into_iter().filter(|size| size.bytes() <= room).collect();
        if sizes.is_empty() {
            return;
        }
        let size = self.rng.pick(&sizes);
        let bytes = size.bytes();
        // Often the last place that fits.
        let last = room - bytes;
        let at = if self.rng.percent(30) { last } else { self.rng.below(last + 1) };
        let at = if self.rng.percent(80) { at / bytes * bytes } else { at };
        let offset = start + i16::try_from(at).unwrap_or(0);
        let usage = if usage == Use::Any && !offset.unsigned_abs().is_multiple_of(8) {
            Use::NoAtomics
        } else {
            usage
        };
        self.one_access(size, base, offset, usage);
    }

    fn one_access(&mut self, size: Size, base: Reg, offset: i16, usage: Use) {
        let reads = usage != Use::WriteOnly;
        let writes = usage != Use::ReadOnly;
        match self.rng.below(10) {
            0..5 if reads => self.load(size, base, offset),
            5 | 6 if usage == Use::Any && self.has(Features::ATOMICS) && size.bytes() >= 4 => {
                self.atomic(size, base, offset);
            }
            _ if writes => {
                let src = self.operand();
                let changed = matches!(src, Src::Reg(reg) if reg == base);
                if !changed && !self.frame.get(base).is_number() {
                    self.push(Insn::Store { size, base, offset, src });
                }
            }
            _ => self.load(size, base, offset),
        }
    }

    fn load(&mut self, size: Size, base: Reg, offset: i16) {
        let dst = self.destination();
        let sign = self.has(Features::V4) && size != Size::DW && self.rng.percent(25);
        let extend = if sign { Extend::Sign } else { Extend::Zero };
        self.push(Insn::Load { size, extend, dst, base, offset });
        let max = if sign || size == Size::DW { u64::MAX } else { (1 << size.bits()) - 1 };
        self.frame.set(dst, Held::number(max));
    }

    pub(super) fn size(&mut self) -> Size {
        self.rng.pick(&Size::ALL)
    }

    fn atomic(&mut self, size: Size, base: Reg, offset: i16) {
        let width = if size == Size::DW { Width::W64 } else { Width::W32 };
        let op = self.rng.pick(&AtomicOp::ALL);
        if op == AtomicOp::Cmpxchg && !self.frame.get(Reg::R0).is_number() {
            return self.load(size, base, offset);
        }
        let src = self.changeable();
        if src == base || self.frame.get(base).is_number() {
            return;
        }
        self.push(Insn::Atomic { op, width, base, offset, src });
        let fetched = match op {
            AtomicOp::Add(Fetch::Yes)
            | AtomicOp::Or(Fetch::Yes)
            | AtomicOp::And(Fetch::Yes)
            | AtomicOp::Xor(Fetch::Yes) => Some(src),
            AtomicOp::Xchg => Some(src),
            AtomicOp::Cmpxchg => Some(Reg::R0),
            AtomicOp::Add(Fetch::No)
            | AtomicOp::Or(Fetch::No)
            | AtomicOp::And(Fetch::No)
            | AtomicOp::Xor(Fetch::No) => None,
        };
        if let Some(dst) = fetched {
            self.frame.set(dst, Held::number(if width == Width::W32 { u32::MAX.into() } else { u64::MAX }));
        }
    }

    /// Writes a number to a whole slot.
    pub(super) fn store_slot(&mut self, slot: usize) {
        let src = self.operand();
        self.push(Insn::Store { size: Size::DW, base: Reg::FP, offset: slot_offset(slot), src });
        self.frame.write(slot, 0, Size::DW);
    }

    pub(super) fn stack_access(&mut self) {
        let size = self.size();
        let slot = self.rng.below(SLOTS as u32) as usize;
        let within = self.rng.below(8 / size.bytes()) * size.bytes();
        let offset = slot_offset(slot) + i16::try_from(within).unwrap_or(0);
        if !self.frame.has(slot, within, size) || self.rng.percent(40) {
            let src = self.operand();
            self.push(Insn::Store { size, base: Reg::FP, offset, src });
            return self.frame.write(slot, within, size);
        }
        if size.bytes() >= 4 && self.has(Features::ATOMICS) && self.rng.percent(30) {
            return self.atomic(size, Reg::FP, offset);
        }
        self.load(size, Reg::FP, offset);
    }

    /// Spills a register of any kind, or fills one; sometimes through a copy of the frame pointer.
    pub(super) fn spill_or_fill(&mut self) {
        let spilled: Vec<usize> =
            (0..SLOTS).filter(|slot| self.frame.slots[*slot].whole.readable()).collect();
        if !spilled.is_empty() && self.rng.percent(50) {
            let slot = self.rng.pick(&spilled);
            let dst = self.destination();
            let (size, extend, offset) = (Size::DW, Extend::Zero, slot_offset(slot));
            self.push(Insn::Load { size, extend, dst, base: Reg::FP, offset });
            return self.frame.set(dst, self.frame.slots[slot].whole);
        }
        let Some(src) = self.find(Held::readable) else { return self.stack_access() };
        let slot = self.rng.below(SLOTS as u32) as usize;
        let mut base = (Reg::FP, slot_offset(slot));
        if self.rng.percent(25) {
            let copy = self.destination();
            if copy != src {
                self.push(Insn::Mov { width: Width::W64, dst: copy, src: Src::Reg(Reg::FP) });
                let imm = i32::from(base.1);
                self.push(Insn::Alu { op: AluOp::Add, width: Width::W64, dst: copy, src: Src::Imm(imm) });
                self.frame.set(copy, Held::of(What::Stack { offset: base.1 }));
                base = (copy, 0);
            }
        }
        self.push(Insn::Store { size: Size::DW, base: base.0, offset: base.1, src: Src::Reg(src) });
        let held = self.frame.get(src);
        self.frame.slots[slot].whole = held;
        self.frame.slots[slot].bytes = if held.is_number() { 0xff } else { 0 };
    }

    /// Stack bytes at an offset that is not known.
    pub(super) fn stack_at_variable_offset(&mut self) {
        if !self.has(Features::VARIABLE_OFFSETS) {
            return self.stack_access();
        }
        let size = self.size();
        let first = self.rng.below(SLOTS as u32 - 3) as usize;
        for slot in first..first + 3 {
            if !self.frame.initialised(slot, 1) {
                self.store_slot(slot);
            }
        }
        let index = self.small_number(24 - size.bytes());
        let dst = self.destination();
        if dst == index {
            return;
        }
        if size != Size::B {
            // The stack is accessed in aligned pieces.
            let mask = -size.bytes().cast_signed();
            if self.pinned & 1 << index.index() != 0 {
                return;
            }
            self.push(Insn::Alu { op: AluOp::And, width: Width::W64, dst: index, src: Src::Imm(mask) });
            self.frame.set(index, Held::number(24));
        }
        self.push(Insn::Mov { width: Width::W64, dst, src: Src::Reg(Reg::FP) });
        let imm = i32::from(slot_offset(first));
        self.push(Insn::Alu { op: AluOp::Add, width: Width::W64, dst, src: Src::Imm(imm) });
        self.push(Insn::Alu { op: AluOp::Add, width: Width::W64, dst, src: Src::Reg(index) });
        self.frame.set(dst, Held::NOTHING);
        if self.rng.percent(50) {
            let src = self.operand();
            self.push(Insn::Store { size, base: dst, offset: 0, src });
            for slot in first..first + 3 {
                self.frame.slots[slot].whole = Held::NOTHING;
            }
        } else {
            self.load(size, dst, 0);
        }
    }

    pub(super) fn context_field(&mut self, base: Reg, field: &ContextField) {
        let offset = i16::try_from(field.offset).unwrap_or(0);
        let what = match field.value {
            ContextValue::Scalar { .. } => {
                let writable = field.access == MemAccess::ReadWrite;
                let whole = field.narrow == NarrowAccess::Forbidden || self.rng.percent(70);
                let size =
                    if whole { size_of(field.size.min(8)) } else { self.rng.pick(&[Size::B, Size::H]) };
                if writable && self.rng.percent(40) {
                    let src = self.operand();
                    return self.push(Insn::Store { size: size_of(field.size.min(8)), base, offset, src });
                }
                return self.load(size, base, offset);
            }
            ContextValue::PacketStart => return self.packet(base, field),
            ContextValue::PacketEnd => What::PacketEnd,
            ContextValue::Memory { size, access } => What::Memory { bytes: size, access },
            ContextValue::Object { ty, .. } => What::Object { ty },
            ContextValue::Record { .. } | ContextValue::PacketMeta => return,
        };
        let dst = self.destination();
        let size = size_of(field.size);
        self.push(Insn::Load { size, extend: Extend::Zero, dst, base, offset });
        let maybe = if field.null == Nullness::Nullable { self.fresh_id() } else { 0 };
        self.frame.set(dst, Held { maybe, ..Held::of(what) });
    }

    pub(super) fn context_argument(&mut self, base: Reg, at: u32, arg: &ContextArg) {
        let offset = i16::try_from(at * 8).unwrap_or(0);
        let dst = self.destination();
        self.push(Insn::Load { size: Size::DW, extend: Extend::Zero, dst, base, offset });
        let what = match arg.value {
            ContextValue::Object { ty, demand: Demand::Exclusive | Demand::Trusted | Demand::Rcu } => {
                What::Object { ty }
            }
            ContextValue::Scalar { .. } => What::Number { max: u64::MAX, link: 0 },
            ContextValue::Memory { size, access } => What::Memory { bytes: size, access },
            ContextValue::Object { .. }
            | ContextValue::Record { .. }
            | ContextValue::PacketStart
            | ContextValue::PacketMeta
            | ContextValue::PacketEnd => What::Nothing,
        };
        let maybe = if arg.null == Nullness::Nullable { self.fresh_id() } else { 0 };
        self.frame.set(dst, Held { maybe, ..Held::of(what) });
    }

    /// Loads the packet's start and end, moves on by a number perhaps, compares, and reads behind the comparison.
    fn packet(&mut self, context: Reg, start: &ContextField) {
        let crate::proto::ContextLayout::Fields(fields) = &self.world.context else { return };
        let Some(end_field) = fields.iter().find(|field| field.value == ContextValue::PacketEnd) else {
            return;
        };
        let end_offset = i16::try_from(end_field.offset).unwrap_or(0);
        if !self.take_fork() {
            return self.unary();
        }
        let index = self.rng.percent(40).then(|| self.small_number(63));
        let taken = [Some(context), index];
        let free: Vec<Reg> = Reg::ALL[..10]
            .iter()
            .copied()
            .filter(|reg| self.pinned & 1 << reg.index() == 0 && !taken.contains(&Some(*reg)))
            .collect();
        let [data, probe, end] = [0, 1, 2].map(|at| free[(at + 2) % free.len()]);
        let load =
            |dst, offset| Insn::Load { size: Size::W, extend: Extend::Zero, dst, base: context, offset };
        self.push(load(data, i16::try_from(start.offset).unwrap_or(0)));
        self.push(load(end, end_offset));
        if let Some(index) = index {
            self.push(Insn::Alu { op: AluOp::Add, width: Width::W64, dst: data, src: Src::Reg(index) });
        }
        let room = self.rng.pick(&[1, 2, 8, 14, 20, 34]);
        self.push(Insn::Mov { width: Width::W64, dst: probe, src: Src::Reg(data) });
        let src = Src::Imm(room);
        self.push(Insn::Alu { op: AluOp::Add, width: Width::W64, dst: probe, src });
        for reg in [data, probe, end] {
            self.frame.set(reg, Held::NOTHING);
        }
        let before: Frame = self.frame;
        let around = self.here();
        let (op, dst, src, room) = match self.rng.below(4) {
            0 => (JmpOp::Lt, end, probe, room),
            1 => (JmpOp::Ge, probe, end, room + 1),
            2 => (JmpOp::Le, end, probe, room + 1),
            _ => (JmpOp::Gt, probe, end, room),
        };
        self.push(Insn::Branch { op, width: Width::W64, dst, src: Src::Reg(src), offset: 0 });
        self.frame.set(data, Held::of(What::Packet { room: room.cast_unsigned() }));
        self.touch();
        self.nested();
        self.land(around);
        self.frame = self.frame.meet(&before);
    }
}

pub(super) fn size_of(bytes: u32) -> Size {
    match bytes {
        1 => Size::B,
        2 => Size::H,
        4 => Size::W,
        _ => Size::DW,
    }
}
