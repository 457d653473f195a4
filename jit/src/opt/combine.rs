//! Sequences that stand for one operation:
//!
//! - `r <<= n; r >>= n`, which clears upper bits (`s>>=`: copies the sign into them), is a move for n = 32, 48 and 56;
//! - `t = x; t >>= k; d <<= w - k; d |= t` with `d` holding `x`, or made from it in between, is a rotation, if nobody reads
//!   `t` afterwards.

use opswap_bpf::Insn;
use opswap_bpf::insn::{AluOp, Reg, Src, SxBits, Width};

use crate::ir::{Op, RegSet};
use crate::opt::flow::Flow;

/// Rewrites `ops`; `live` is what is read after each slot.
pub(super) fn combine(ops: &mut [Op], flow: &Flow, live: &[RegSet]) {
    for block in &flow.blocks {
        let mut at = block.slots.start;
        while at < block.slots.end {
            let window = &mut ops[at..block.slots.end];
            let live = &live[at..block.slots.end];
            at += shift_pair(window).or_else(|| rotation(window, live)).unwrap_or(1);
        }
    }
}

/// `dst op= imm`.
fn with_imm(op: &Op) -> Option<(AluOp, Width, Reg, i32)> {
    let Op::Insn(Insn::Alu { op, width, dst, src: Src::Imm(imm) }) = *op else { return None };
    Some((op, width, dst, imm))
}

/// `dst = src`, with the width.
fn register_move(op: &Op) -> Option<(Width, Reg, Reg)> {
    let Op::Insn(Insn::Mov { width, dst, src: Src::Reg(src) }) = *op else { return None };
    Some((width, dst, src))
}

/// Returns how many slots it dealt with.
fn shift_pair(ops: &mut [Op]) -> Option<usize> {
    let [first, second, ..] = ops else { return None };
    let (AluOp::Lsh, Width::W64, dst, amount) = with_imm(first)? else { return None };
    let (back, Width::W64, same, by) = with_imm(second)? else { return None };
    if same != dst || by != amount {
        return None;
    }
    let bits = match amount {
        32 => SxBits::B32,
        48 => SxBits::B16,
        56 => SxBits::B8,
        _ => return None,
    };
    *second = Op::Insn(match (back, bits) {
        (AluOp::Rsh, SxBits::B32) => Insn::Mov { width: Width::W32, dst, src: Src::Reg(dst) },
        (AluOp::Rsh, SxBits::B16) => {
            Insn::Alu { op: AluOp::And, width: Width::W64, dst, src: Src::Imm(0xffff) }
        }
        (AluOp::Rsh, SxBits::B8) => Insn::Alu { op: AluOp::And, width: Width::W64, dst, src: Src::Imm(0xff) },
        (AluOp::Arsh, bits) => Insn::MovSx { width: Width::W64, bits, dst, src: dst },
        _ => return None,
    });
    *first = Op::Nothing;
    Some(2)
}

/// Returns how many slots it dealt with.
fn rotation(ops: &mut [Op], live: &[RegSet]) -> Option<usize> {
    let (_, temporary, value) = register_move(ops.first()?)?;
    let (first_op, width, first_dst, first_by) = with_imm(ops.get(1)?)?;
    if first_dst != temporary || temporary == value {
        return None;
    }
    // The result may be the value's own register, or a copy made now.
    let (copied, rest) = match register_move(ops.get(2)?) {
        Some((_, dst, src)) if src == value && dst != temporary => (Some(dst), 3),
        Some(_) => return None,
        None => (None, 2),
    };
    let (second_op, second_width, dst, second_by) = with_imm(ops.get(rest)?)?;
    let joined = ops.get(rest + 1)?;
    let joins = matches!(
        *joined,
        Op::Insn(Insn::Alu { op: AluOp::Or | AluOp::Add | AluOp::Xor, width: w, dst: d, src: Src::Reg(s) })
            if w == width && d == dst && s == temporary
    );
    let bits = match width {
        Width::W32 => 32,
        Width::W64 => 64,
    };
    let moves_suffice = copied.is_none_or(|copy| copy == dst) && (copied.is_some() || dst == value);
    let widths = second_width == width && wide_enough(ops, rest, width);
    let amounts = (1..bits).contains(&first_by) && second_by == bits - first_by;
    let dead = !live.get(rest + 1)?.contains(temporary);
    if !(joins && moves_suffice && widths && amounts && dead) {
        return None;
    }
    let left = match (first_op, second_op) {
        (AluOp::Rsh, AluOp::Lsh) => second_by,
        (AluOp::Lsh, AluOp::Rsh) => first_by,
        _ => return None,
    };
    let left = u8::try_from(left).ok()?;
    ops[..=rest].fill(Op::Nothing);
    ops[rest + 1] = Op::Rotate { width, dst, src: value, left };
    Some(rest + 2)
}

/// Do the moves copy all bits that the shifts look at?
fn wide_enough(ops: &[Op], rest: usize, width: Width) -> bool {
    let enough =
        |op: &Op| register_move(op).is_some_and(|(moved, ..)| moved == Width::W64 || width == Width::W32);
    enough(&ops[0]) && (rest == 2 || enough(&ops[2]))
}
