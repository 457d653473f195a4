//! What lowering reads: one [`Op`] per slot, so that slot numbers stay the labels of jumps. Passes in `opt` merge operations by
//! rewriting one of them and leaving [`Op::Nothing`] in place of the others.

use opswap_bpf::insn::{AtomicOp, CallTarget, Extend, Fetch, JmpOp, PacketMode, Reg, Size, Src, Width};
use opswap_bpf::{Insn, InsnIdx};
use opswap_verifier::verified::{Access, Reach};

use crate::error::JitError;
use crate::input::Input;

/// A set of BPF registers.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) struct RegSet(u16);

impl RegSet {
    /// All of them.
    pub(crate) const ALL: Self = Self(0b111_1111_1111);
    /// `R1` to `R5`.
    pub(crate) const ARGUMENTS: Self = Self(0b11_1110);
    /// `R0` to `R5`: what a call leaves undefined.
    pub(crate) const CLOBBERED: Self = Self(0b11_1111);

    pub(crate) const fn of(reg: Reg) -> Self {
        Self(1 << reg.index())
    }

    pub(crate) const fn with(self, reg: Reg) -> Self {
        self.union(Self::of(reg))
    }

    pub(crate) const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub(crate) const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    pub(crate) const fn intersection(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    pub(crate) const fn is_disjoint(self, other: Self) -> bool {
        self.0 & other.0 == 0
    }

    pub(crate) const fn contains(self, reg: Reg) -> bool {
        self.0 & (1 << reg.index()) != 0
    }
}

/// Factor of an index register.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Scale {
    X1 = 1,
    X4 = 4,
    X8 = 8,
}

/// `base + index * scale + offset`, in 64 bits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Address {
    pub(crate) base: Option<Reg>,
    pub(crate) index: Option<(Reg, Scale)>,
    pub(crate) offset: i32,
}

impl Address {
    /// `base + offset`.
    pub(crate) fn new(base: Reg, offset: i16) -> Self {
        Self { base: Some(base), index: None, offset: i32::from(offset) }
    }

    /// The registers that it is made of.
    pub(crate) fn regs(self) -> RegSet {
        let base = self.base.map_or(RegSet::default(), RegSet::of);
        self.index.map_or(base, |(index, _)| base.with(index))
    }

    /// The register, if the address is just that.
    pub(crate) fn as_reg(self) -> Option<Reg> {
        self.base.filter(|_| self.index.is_none() && self.offset == 0)
    }

    /// The address `offset` bytes further, if that can still be encoded.
    pub(crate) fn plus(self, offset: i32) -> Option<Self> {
        Some(Self { offset: self.offset.checked_add(offset)?, ..self })
    }
}

/// On which outcome a branch is taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Taken {
    /// When the condition holds.
    IfTrue,
    /// When it does not.
    IfFalse,
}

/// What one slot does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Op {
    /// Nothing: a second slot, or merged into a neighbour.
    Nothing,
    /// No path comes here: a trap.
    Dead,
    /// An access that compiled code does not make: the run ends.
    Refused,
    /// As the instruction set says; never one of those that have a form of their own below.
    Insn(Insn),
    /// `dst = *(size *)address`.
    Load { size: Size, extend: Extend, dst: Reg, address: Address },
    /// `*(size *)address = src`.
    Store { size: Size, address: Address, src: Src },
    /// `dst = address`, cut to the width.
    Lea { width: Width, dst: Reg, address: Address },
    /// `dst = src` rotated left.
    Rotate { width: Width, dst: Reg, src: Reg, left: u8 },
    /// To a slot.
    Jump { to: u32 },
    /// To a slot, on a condition.
    Branch { taken: Taken, op: JmpOp, width: Width, dst: Reg, src: Src, to: u32 },
}

/// What an operation reads and writes; the frame pointer counts like any register.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) struct Effects {
    pub(crate) reads: RegSet,
    pub(crate) writes: RegSet,
}

