//! Numbers: arithmetic of every kind, and the ways in which a number gets a bound that an access may rely on.

use super::body::Body;
use super::held::{Held, What};
use crate::insn::{AluOp, Imm64, Insn, JmpOp, Reg, Src, SwapBits, SwapKind, SxBits, Width};
use crate::random::Features;

impl Body<'_> {
    /// A register that holds a number; makes one if there is none.
    pub(super) fn number(&mut self) -> Reg {
        match self.find(Held::is_number) {
            Some(reg) => reg,
            None => self.fresh_number(),
        }
    }

    pub(super) fn fresh_number(&mut self) -> Reg {
        let dst = self.destination();
        self.set(dst);
        dst
    }

    /// A register that holds a number and may be overwritten.
    pub(super) fn changeable(&mut self) -> Reg {
        let pinned = self.pinned;
        let free: Vec<Reg> = Reg::ALL[..10]
            .iter()
            .copied()
            .filter(|reg| pinned & 1 << reg.index() == 0 && self.frame.get(*reg).is_number())
            .collect();
        if free.is_empty() { self.fresh_number() } else { self.rng.pick(&free) }
    }

    pub(super) fn operand(&mut self) -> Src {
        if self.rng.percent(45) {
            Src::Reg(self.number())
        } else if self.rng.percent(50) {
            Src::Imm(self.rng.below(70).cast_signed())
        } else {
            Src::Imm(self.rng.edge_imm())
        }
    }

    /// Puts some number into this register.
    pub(super) fn set(&mut self, dst: Reg) {
        let max = match self.rng.below(4) {
            0 => {
                let value = self.rng.edge();
                self.load_imm64(dst, Imm64::Value(value));
                value
            }
            1 => {
                let imm = self.rng.below(64).cast_signed();
                self.push(Insn::Mov { width: Width::W64, dst, src: Src::Imm(imm) });
                u64::from(imm.cast_unsigned())
            }
            _ => {
                let (width, imm) = (self.rng.pick(&Width::ALL), self.rng.edge_imm());
                self.push(Insn::Mov { width, dst, src: Src::Imm(imm) });
                match width {
                    Width::W32 => u64::from(imm.cast_unsigned()),
                    Width::W64 => i64::from(imm).cast_unsigned(),
                }
            }
        };
        self.frame.set(dst, Held::number(max));
    }

    pub(super) fn arithmetic(&mut self) {
        let ops: &[AluOp] = if self.has(Features::V4) { &AluOp::ALL } else { &BEFORE_V4 };
        let (op, width) = (self.rng.pick(ops), self.rng.pick(&Width::ALL));
        let divides = matches!(op, AluOp::Div | AluOp::Mod | AluOp::Sdiv | AluOp::Smod);
        if divides && !self.has(Features::DIVISION) {
            return self.unary();
        }
        let (dst, mut src) = (self.changeable(), self.operand());
        let shifts = matches!(op, AluOp::Lsh | AluOp::Rsh | AluOp::Arsh);
        if shifts && !self.has(Features::DIVISION) && matches!(src, Src::Reg(_)) {
            src = Src::Imm(self.rng.below(64).cast_signed());
        }
        if let Src::Imm(imm) = &mut src {
            if shifts {
                *imm &= width.bits().cast_signed() - 1;
            } else if divides && *imm == 0 {
                *imm = 3;
            }
        }
        let What::Number { max: before, .. } = self.frame.get(dst).what else { return };
        self.push(Insn::Alu { op, width, dst, src });
        let limit = match width {
            Width::W32 => u64::from(u32::MAX),
            Width::W64 => u64::MAX,
        };
        let max = match (op, src) {
            (AluOp::And, Src::Imm(imm)) if imm >= 0 => before.min(u64::from(imm.cast_unsigned())),
            (AluOp::Mod, Src::Imm(imm)) if imm > 0 => u64::from(imm.cast_unsigned()) - 1,
            (AluOp::Rsh, Src::Imm(imm)) => before.min(limit) >> imm,
            (AluOp::Add, Src::Imm(imm)) if imm >= 0 => before.saturating_add(u64::from(imm.cast_unsigned())),
            _ => u64::MAX,
        };
        let max = if max > limit { limit } else { max };
        // A sum may wrap in 32 bits.
        let wraps = width == Width::W32 && op == AluOp::Add;
        self.frame.set(dst, Held::number(if wraps { limit } else { max }));
    }

    pub(super) fn unary(&mut self) {
        let (dst, width) = (self.changeable(), self.rng.pick(&Width::ALL));
        let v4 = self.has(Features::V4);
        match self.rng.below(if v4 { 4 } else { 2 }) {
            0 => self.push(Insn::Neg { width, dst }),
            1 => {
                let kind = if v4 { SwapKind::Bswap } else { SwapKind::ToBe };
                let kind = self.rng.pick(&[kind, SwapKind::ToBe, SwapKind::ToLe]);
                let bits = self.rng.pick(&[SwapBits::B16, SwapBits::B32, SwapBits::B64]);
                self.push(Insn::ByteSwap { kind, bits, dst });
            }
            _ => {
                let bits = match width {
                    Width::W32 => self.rng.pick(&[SxBits::B8, SxBits::B16]),
                    Width::W64 => self.rng.pick(&[SxBits::B8, SxBits::B16, SxBits::B32]),
                };
                let src = self.number();
                self.push(Insn::MovSx { width, bits, dst, src });
            }
        }
        self.frame.set(dst, Held::number(u64::MAX));
    }

    /// Copies a register, whatever it holds; numbers stay linked.
    pub(super) fn move_about(&mut self) {
        let (dst, src) = (self.destination(), self.find(Held::readable));
        let Some(src) = src else { return self.unary() };
        let number = self.frame.get(src).is_number();
        if number && self.rng.percent(30) {
            self.push(Insn::Mov { width: Width::W32, dst, src: Src::Reg(src) });
            self.frame.set(dst, Held::number(u64::from(u32::MAX)));
        } else {
            self.copy(dst, src);
        }
        if number && self.rng.percent(20) && dst != src {
            // A copy at a constant distance.
            let imm = self.rng.below(16).cast_signed();
            self.push(Insn::Alu { op: AluOp::Add, width: Width::W64, dst, src: Src::Imm(imm) });
            self.frame.set(dst, Held::number(u64::MAX));
        }
    }

    /// A number of at most `max`, in a register that may be overwritten.
    pub(super) fn small_number(&mut self, max: u32) -> Reg {
        let limit = u64::from(max);
        let small = |held: Held| matches!(held.what, What::Number { max, .. } if max <= limit);
        if let Some(reg) = self.find(small).filter(|_| self.rng.percent(60)) {
            return reg;
        }
        let dst = self.changeable();
        let imm = max.cast_signed();
        match self.rng.below(3) {
            // The greatest mask of ones below the limit.
            0 => {
                let mask = (1_u32 << (32 - max.leading_zeros())) - 1;
                let mask = if mask > max { mask >> 1 } else { mask };
                let (width, imm) = (self.rng.pick(&Width::ALL), mask.cast_signed());
                self.push(Insn::Alu { op: AluOp::And, width, dst, src: Src::Imm(imm) });
            }
            1 if imm > 0 && self.has(Features::DIVISION) => {
                let width = self.rng.pick(&Width::ALL);
                self.push(Insn::Alu { op: AluOp::Mod, width, dst, src: Src::Imm(imm) });
            }
            // A jump over the correction.
            _ => {
                let op = self.rng.pick(&[JmpOp::Le, JmpOp::Lt]);
                let bound = if op == JmpOp::Lt { imm.saturating_add(1) } else { imm };
                self.push(Insn::Branch { op, width: Width::W64, dst, src: Src::Imm(bound), offset: 1 });
                self.push(Insn::Mov { width: Width::W64, dst, src: Src::Imm(imm) });
            }
        }
        self.frame.set(dst, Held::number(limit));
        dst
    }

    /// `if` a number is small: the body uses it, or a copy that the comparison did not name.
    pub(super) fn bounded_by_branch(&mut self) {
        if !self.take_fork() {
            return self.arithmetic();
        }
        let number = self.number();
        if self.rng.percent(40) {
            let copy = self.destination();
            self.copy(copy, number);
        }
        let max = self.rng.pick(&[3, 7, 8, 15, 24, 31, 63, 255]);
        let around = match self.rng.percent(20) {
            true => self.guard_at_distance(number, max),
            false => self.guard(number, max),
        };
        let before = self.frame;
        let What::Number { link, .. } = before.get(number).what else { return };
        let limit = u64::from(max.cast_unsigned());
        self.frame.update(|held| {
            if let What::Number { max, link: other } = &mut held.what
                && link != 0
                && *other == link
            {
                *max = limit.min(*max);
            }
        });
        self.frame.set(number, Held::of(What::Number { max: limit, link }));
        self.touch();
        self.nested();
        for slot in around {
            self.land(slot);
        }
        self.frame = self.frame.meet(&before);
    }

    /// The same through a copy at a constant distance, above or below.
    fn guard_at_distance(&mut self, number: Reg, max: i32) -> Vec<usize> {
        let copy = self.destination();
        if copy == number {
            return self.guard(number, max);
        }
        self.copy(copy, number);
        let by = self.rng.pick(&[1, 2, 4, 7, 16, 100]);
        let width = if self.rng.percent(80) { Width::W64 } else { Width::W32 };
        let op = if self.rng.percent(70) { AluOp::Add } else { AluOp::Sub };
        self.push(Insn::Alu { op, width, dst: copy, src: Src::Imm(by) });
        self.frame.set(copy, Held::number(u64::MAX));
        let (least, most) = if op == AluOp::Add { (by, max + by) } else { (-by, max - by) };
        let (below, above) = if op == AluOp::Add { (JmpOp::Lt, JmpOp::Gt) } else { (JmpOp::Slt, JmpOp::Sgt) };
        let first = self.here();
        let jump = |op, imm| Insn::Branch { op, width: Width::W64, dst: copy, src: Src::Imm(imm), offset: 0 };
        self.push(jump(above, most));
        self.push(jump(below, least));
        (first..self.here()).collect()
    }

    /// Jumps that are taken when a number is above `max`.
    fn guard(&mut self, dst: Reg, max: i32) -> Vec<usize> {
        let first = self.here();
        let jump = |op, width, imm| Insn::Branch { op, width, dst, src: Src::Imm(imm), offset: 0 };
        match self.rng.below(5) {
            0 => self.push(jump(JmpOp::Gt, Width::W64, max)),
            1 => self.push(jump(JmpOp::Ge, Width::W64, max + 1)),
            2 => {
                self.push(jump(JmpOp::Sgt, Width::W64, max));
                self.push(jump(JmpOp::Slt, Width::W64, 0));
            }
            3 => {
                // The bound stands in a register.
                let bound = self.destination();
                if bound == dst {
                    self.push(jump(JmpOp::Gt, Width::W64, max));
                } else {
                    self.push(Insn::Mov { width: Width::W64, dst: bound, src: Src::Imm(max) });
                    self.frame.set(bound, Held::number(u64::from(max.cast_unsigned())));
                    let src = Src::Reg(bound);
                    self.push(Insn::Branch { op: JmpOp::Gt, width: Width::W64, dst, src, offset: 0 });
                    return vec![first + 1];
                }
            }
            _ => {
                let wide =
                    matches!(self.frame.get(dst).what, What::Number { max, .. } if max > u64::from(u32::MAX));
                let width = if wide { Width::W64 } else { Width::W32 };
                self.push(jump(JmpOp::Gt, width, max));
            }
        }
        (first..self.here()).collect()
    }
}

const BEFORE_V4: [AluOp; 11] = [
    AluOp::Add,
    AluOp::Sub,
    AluOp::Mul,
    AluOp::Div,
    AluOp::Or,
    AluOp::And,
    AluOp::Lsh,
    AluOp::Rsh,
    AluOp::Mod,
    AluOp::Xor,
    AluOp::Arsh,
];
