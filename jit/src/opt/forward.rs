//! Follows copies and sums through each block. For every register it knows, where it can, an [`Address`] over the *present*
//! values of other registers that has the same value; operands are rewritten to use it, so that the moves and additions that
//! built the register become dead.
//!
//! A form is dropped as soon as one of its registers is written, so it never speaks of a value that is gone.

use opswap_bpf::Insn;
use opswap_bpf::insn::{AluOp, Reg, Size, Src, SxBits, Width};

use crate::ir::{Address, Op, RegSet, Scale};
use crate::opt::flow::Flow;
use crate::opt::slots::Slots;
use crate::opt::upper;

/// Rewrites `ops`; `upper` has the registers with a zero upper half at the start of each block, `live` what is read after
/// each slot.
pub(super) fn forward(ops: &mut [Op], flow: &Flow, upper: &[RegSet], live: &[RegSet]) {
    for (block, &upper) in flow.blocks.iter().zip(upper) {
        let mut state =
            State { forms: [Form::Unknown; 11], upper, live: RegSet::ALL, slots: Slots::default() };
        for slot in block.slots.clone() {
            state.live = live[slot];
            ops[slot] = state.step(&ops[slot]);
        }
    }
}

/// What is known of a register.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Form {
    Unknown,
    /// It equals the address.
    Full(Address),
    /// It equals the low half of the address; its upper half is zero.
    Low(Address),
}

struct State {
    forms: [Form; 11],
    /// Registers with a zero upper half.
    upper: RegSet,
    /// Registers that are read after the present slot.
    live: RegSet,
    /// Stack slots whose content is in a register.
    slots: Slots,
}

/// An operation in its new shape, and what its result equals (in terms of the registers before it).
struct Rewritten {
    op: Op,
    form: Form,
}

impl Rewritten {
    fn plain(op: Op) -> Self {
        Self { op, form: Form::Unknown }
    }
}

fn register(reg: Reg) -> Address {
    Address { base: Some(reg), index: None, offset: 0 }
}

/// The sum of two addresses, if it is one.
fn sum(a: Address, b: Address) -> Option<Address> {
    let offset = a.offset.checked_add(b.offset)?;
    let mut parts =
        [a.base.map(|reg| (reg, Scale::X1)), a.index, b.base.map(|reg| (reg, Scale::X1)), b.index]
            .into_iter()
            .flatten();
    let (first, second) = (parts.next(), parts.next());
    if parts.next().is_some() {
        return None;
    }
    match (first, second) {
        (Some((base, Scale::X1)), index) => Some(Address { base: Some(base), index, offset }),
        (index, Some((base, Scale::X1))) => Some(Address { base: Some(base), index, offset }),
        (index, None) => Some(Address { base: None, index, offset }),
        (_, Some(_)) => None,
    }
}

/// `reg << amount` as an address.
fn scaled(reg: Reg, amount: i32) -> Option<Address> {
    match amount {
        1 => Some(Address { base: Some(reg), index: Some((reg, Scale::X1)), offset: 0 }),
        2 => Some(Address { base: None, index: Some((reg, Scale::X4)), offset: 0 }),
        3 => Some(Address { base: None, index: Some((reg, Scale::X8)), offset: 0 }),
        _ => None,
    }
}

impl State {
    fn step(&mut self, op: &Op) -> Op {
        let Rewritten { op, form } = self.rewrite(op);
        let writes = op.effects().writes;
        self.upper = upper::after(&op, self.upper);
        self.slots.after(&op);
        for reg in Reg::ALL {
            let stale = match self.forms[reg.index()] {
                Form::Unknown => false,
                Form::Full(address) | Form::Low(address) => !address.regs().is_disjoint(writes),
            };
            if stale || writes.contains(reg) {
                self.forms[reg.index()] = Form::Unknown;
            }
            if writes == RegSet::of(reg) {
                self.forms[reg.index()] = match form {
                    // It speaks of the register's value before the operation.
                    Form::Full(address) | Form::Low(address) if address.regs().contains(reg) => Form::Unknown,
                    Form::Full(_) | Form::Low(_) | Form::Unknown => form,
                };
            }
        }
        op
    }

    /// An address that equals a register.
    fn full(&self, reg: Reg) -> Address {
        match self.forms[reg.index()] {
            Form::Full(address) => address,
            Form::Low(_) | Form::Unknown => register(reg),
        }
    }

    /// An address whose low half equals that of a register.
    fn low(&self, reg: Reg) -> Address {
        match self.forms[reg.index()] {
            Form::Full(address) | Form::Low(address) => address,
            Form::Unknown => register(reg),
        }
    }

    fn of_width(&self, width: Width, reg: Reg) -> Address {
        match width {
            Width::W32 => self.low(reg),
            Width::W64 => self.full(reg),
        }
    }

    /// The register that a register is a copy of, as far as an operation of this width looks.
    fn copied(&self, width: Width, reg: Reg) -> Reg {
        self.of_width(width, reg).as_reg().unwrap_or(reg)
    }

    fn copied_src(&self, width: Width, src: Src) -> Src {
        match src {
            Src::Reg(reg) => Src::Reg(self.copied(width, reg)),
            Src::Imm(_) => src,
        }
    }

