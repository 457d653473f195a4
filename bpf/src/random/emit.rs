//! [`Live`]: what may be read at a point of a random program; and the instructions that read and write only that.

use super::function::Function;
use super::{Features, Shape};
use crate::insn::{
    AluOp, AtomicOp, Extend, Imm64, Insn, JumpForm, Reg, Size, Src, SwapBits, SwapKind, SxBits, Width,
};

/// Bytes of stack that programs use, below `R10`.
pub(super) const STACK_BYTES: i16 = 64;

/// Keeps the address of the memory in every function.
pub(super) const MEMORY: Reg = Reg::R9;

/// Registers that hold numbers.
pub(super) const NUMBERS: [Reg; 9] =
    [Reg::R0, Reg::R1, Reg::R2, Reg::R3, Reg::R4, Reg::R5, Reg::R6, Reg::R7, Reg::R8];

/// What holds a number: registers by number, and stack bytes from the lowest.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(super) struct Live {
    pub(super) regs: u16,
    pub(super) stack: u64,
}

const fn bytes_mask(at: u32, size: Size) -> u64 {
    ((1 << size.bytes()) - 1) << at
}

impl Live {
    pub(super) const fn has(self, reg: Reg) -> bool {
        self.regs & 1 << reg.index() != 0
    }

    pub(super) const fn add(&mut self, reg: Reg) {
        self.regs |= 1 << reg.index();
    }

    pub(super) const fn remove(&mut self, reg: Reg) {
        self.regs &= !(1 << reg.index());
    }

    pub(super) const fn meet(self, other: Self) -> Self {
        Self { regs: self.regs & other.regs, stack: self.stack & other.stack }
    }

    const fn has_stack(self, at: u32, size: Size) -> bool {
        let mask = bytes_mask(at, size);
        self.stack & mask == mask
    }
}

