//! What happened on the rejected path, as far as it matters to the rejection.
//!
//! The walk records only which way it went at each fork. A rejected path is simulated once more to learn the rest (`retrace`),
//! and then followed backwards from what the rejection is about (`slice`, `sections`). Accepted programs pay nothing for it.

mod retrace;
mod sections;
mod slice;

use opswap_bpf::insn::Reg;
use opswap_bpf::{InsnIdx, RefId};

use crate::explore::Failure;
use crate::reject::Rejection;
use crate::report::Scene;
use crate::subject::Subject;

/// Something that happened on the path.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Event {
    /// The instruction.
    pub at: InsnIdx,
    /// What it did.
    pub what: What,
}

/// What an instruction did.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum What {
    /// A call acquired a reference, or an argument brought it along.
    Acquired {
        /// The reference.
        id: RefId,
        /// The function; `None` for an argument.
        by: Option<String>,
    },
    /// A section was entered in which the rejected instruction still is.
    Entered {
        /// Which.
        inside: Inside,
    },
    /// A register got the value that matters.
    Set {
        /// The register.
        reg: Reg,
        /// What it holds since, in words.
        value: String,
    },
    /// A register was put on the stack.
    Spilled {
        /// The register.
        reg: Reg,
    },
    /// A register lost its value: what it hung on has ended.
    Ended {
        /// The register.
        reg: Reg,
        /// The function that ended it.
        by: String,
    },
    /// A register lost its value because calls do not keep it.
    Clobbered {
        /// The register.
        reg: Reg,
        /// The function.
        by: String,
    },
    /// A branch that could go both ways went one.
    Branch {
        /// Whether the condition held.
        held: Held,
    },
    /// A subprogram was called.
    Called {
        /// Its name.
        name: String,
    },
}

/// A section of the path in which some things are forbidden.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Inside {
    /// An RCU read-side section.
    Rcu,
    /// Preemption is disabled.
    PreemptDisabled,
    /// Interrupts are disabled.
    IrqDisabled,
    /// A lock is held.
    Lock,
}

/// Whether a branch's condition held.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Held {
    /// It did: the jump was taken.
    Yes,
    /// It did not.
    No,
}

/// The rejection of a path, with what led there.
pub(crate) fn tell(subject: &Subject<'_>, failure: Failure) -> Rejection {
    let moments = retrace::retrace(subject, &failure);
    let Failure { at, reason, .. } = failure;
    let because = slice::slice(subject, &moments, &reason);
    let scene = Box::new(Scene::at(subject, at, &reason, because));
    Rejection { at, reason, scene }
}
