//! Basic blocks: stretches of slots that are entered at the first and left at the last.

use std::ops::Range;

use opswap_bpf::Insn;

use crate::ir::Op;

/// A block.
#[derive(Clone, Debug)]
pub(super) struct Block {
    pub(super) slots: Range<usize>,
    /// Blocks that may run next, at most two.
    pub(super) successors: [Option<u32>; 2],
    /// Is it the first of a function?
    pub(super) entry: Entry,
}

/// Whether control comes from elsewhere, too.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Entry {
    /// A function begins here.
    Function,
    /// Reached from other blocks only.
    Inner,
}

/// The blocks of all functions, in order of their slots.
pub(super) struct Flow {
    pub(super) blocks: Vec<Block>,
    /// Which slots are jumped to.
    targets: Vec<bool>,
}

/// Where control goes after an operation.
struct Next {
    falls_through: bool,
    to: Option<usize>,
}

fn next(op: &Op, slot: usize) -> Option<Next> {
    match *op {
        Op::Jump { to } => Some(Next { falls_through: false, to: Some(to as usize) }),
        Op::Branch { to, .. } => Some(Next { falls_through: true, to: Some(to as usize) }),
        Op::Insn(Insn::MayGoto { offset }) => {
            Some(Next { falls_through: true, to: (slot + 1).checked_add_signed(isize::from(offset)) })
        }
        Op::Insn(Insn::Exit) | Op::Dead | Op::Refused => Some(Next { falls_through: false, to: None }),
        Op::Nothing
        | Op::Insn(_)
        | Op::Load { .. }
        | Op::Store { .. }
        | Op::Lea { .. }
        | Op::Rotate { .. } => None,
    }
}

impl Flow {
    pub(super) fn of(ops: &[Op], functions: &[Range<usize>]) -> Self {
        let (leaders, targets) = leaders(ops, functions);
        let mut blocks: Vec<Block> = Vec::new();
        for function in functions {
            for slot in function.clone() {
                if leaders[slot] {
                    let entry = if slot == function.start { Entry::Function } else { Entry::Inner };
                    blocks.push(Block { slots: slot..slot + 1, successors: [None; 2], entry });
                } else if let Some(block) = blocks.last_mut() {
                    block.slots.end = slot + 1;
                }
            }
        }
        let block_at = |slot: usize| {
            let at = blocks.binary_search_by_key(&slot, |block| block.slots.start).ok()?;
            u32::try_from(at).ok()
        };
        let successors: Vec<[Option<u32>; 2]> = blocks
            .iter()
            .map(|block| {
                let last = block.slots.end - 1;
                let after = next(&ops[last], last).unwrap_or(Next { falls_through: true, to: None });
                let through = if after.falls_through { block_at(block.slots.end) } else { None };
                [through, after.to.and_then(block_at)]
            })
            .collect();
        for (block, successors) in blocks.iter_mut().zip(successors) {
            block.successors = successors;
        }
        Self { blocks, targets }
    }

    /// The blocks' numbers.
    pub(super) fn indices(&self) -> Range<u32> {
        0..u32::try_from(self.blocks.len()).unwrap_or(u32::MAX)
    }

    /// Does a jump lead to this slot?
    pub(super) fn is_target(&self, slot: usize) -> bool {
        self.targets.get(slot).copied().unwrap_or(true)
    }

    /// For each block the blocks that may run before it.
    pub(super) fn predecessors(&self) -> Vec<Vec<u32>> {
        let mut predecessors = vec![Vec::new(); self.blocks.len()];
        for (from, block) in (0..).zip(&self.blocks) {
            for to in block.successors.into_iter().flatten() {
                predecessors[to as usize].push(from);
            }
        }
        predecessors
    }
}

/// The first slots of blocks, and those of them that are jumped to.
fn leaders(ops: &[Op], functions: &[Range<usize>]) -> (Vec<bool>, Vec<bool>) {
    let mut leaders = vec![false; ops.len()];
    let mut targets = vec![false; ops.len()];
    let mark = |marks: &mut Vec<bool>, slot: usize| {
        if let Some(mark) = marks.get_mut(slot) {
            *mark = true;
        }
    };
    for function in functions {
        mark(&mut leaders, function.start);
    }
    for (slot, op) in ops.iter().enumerate() {
        if let Some(next) = next(op, slot) {
            mark(&mut leaders, slot + 1);
            if let Some(to) = next.to {
                mark(&mut leaders, to);
                mark(&mut targets, to);
            }
        }
    }
    (leaders, targets)
}