/// The operations of a program, one per slot.
pub(crate) fn build(input: &Input<'_>) -> Result<Vec<Op>, JitError> {
    let insns = input.insns;
    let target = |slot, offset| match InsnIdx(slot).jump(offset) {
        Some(to) if to.index() < insns.len() => Ok(to.0),
        Some(_) | None => Err(JitError::Internal(format!("{} jumps out of the program", InsnIdx(slot)))),
    };
    let mut ops = Vec::with_capacity(insns.len());
    for (((slot, insn), &reach), &access) in (0..).zip(insns).zip(&input.reach).zip(&input.access) {
        ops.push(if *insn == Insn::LoadImm64Tail {
            Op::Nothing
        } else if reach == Reach::Dead {
            Op::Dead
        } else if access == Access::Refused {
            Op::Refused
        } else if let Insn::Load { size, extend, dst, base, offset } = *insn {
            Op::Load { size, extend, dst, address: Address::new(base, offset) }
        } else if let Insn::Store { size, base, offset, src } = *insn {
            Op::Store { size, address: Address::new(base, offset), src }
        } else if let Insn::Jump { offset, .. } = *insn {
            Op::Jump { to: target(slot, offset)? }
        } else if let Insn::Branch { op, width, dst, src, offset } = *insn {
            Op::Branch { taken: Taken::IfTrue, op, width, dst, src, to: target(slot, offset.into())? }
        } else {
            Op::Insn(*insn)
        });
    }
    Ok(ops)
}

impl Op {
    /// What it reads and writes.
    pub(crate) fn effects(&self) -> Effects {
        let (reads, writes) = match *self {
            Self::Nothing | Self::Dead | Self::Refused | Self::Jump { .. } => Default::default(),
            Self::Insn(insn) => insn_effects(&insn),
            Self::Load { dst, address, .. } => (address.regs(), RegSet::of(dst)),
            Self::Store { address, src, .. } => (address.regs().union(src_regs(src)), RegSet::default()),
            Self::Lea { dst, address, .. } => (address.regs(), RegSet::of(dst)),
            Self::Rotate { dst, src, .. } => (RegSet::of(src), RegSet::of(dst)),
            Self::Branch { dst, src, .. } => (src_regs(src).with(dst), RegSet::default()),
        };
        Effects { reads, writes }
    }
}

fn src_regs(src: Src) -> RegSet {
    match src {
        Src::Reg(reg) => RegSet::of(reg),
        Src::Imm(_) => RegSet::default(),
    }
}

fn insn_effects(insn: &Insn) -> (RegSet, RegSet) {
    let none = RegSet::default();
    match *insn {
        Insn::Alu { dst, src, .. } => (src_regs(src).with(dst), RegSet::of(dst)),
        Insn::Mov { dst, src, .. } => (src_regs(src), RegSet::of(dst)),
        Insn::MovSx { dst, src, .. } | Insn::AddressCast { dst, src, .. } => {
            (RegSet::of(src), RegSet::of(dst))
        }
        Insn::Neg { dst, .. } | Insn::ByteSwap { dst, .. } => (RegSet::of(dst), RegSet::of(dst)),
        Insn::LoadImm64 { dst, .. } => (none, RegSet::of(dst)),
        Insn::LoadImm64Tail | Insn::Jump { .. } | Insn::MayGoto { .. } => (none, none),
        Insn::Load { dst, base, .. } | Insn::LoadAcquire { dst, base, .. } => {
            (RegSet::of(base), RegSet::of(dst))
        }
        Insn::Store { base, src, .. } => (src_regs(src).with(base), none),
        Insn::StoreRelease { base, src, .. } => (RegSet::of(base).with(src), none),
        Insn::Atomic { op, base, src, .. } => {
            let reads = RegSet::of(base).with(src);
            match op {
                AtomicOp::Add(fetch) | AtomicOp::Or(fetch) | AtomicOp::And(fetch) | AtomicOp::Xor(fetch) => {
                    match fetch {
                        Fetch::No => (reads, none),
                        Fetch::Yes => (reads, RegSet::of(src)),
                    }
                }
                AtomicOp::Xchg => (reads, RegSet::of(src)),
                AtomicOp::Cmpxchg => (reads.with(Reg::R0), RegSet::of(Reg::R0)),
            }
        }
        Insn::LoadPacket { mode, .. } => {
            let reads = RegSet::of(Reg::R6);
            match mode {
                PacketMode::Abs => (reads, RegSet::CLOBBERED),
                PacketMode::Ind(reg) => (reads.with(reg), RegSet::CLOBBERED),
            }
        }
        Insn::Branch { dst, src, .. } => (src_regs(src).with(dst), none),
        Insn::Call { target: CallTarget::Helper(_) | CallTarget::Subprog(_) | CallTarget::Kfunc { .. } } => {
            (RegSet::ARGUMENTS, RegSet::CLOBBERED)
        }
        Insn::CallReg { reg } => (RegSet::ARGUMENTS.with(reg), RegSet::CLOBBERED),
        Insn::Exit => (RegSet::of(Reg::R0), none),
    }
}

/// Sign-extends an immediate to the width of its operation.
pub(crate) fn extend_imm(imm: i32, width: Width) -> u64 {
    match width {
        Width::W32 => u64::from(imm.cast_unsigned()),
        Width::W64 => i64::from(imm).cast_unsigned(),
    }
}