impl Function<'_> {
    pub(super) fn push(&mut self, insn: Insn) {
        self.program.insns.push(insn);
        if let Insn::LoadImm64 { .. } = insn {
            self.program.insns.push(Insn::LoadImm64Tail);
        }
    }

    fn width(&mut self) -> Width {
        self.rng.pick(&Width::ALL)
    }

    pub(super) fn size(&mut self) -> Size {
        self.rng.pick(&Size::ALL)
    }

    fn has(&self, feature: Features) -> bool {
        self.shape.features.contains(feature)
    }

    /// Registers that may be overwritten.
    fn writable(&self) -> Vec<Reg> {
        NUMBERS.into_iter().filter(|reg| self.counters & 1 << reg.index() == 0).collect()
    }

    pub(super) fn destination(&mut self) -> Reg {
        let writable = self.writable();
        self.rng.pick(&writable)
    }

    /// A register that holds a number, among those that pass.
    fn number_among(&mut self, pass: impl Fn(&Reg) -> bool) -> Option<Reg> {
        let live: Vec<Reg> = NUMBERS.into_iter().filter(|reg| self.live.has(*reg)).filter(pass).collect();
        (!live.is_empty()).then(|| self.rng.pick(&live))
    }

    /// A register that holds a number.
    pub(super) fn number(&mut self) -> Reg {
        match self.number_among(|_| true) {
            Some(reg) => reg,
            None => self.fresh(),
        }
    }

    /// A register that holds a number and may be overwritten.
    fn changeable(&mut self) -> Reg {
        let counters = self.counters;
        match self.number_among(|reg| counters & 1 << reg.index() == 0) {
            Some(reg) => reg,
            None => self.fresh(),
        }
    }

    /// Puts a number into a register that may be overwritten.
    fn fresh(&mut self) -> Reg {
        let dst = self.destination();
        self.set(dst);
        dst
    }

    /// Puts some number into this register.
    pub(super) fn set(&mut self, dst: Reg) {
        if self.rng.percent(25) {
            let value = self.rng.edge();
            self.push(Insn::LoadImm64 { dst, imm: Imm64::Value(value) });
        } else {
            let (width, imm) = (self.width(), self.rng.edge_imm());
            self.push(Insn::Mov { width, dst, src: Src::Imm(imm) });
        }
        self.live.add(dst);
    }

    pub(super) fn operand(&mut self) -> Src {
        if self.rng.percent(60) { Src::Reg(self.number()) } else { Src::Imm(self.rng.edge_imm()) }
    }

    pub(super) fn arithmetic(&mut self) {
        let op = self.rng.pick(&AluOp::ALL);
        let width = self.width();
        if matches!(op, AluOp::Sdiv | AluOp::Smod) && !self.has(Features::V4) {
            return self.arithmetic();
        }
        let dst = self.changeable();
        let mut src = self.operand();
        if let (Src::Imm(imm), false) = (&mut src, self.has(Features::RFC_IMMEDIATES)) {
            match op {
                AluOp::Lsh | AluOp::Rsh | AluOp::Arsh => *imm &= width.bits().cast_signed() - 1,
                AluOp::Div | AluOp::Sdiv | AluOp::Mod | AluOp::Smod if *imm == 0 => *imm = 3,
                AluOp::Div | AluOp::Sdiv | AluOp::Mod | AluOp::Smod => {}
                AluOp::Add | AluOp::Sub | AluOp::Mul | AluOp::Or | AluOp::And | AluOp::Xor => {}
            }
        }
        self.push(Insn::Alu { op, width, dst, src });
    }

    pub(super) fn unary(&mut self) {
        let width = self.width();
        match self.rng.below(if self.has(Features::V4) { 5 } else { 4 }) {
            0 => {
                let (src, dst) = (self.number(), self.destination());
                self.push(Insn::Mov { width, dst, src: Src::Reg(src) });
                self.live.add(dst);
            }
            1 => {
                let dst = self.destination();
                self.set(dst);
            }
            2 => {
                let dst = self.changeable();
                self.push(Insn::Neg { width, dst });
            }
            3 => {
                let kinds = [SwapKind::ToLe, SwapKind::ToBe, SwapKind::Bswap];
                let kinds = if self.has(Features::V4) { &kinds[..] } else { &kinds[..2] };
                let (dst, kind) = (self.changeable(), self.rng.pick(kinds));
                let bits = self.rng.pick(&[SwapBits::B16, SwapBits::B32, SwapBits::B64]);
                self.push(Insn::ByteSwap { kind, bits, dst });
            }
            _ => {
                let bits = match width {
                    Width::W32 => self.rng.pick(&[SxBits::B8, SxBits::B16]),
                    Width::W64 => self.rng.pick(&[SxBits::B8, SxBits::B16, SxBits::B32]),
                };
                let (src, dst) = (self.number(), self.destination());
                self.push(Insn::MovSx { width, bits, dst, src });
                self.live.add(dst);
            }
        }
    }

    fn extend(&mut self, size: Size) -> Extend {
        if size != Size::DW && self.has(Features::V4) && self.rng.percent(30) {
            Extend::Sign
        } else {
            Extend::Zero
        }
    }

    fn load(&mut self, size: Size, base: Reg, offset: i16) {
        let (extend, dst) = (self.extend(size), self.destination());
        self.push(Insn::Load { size, extend, dst, base, offset });
        self.live.add(dst);
    }

    fn store(&mut self, size: Size, base: Reg, offset: i16) {
        let src = self.operand();
        self.push(Insn::Store { size, base, offset, src });
    }

    /// An offset into the memory for an access of this size, aligned to it or not.
    fn memory_offset(&mut self, size: Size, align: u32) -> i16 {
        let room = self.shape.memory_bytes.min(16_384) - size.bytes();
        let offset = self.rng.below(room / align + 1) * align;
        i16::try_from(offset).unwrap_or(0)
    }

    /// A load, a store or an atomic operation on the memory.
    pub(super) fn memory(&mut self) {
        let size = self.size();
        match self.rng.below(4) {
            0 => {
                let offset = self.memory_offset(size, 1);
                self.store(size, MEMORY, offset);
            }
            1 => {
                let offset = self.memory_offset(size, 1);
                self.load(size, MEMORY, offset);
            }
            2 if self.has(Features::ACQUIRE_RELEASE) => {
                let offset = self.memory_offset(size, size.bytes());
                self.ordered(size, MEMORY, offset);
            }
            _ if self.has(Features::ATOMICS) => {
                let width = self.width();
                let offset = self.memory_offset(Size::DW, 8);
                self.atomic(width, MEMORY, offset);
            }
            _ => {
                let offset = self.memory_offset(size, size.bytes());
                self.load(size, MEMORY, offset);
            }
        }
    }

    fn ordered(&mut self, size: Size, base: Reg, offset: i16) {
        if self.rng.percent(50) {
            let dst = self.destination();
            self.push(Insn::LoadAcquire { size, dst, base, offset });
            self.live.add(dst);
        } else {
            let src = self.number();
            self.push(Insn::StoreRelease { size, base, offset, src });
        }
    }

    fn atomic(&mut self, width: Width, base: Reg, offset: i16) {
        let op = self.rng.pick(&AtomicOp::ALL);
        if op == AtomicOp::Cmpxchg {
            // It needs and overwrites R0, which is never a counter.
            if !self.live.has(Reg::R0) {
                self.set(Reg::R0);
            }
            // An exchange that succeeds is rare unless the expected value was just read.
            if self.rng.percent(50) {
                let size = if width == Width::W32 { Size::W } else { Size::DW };
                self.push(Insn::Load { size, extend: Extend::Zero, dst: Reg::R0, base, offset });
            }
        }
        let src = self.changeable();
        self.push(Insn::Atomic { op, width, base, offset, src });
    }

    /// An access at a masked offset: `t = number & mask; t += memory; access t`.
    pub(super) fn variable_offset(&mut self) {
        if !self.has(Features::VARIABLE_OFFSETS) {
            return self.memory();
        }
        let size = self.size();
        let room = self.shape.memory_bytes - size.bytes();
        let most = (room + 1).ilog2();
        let mask = (1_u32 << self.rng.below(most + 1)) - 1;
        let offset = i16::try_from(self.rng.below((room - mask).min(16_384) + 1)).unwrap_or(0);
        let (from, temp) = (self.number(), self.destination());
        let width = self.width();
        self.push(Insn::Mov { width, dst: temp, src: Src::Reg(from) });
        self.push(Insn::Alu { op: AluOp::And, width, dst: temp, src: Src::Imm(mask.cast_signed()) });
        self.push(Insn::Alu { op: AluOp::Add, width: Width::W64, dst: temp, src: Src::Reg(MEMORY) });
        self.live.remove(temp);
        if self.rng.percent(50) {
            self.load(size, temp, offset);
        } else {
            // The value comes from elsewhere: an address must not be stored.
            let src = self.operand_apart(temp);
            self.push(Insn::Store { size, base: temp, offset, src });
        }
    }

    /// An operand that needs no new register, so that `apart` keeps what it holds.
    fn operand_apart(&mut self, apart: Reg) -> Src {
        let reg = self.number_among(|reg| *reg != apart);
        let imm = self.rng.edge_imm();
        reg.map_or(Src::Imm(imm), Src::Reg)
    }

    /// A load, a store or an atomic operation on the stack, aligned as the verifier wants it.
    pub(super) fn stack(&mut self) {
        let size = self.size();
        let at = self.rng.below(STACK_BYTES.cast_unsigned() as u32 / size.bytes()) * size.bytes();
        let offset = i16::try_from(at).unwrap_or(0) - STACK_BYTES;
        if !self.live.has_stack(at, size) || self.rng.percent(35) {
            self.store(size, Reg::FP, offset);
            self.live.stack |= bytes_mask(at, size);
            return;
        }
        match (self.rng.below(3), size) {
            (0, Size::W) if self.has(Features::ATOMICS) => self.atomic(Width::W32, Reg::FP, offset),
            (0, Size::DW) if self.has(Features::ATOMICS) => self.atomic(Width::W64, Reg::FP, offset),
            (1, _) if self.has(Features::ACQUIRE_RELEASE) => self.ordered(size, Reg::FP, offset),
            _ => self.load(size, Reg::FP, offset),
        }
    }

    /// Spills the address of the memory, fills it into another register and uses it there.
    pub(super) fn spilled_address(&mut self) {
        let slot = i16::try_from(self.rng.below(8)).unwrap_or(0);
        let offset = slot * 8 - STACK_BYTES;
        let temp = self.destination();
        self.push(Insn::Store { size: Size::DW, base: Reg::FP, offset, src: Src::Reg(MEMORY) });
        self.push(Insn::Load { size: Size::DW, extend: Extend::Zero, dst: temp, base: Reg::FP, offset });
        self.live.remove(temp);
        let size = self.size();
        let at = self.memory_offset(size, 1);
        self.load(size, temp, at);
        let imm = self.rng.edge_imm();
        self.push(Insn::Store { size: Size::DW, base: Reg::FP, offset, src: Src::Imm(imm) });
        self.live.stack |= 0xff << (slot * 8);
    }

    /// A jump that goes nowhere.
    pub(super) fn hop(&mut self) {
        let forms = [JumpForm::Short, JumpForm::Long];
        let form = if self.has(Features::V4) { self.rng.pick(&forms) } else { JumpForm::Short };
        self.push(Insn::Jump { form, offset: 0 });
    }

    /// Writes the numbers in registers and on the stack into the memory.
    pub(super) fn dump(&mut self) {
        let numbers: Vec<Reg> = NUMBERS.into_iter().filter(|reg| self.live.has(*reg)).collect();
        let offset = |reg: Reg| i16::try_from(reg.index() * 8).unwrap_or(0);
        for reg in numbers {
            self.push(Insn::Store { size: Size::DW, base: MEMORY, offset: offset(reg), src: Src::Reg(reg) });
        }
        for at in (0..STACK_BYTES).step_by(8) {
            if self.live.has_stack(at.cast_unsigned().into(), Size::DW) {
                let (size, dst) = (Size::DW, Reg::R0);
                self.push(Insn::Load {
                    size,
                    extend: Extend::Zero,
                    dst,
                    base: Reg::FP,
                    offset: at - STACK_BYTES,
                });
                self.push(Insn::Store { size, base: MEMORY, offset: 72 + at, src: Src::Reg(dst) });
                self.live.add(dst);
            }
        }
    }
}

const _: () = assert!(Shape::MIN_MEMORY == 72 + 64, "`dump` writes nine registers and the stack");
