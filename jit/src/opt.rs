//! Passes over the operations of a program. Each keeps every register and every byte of memory as they were wherever somebody
//! can look; the differential tests compare all of them with the interpreter.
//!
//! | pass | does |
//! |---|---|
//! | `combine` | shift pairs become moves that clear or copy upper bits; shift-shift-or becomes a rotation |
//! | `forward` | follows copies and sums through each block: operands move into addresses, `lea` replaces move-and-add, stack slots that are still in a register (`slots`) are not read again |
//! | `dead` | drops what nobody reads any more |
//! | `jumps` | a branch over a jump becomes one inverted branch; jumps to jumps go straight on |
//!
//! `flow` has the blocks, `liveness` and `upper` the two analyses.

mod combine;
mod dead;
mod flow;
mod forward;
mod jumps;
mod liveness;
mod slots;
mod upper;

use std::ops::Range;

use crate::ir::{Op, RegSet};
use flow::Flow;

/// Operations ready for lowering.
pub(crate) struct Optimised {
    pub(crate) ops: Vec<Op>,
    /// Registers that are read after each slot.
    pub(crate) live: Vec<RegSet>,
}

/// Whether to optimise at all.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Level {
    /// One operation per instruction, for tests: what they compare is the plain translation.
    #[cfg(test)]
    None,
    /// All passes.
    Full,
}

/// Runs the passes over a program with these functions.
pub(crate) fn optimise(mut ops: Vec<Op>, functions: &[Range<usize>], level: Level) -> Optimised {
    let flow = Flow::of(&ops, functions);
    let live = liveness::live_after(&ops, &flow);
    match level {
        #[cfg(test)]
        Level::None => Optimised { ops, live },
        Level::Full => {
            combine::combine(&mut ops, &flow, &live);
            let upper = upper::zero_at_entries(&ops, &flow);
            forward::forward(&mut ops, &flow, &upper, &live);
            let live = dead::remove(&mut ops, &flow);
            jumps::simplify(&mut ops, &flow);
            Optimised { ops, live }
        }
    }
}
