//! The full report of a rejection, for people.

use std::fmt;

use opswap_bpf::{InsnIdx, Program};

use crate::history::Event;
use crate::host::Host;
use crate::reject::Rejection;

/// Texts for a report, taken from the program and its host while they are at hand.
#[derive(Clone, PartialEq, Debug, Default)]
pub(crate) struct Scene {
    /// Name of the program.
    pub(crate) program: String,
    /// What on the path matters.
    pub(crate) because: Vec<Event>,
}

impl Scene {
    /// The texts of a program.
    pub(crate) fn of(program: &Program, _host: &dyn Host) -> Self {
        Self { program: program.name.clone(), because: Vec::new() }
    }

    /// Source place of an instruction.
    pub(crate) fn source(&self, _at: InsnIdx) -> Option<String> {
        None
    }
}

/// Writes the report.
pub(crate) fn write(f: &mut fmt::Formatter<'_>, rejection: &Rejection) -> fmt::Result {
    write!(f, "rejected: {}: {}", rejection.category().title(), rejection.reason)
}