    fn rewrite(&self, op: &Op) -> Rewritten {
        Rewritten::plain(match *op {
            Op::Insn(insn) => return self.insn(&insn),
            Op::Load { size, extend, dst, address } => {
                let address = self.address(address);
                if let Some(holder) = self.slots.holder(size, extend, address) {
                    let width = if size == Size::DW { Width::W64 } else { Width::W32 };
                    return self.mov(width, dst, holder);
                }
                Op::Load { size, extend, dst, address }
            }
            Op::Store { size, address, src } => {
                let width = if size == Size::DW { Width::W64 } else { Width::W32 };
                Op::Store { size, address: self.address(address), src: self.copied_src(width, src) }
            }
            Op::Rotate { width, dst, src, left } => {
                Op::Rotate { width, dst, src: self.copied(width, src), left }
            }
            Op::Branch { taken, op, width, dst, src, to } => {
                let (dst, src) = (self.copied(width, dst), self.copied_src(width, src));
                Op::Branch { taken, op, width, dst, src, to }
            }
            Op::Nothing | Op::Dead | Op::Refused | Op::Lea { .. } | Op::Jump { .. } => *op,
        })
    }

    /// The same address over other registers.
    fn address(&self, address: Address) -> Address {
        let folded = match address {
            Address { base: Some(base), index: None, offset } => self.full(base).plus(offset),
            Address { .. } => None,
        };
        folded.unwrap_or(address)
    }

    fn insn(&self, insn: &Insn) -> Rewritten {
        match *insn {
            Insn::Mov { width, dst, src: Src::Reg(src) } => self.mov(width, dst, src),
            Insn::Alu { op, width, dst, src } => self.alu(op, width, dst, src),
            Insn::MovSx { width, bits, dst, src } => {
                let read = match bits {
                    SxBits::B8 | SxBits::B16 | SxBits::B32 => Width::W32,
                };
                let src = self.copied(read, src);
                Rewritten::plain(Op::Insn(Insn::MovSx { width, bits, dst, src }))
            }
            Insn::Mov { .. }
            | Insn::AddressCast { .. }
            | Insn::Neg { .. }
            | Insn::ByteSwap { .. }
            | Insn::LoadImm64 { .. }
            | Insn::LoadImm64Tail
            | Insn::Load { .. }
            | Insn::Store { .. }
            | Insn::Atomic { .. }
            | Insn::LoadAcquire { .. }
            | Insn::StoreRelease { .. }
            | Insn::LoadPacket { .. }
            | Insn::Jump { .. }
            | Insn::Branch { .. }
            | Insn::MayGoto { .. }
            | Insn::Call { .. }
            | Insn::CallReg { .. }
            | Insn::Exit => Rewritten::plain(Op::Insn(*insn)),
        }
    }

    fn mov(&self, width: Width, dst: Reg, src: Reg) -> Rewritten {
        let src = self.copied(width, src);
        let zero_upper = self.upper.contains(src);
        if src == dst && (width == Width::W64 || zero_upper) {
            return Rewritten::plain(Op::Nothing);
        }
        let form = match width {
            Width::W64 => Form::Full(self.full(src)),
            Width::W32 if zero_upper => Form::Full(self.full(src)),
            Width::W32 => Form::Low(self.low(src)),
        };
        // The 32-bit move is shorter, and as good where there is nothing to copy above.
        let width = if zero_upper { Width::W32 } else { width };
        Rewritten { op: Op::Insn(Insn::Mov { width, dst, src: Src::Reg(src) }), form }
    }

    fn alu(&self, op: AluOp, width: Width, dst: Reg, src: Src) -> Rewritten {
        let width = self.narrowed(op, width, dst, src);
        let sum = match (op, src) {
            (AluOp::Add, Src::Imm(imm)) => self.of_width(width, dst).plus(imm),
            (AluOp::Sub, Src::Imm(imm)) => {
                imm.checked_neg().and_then(|imm| self.of_width(width, dst).plus(imm))
            }
            (AluOp::Add, Src::Reg(src)) => self.sum_of(width, dst, src),
            (AluOp::Lsh, Src::Imm(amount)) => self.shifted(width, dst, amount),
            _ => None,
        };
        match (sum, width) {
            (Some(address), Width::W64) => {
                Rewritten { op: Op::Lea { width, dst, address }, form: Form::Full(address) }
            }
            (Some(address), Width::W32) => {
                Rewritten { op: Op::Lea { width, dst, address }, form: Form::Low(address) }
            }
            (None, _) => {
                Rewritten::plain(Op::Insn(Insn::Alu { op, width, dst, src: self.copied_src(width, src) }))
            }
        }
    }

    /// The width that suffices: 32 bits where the upper halves of both operands and of the result are zero. Shorter, and much
    /// faster for divisions.
    fn narrowed(&self, op: AluOp, width: Width, dst: Reg, src: Src) -> Width {
        let src_zero = match src {
            Src::Reg(src) => self.upper.contains(src),
            Src::Imm(imm) => imm >= 0,
        };
        let fits = match op {
            AluOp::Div | AluOp::Mod | AluOp::And | AluOp::Or | AluOp::Xor => src_zero,
            AluOp::Rsh => matches!(src, Src::Imm(0..32)),
            AluOp::Add | AluOp::Sub | AluOp::Mul | AluOp::Sdiv | AluOp::Smod | AluOp::Lsh | AluOp::Arsh => {
                false
            }
        };
        if fits && self.upper.contains(dst) { Width::W32 } else { width }
    }

    /// `dst + src`. The source's own sum is taken only when the source is not needed otherwise: an addition of two registers
    /// is cheaper than one of three parts.
    fn sum_of(&self, width: Width, dst: Reg, src: Reg) -> Option<Address> {
        let copied = register(self.copied(width, src));
        let whole = self.of_width(width, src);
        let target = self.of_width(width, dst);
        let whole = if self.live.contains(src) || src == dst { copied } else { whole };
        sum(target, whole).or_else(|| sum(target, copied)).or_else(|| sum(register(dst), copied))
    }

    /// `dst << amount`, where it saves a move.
    fn shifted(&self, width: Width, dst: Reg, amount: i32) -> Option<Address> {
        self.of_width(width, dst).as_reg().filter(|&reg| reg != dst).and_then(|reg| scaled(reg, amount))
    }
}
