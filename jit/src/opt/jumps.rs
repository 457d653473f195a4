//! Simpler jumps: `if c goto over; goto far; over:` becomes `if !c goto far`, and a jump to a jump goes straight on.

use crate::ir::{Op, Taken};
use crate::opt::flow::Flow;

/// How many jumps in a row are followed: a loop of jumps ends here.
const MAX_HOPS: usize = 8;

/// Rewrites `ops`.
pub(super) fn simplify(ops: &mut [Op], flow: &Flow) {
    for slot in 0..ops.len() {
        match ops[slot] {
            Op::Jump { to } => ops[slot] = Op::Jump { to: destination(ops, to) },
            Op::Branch { taken, op, width, dst, src, to } => {
                let branch = |taken, to| Op::Branch { taken, op, width, dst, src, to };
                let next = next_op(ops, slot + 1);
                match next.map(|next| (next, ops[next])) {
                    Some((next, Op::Jump { to: far }))
                        if !is_entered(flow, slot, next) && lands_behind(ops, to, next) =>
                    {
                        let taken = match taken {
                            Taken::IfTrue => Taken::IfFalse,
                            Taken::IfFalse => Taken::IfTrue,
                        };
                        ops[slot] = branch(taken, destination(ops, far));
                        ops[next] = Op::Nothing;
                    }
                    _ => ops[slot] = branch(taken, destination(ops, to)),
                }
            }
            Op::Nothing
            | Op::Dead
            | Op::Refused
            | Op::Insn(_)
            | Op::Load { .. }
            | Op::Store { .. }
            | Op::Lea { .. }
            | Op::Rotate { .. } => {}
        }
    }
}

/// The first slot from `slot` on that does something.
fn next_op(ops: &[Op], slot: usize) -> Option<usize> {
    (slot..ops.len()).find(|&at| ops[at] != Op::Nothing)
}

/// Does anything but falling through from `branch` lead to the jump at `jump`?
fn is_entered(flow: &Flow, branch: usize, jump: usize) -> bool {
    (branch + 1..=jump).any(|slot| flow.is_target(slot))
}

/// Is the first operation from `to` on the one right behind `jump`?
fn lands_behind(ops: &[Op], to: u32, jump: usize) -> bool {
    let to = to as usize;
    to > jump && next_op(ops, to) == next_op(ops, jump + 1)
}

fn destination(ops: &[Op], to: u32) -> u32 {
    let mut at = to;
    for _ in 0..MAX_HOPS {
        match next_op(ops, at as usize).map(|next| ops[next]) {
            Some(Op::Jump { to }) if to != at => at = to,
            _ => return at,
        }
    }
    at
}
