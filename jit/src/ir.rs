//! What lowering reads: one [`Op`] per slot, so that slot numbers stay the labels of jumps. Passes in `opt` merge neighbours by
//! rewriting one of them and leaving [`Op::Nothing`] in place of the other.

use opswap_bpf::insn::{AtomicOp, CallTarget, Extend, Fetch, PacketMode, Reg, Size, Src, Width};
use opswap_bpf::{Insn, InsnIdx};
use opswap_verifier::VerifiedProgram;
use opswap_verifier::verified::Reach;

/// A set of BPF registers.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) struct RegSet(u16);

impl RegSet {
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

    pub(crate) const fn contains(self, reg: Reg) -> bool {
        self.0 & (1 << reg.index()) != 0
    }
}

/// `base + offset`, in 64 bits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Address {
    pub(crate) base: Reg,
    pub(crate) offset: i32,
}

impl Address {
    /// `base + offset`.
    pub(crate) fn new(base: Reg, offset: i16) -> Self {
        Self { base, offset: i32::from(offset) }
    }

    /// The registers that it is made of.
    pub(crate) fn regs(self) -> RegSet {
        RegSet::of(self.base)
    }
}

/// What one slot does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Op {
    /// Nothing: a second slot, or merged into a neighbour.
    Nothing,
    /// No path comes here: a trap.
    Dead,
    /// As the instruction set says.
    Insn(Insn),
    /// `dst = *(size *)address`.
    Load { size: Size, extend: Extend, dst: Reg, address: Address },
    /// `*(size *)address = src`.
    Store { size: Size, address: Address, src: Src },
}

/// What an operation reads and writes; the frame pointer counts like any register.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) struct Effects {
    pub(crate) reads: RegSet,
    pub(crate) writes: RegSet,
}

/// The operations of a program, one per slot.
pub(crate) fn build(program: &VerifiedProgram) -> Vec<Op> {
    let reach = |slot| program.facts(InsnIdx(slot)).map_or(Reach::Live, |facts| facts.reach);
    (0..).zip(&program.program().insns).map(|(slot, insn)| Op::new(insn, reach(slot))).collect()
}

impl Op {
    fn new(insn: &Insn, reach: Reach) -> Self {
        if *insn == Insn::LoadImm64Tail {
            Self::Nothing
        } else if reach == Reach::Dead {
            Self::Dead
        } else if let Insn::Load { size, extend, dst, base, offset } = *insn {
            Self::Load { size, extend, dst, address: Address::new(base, offset) }
        } else if let Insn::Store { size, base, offset, src } = *insn {
            Self::Store { size, address: Address::new(base, offset), src }
        } else {
            Self::Insn(*insn)
        }
    }

    /// What it reads and writes.
    pub(crate) fn effects(&self) -> Effects {
        let (reads, writes) = match *self {
            Self::Nothing | Self::Dead => Default::default(),
            Self::Insn(insn) => insn_effects(&insn),
            Self::Load { dst, address, .. } => (address.regs(), RegSet::of(dst)),
            Self::Store { address, src, .. } => (address.regs().union(src_regs(src)), RegSet::default()),
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
        Insn::MovSx { dst, src, .. } => (RegSet::of(src), RegSet::of(dst)),
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
