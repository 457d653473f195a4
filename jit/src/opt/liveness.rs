//! Which registers are still read after each slot. Backward over blocks until nothing changes: a set only grows, by at most
//! eleven registers, so the work is bounded.

use crate::ir::{Op, RegSet};
use crate::opt::flow::Flow;

/// What is live before an operation, given what is live after it.
pub(super) fn before(op: &Op, after: RegSet) -> RegSet {
    let effects = op.effects();
    after.without(effects.writes).union(effects.reads)
}

/// What is live at the end of each block.
pub(super) fn live_out(ops: &[Op], flow: &Flow) -> Vec<RegSet> {
    let predecessors = flow.predecessors();
    let mut out = vec![RegSet::default(); flow.blocks.len()];
    let mut pending: Vec<u32> = flow.indices().collect();
    let mut queued = vec![true; flow.blocks.len()];
    while let Some(index) = pending.pop() {
        let index = index as usize;
        queued[index] = false;
        let block = &flow.blocks[index];
        let live = ops[block.slots.clone()].iter().rev().fold(out[index], |live, op| before(op, live));
        for &from in &predecessors[index] {
            let known = &mut out[from as usize];
            let grown = known.union(live);
            if grown != *known {
                *known = grown;
                if !queued[from as usize] {
                    queued[from as usize] = true;
                    pending.push(from);
                }
            }
        }
    }
    out
}

/// What is live after each slot.
pub(super) fn live_after(ops: &[Op], flow: &Flow) -> Vec<RegSet> {
    let out = live_out(ops, flow);
    // Slots of no function are never lowered.
    let mut after = vec![RegSet::ALL; ops.len()];
    for (block, &out) in flow.blocks.iter().zip(&out) {
        let mut live = out;
        for slot in block.slots.clone().rev() {
            after[slot] = live;
            live = before(&ops[slot], live);
        }
    }
    after
}
