//! [`Program`]: a program that was verified and compiled, and can be run.

use crate::enter::EntryAddr;

/// What a loaded program consists of; shared by every handle and every version that uses it.
#[derive(Debug)]
pub(crate) struct ProgramCore {
    /// Name in the object.
    pub(crate) name: String,
    entry: EntryAddr,
}

impl ProgramCore {
    pub(crate) fn log(&self, line: &str) {
        let _ = line;
    }

    /// Entry of the compiled code.
    pub(crate) fn entry(&self) -> EntryAddr {
        self.entry
    }
}
