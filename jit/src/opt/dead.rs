//! Drops operations whose only effect is a register that nobody reads any more.

use opswap_bpf::Insn;

use crate::ir::{Op, RegSet};
use crate::opt::flow::Flow;
use crate::opt::liveness::{before, live_out};

/// Rewrites `ops` and returns what is live after each slot.
pub(super) fn remove(ops: &mut [Op], flow: &Flow) -> Vec<RegSet> {
    let out = live_out(ops, flow);
    let mut after = vec![RegSet::ALL; ops.len()];
    for (block, &out) in flow.blocks.iter().zip(&out) {
        let mut live = out;
        for slot in block.slots.clone().rev() {
            after[slot] = live;
            if is_pure(&ops[slot]) && ops[slot].effects().writes.is_disjoint(live) {
                ops[slot] = Op::Nothing;
            }
            live = before(&ops[slot], live);
        }
    }
    after
}

/// Does it do nothing but compute a register? Loads of verified programs cannot fail.
fn is_pure(op: &Op) -> bool {
    match op {
        Op::Load { .. } | Op::Lea { .. } | Op::Rotate { .. } => true,
        Op::Insn(insn) => matches!(
            insn,
            Insn::Alu { .. }
                | Insn::Mov { .. }
                | Insn::MovSx { .. }
                | Insn::Neg { .. }
                | Insn::ByteSwap { .. }
                | Insn::LoadImm64 { .. }
        ),
        Op::Nothing | Op::Dead | Op::Refused | Op::Store { .. } | Op::Jump { .. } | Op::Branch { .. } => {
            false
        }
    }
}
