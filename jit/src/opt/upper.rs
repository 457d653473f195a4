//! Which registers have a zero upper half, so that clearing it again is a plain copy. Forward over blocks; a set only shrinks.

use opswap_bpf::Insn;
use opswap_bpf::insn::{AluOp, AtomicOp, Extend, Fetch, Imm64, Reg, Size, Src, SwapBits, Width};

use crate::ir::{Op, RegSet};
use crate::opt::flow::{Entry, Flow};

/// Registers with a zero upper half at the start of each block.
pub(super) fn zero_at_entries(ops: &[Op], flow: &Flow) -> Vec<RegSet> {
    let mut entries: Vec<RegSet> = flow
        .blocks
        .iter()
        .map(|block| match block.entry {
            Entry::Function => RegSet::default(),
            Entry::Inner => RegSet::ALL,
        })
        .collect();
    let mut pending: Vec<u32> = flow.indices().rev().collect();
    let mut queued = vec![true; flow.blocks.len()];
    while let Some(index) = pending.pop() {
        queued[index as usize] = false;
        let block = &flow.blocks[index as usize];
        let out = ops[block.slots.clone()].iter().fold(entries[index as usize], |zero, op| after(op, zero));
        for to in block.successors.into_iter().flatten() {
            let known = &mut entries[to as usize];
            let shrunk = known.intersection(out);
            if shrunk != *known {
                *known = shrunk;
                if !queued[to as usize] {
                    queued[to as usize] = true;
                    pending.push(to);
                }
            }
        }
    }
    entries
}

/// Registers with a zero upper half after an operation, given those before it.
pub(super) fn after(op: &Op, zero: RegSet) -> RegSet {
    let writes = op.effects().writes;
    match result(op, zero) {
        Some((reg, true)) => zero.without(writes).with(reg),
        Some((_, false)) | None => zero.without(writes),
    }
}

/// The register that an operation computes, and whether its upper half is zero.
fn result(op: &Op, zero: RegSet) -> Option<(Reg, bool)> {
    match *op {
        Op::Load { dst, size, extend, .. } => Some((dst, extend == Extend::Zero && size != Size::DW)),
        Op::Lea { dst, width, .. } | Op::Rotate { dst, width, .. } => Some((dst, width == Width::W32)),
        Op::Insn(insn) => insn_result(&insn, zero),
        Op::Nothing | Op::Dead | Op::Refused | Op::Store { .. } | Op::Jump { .. } | Op::Branch { .. } => None,
    }
}

fn insn_result(insn: &Insn, zero: RegSet) -> Option<(Reg, bool)> {
    match *insn {
        Insn::Alu { dst, width: Width::W32, .. }
        | Insn::Mov { dst, width: Width::W32, .. }
        | Insn::MovSx { dst, width: Width::W32, .. }
        | Insn::Neg { dst, width: Width::W32 } => Some((dst, true)),
        Insn::Alu { op, dst, src, .. } => Some((dst, alu_keeps_upper_zero(op, dst, src, zero))),
        Insn::Mov { dst, src: Src::Reg(src), .. } => Some((dst, zero.contains(src))),
        Insn::Mov { dst, src: Src::Imm(imm), .. } => Some((dst, imm >= 0)),
        Insn::ByteSwap { dst, bits, .. } => Some((dst, bits != SwapBits::B64)),
        Insn::LoadImm64 { dst, imm: Imm64::Value(value) } => Some((dst, u32::try_from(value).is_ok())),
        Insn::LoadAcquire { dst, size, .. } => Some((dst, size != Size::DW)),
        Insn::Atomic { op, width, src, .. } => match op {
            AtomicOp::Add(Fetch::Yes)
            | AtomicOp::Or(Fetch::Yes)
            | AtomicOp::And(Fetch::Yes)
            | AtomicOp::Xor(Fetch::Yes)
            | AtomicOp::Xchg => Some((src, width == Width::W32)),
            AtomicOp::Cmpxchg => Some((Reg::R0, width == Width::W32)),
            AtomicOp::Add(Fetch::No)
            | AtomicOp::Or(Fetch::No)
            | AtomicOp::And(Fetch::No)
            | AtomicOp::Xor(Fetch::No) => None,
        },
        Insn::MovSx { dst, .. }
        | Insn::AddressCast { dst, .. }
        | Insn::Neg { dst, .. }
        | Insn::LoadImm64 { dst, .. }
        | Insn::Load { dst, .. } => Some((dst, false)),
        Insn::LoadImm64Tail
        | Insn::Store { .. }
        | Insn::StoreRelease { .. }
        | Insn::LoadPacket { .. }
        | Insn::Jump { .. }
        | Insn::Branch { .. }
        | Insn::MayGoto { .. }
        | Insn::Call { .. }
        | Insn::CallReg { .. }
        | Insn::Exit => None,
    }
}

/// Does a 64-bit operation leave a zero upper half?
fn alu_keeps_upper_zero(op: AluOp, dst: Reg, src: Src, zero: RegSet) -> bool {
    let operand = match src {
        Src::Reg(src) => zero.contains(src),
        Src::Imm(imm) => imm >= 0,
    };
    match op {
        AluOp::And => zero.contains(dst) || operand,
        AluOp::Or | AluOp::Xor => zero.contains(dst) && operand,
        AluOp::Rsh => zero.contains(dst) || matches!(src, Src::Imm(imm) if imm & 63 >= 32),
        AluOp::Div | AluOp::Mod => zero.contains(dst),
        AluOp::Add | AluOp::Sub | AluOp::Mul | AluOp::Sdiv | AluOp::Smod | AluOp::Lsh | AluOp::Arsh => false,
    }
}
