//! What happened on the rejected path, as far as it matters to the rejection.
//!
//! The walk records only which way it went at each fork. A rejected path is simulated once more to learn the rest: that costs
//! nothing for programs that are accepted.

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
    /// A call acquired a reference.
    Acquired {
        /// The reference.
        id: RefId,
        /// The function.
        by: String,
    },
    /// A call released a reference.
    Released {
        /// The reference.
        id: RefId,
        /// The function.
        by: String,
    },
    /// A register got the value that matters.
    Set {
        /// The register.
        reg: Reg,
        /// What it holds since.
        value: String,
    },
    /// A register lost its value: what it hung on has ended.
    Ended {
        /// The register.
        reg: Reg,
        /// The function that ended it.
        by: String,
    },
    /// A branch went one way.
    Branch {
        /// Whether the condition held.
        held: Held,
    },
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
    let Failure { at, reason, ways: _, steps: _ } = failure;
    let scene = Box::new(Scene::of(subject.program, subject.host));
    Rejection { at, reason, scene }
}
