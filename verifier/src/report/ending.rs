//! What is wrong at the failing instruction, in words: what was expected, and what is there.
//!
//! | file | owns |
//! |---|---|
//! | `memory` | loads and stores |
//! | `call` | arguments and results of calls |
//! | `fields` | special fields, locks, kptrs, lists and trees |

mod call;
mod fields;
mod memory;

use opswap_bpf::InsnIdx;

use super::words;
use crate::reject::{Reason, Section};
use crate::subject::Subject;

/// The words for a cause on a path.
pub(super) fn of(subject: &Subject<'_>, at: InsnIdx, reason: &Reason) -> String {
    let said = memory::ending(reason).or_else(|| fields::ending(reason));
    let said = said.or_else(|| call::ending(subject, at, reason));
    said.unwrap_or_else(|| plain(reason))
}

/// The words for a cause that needs no path to be seen.
#[expect(clippy::wildcard_enum_match_arm, reason = "for the others the title says it")]
pub(super) fn plain(reason: &Reason) -> String {
    match reason {
        Reason::NotReadable { reg } => format!("{reg} has no value here"),
        Reason::UnreleasedReference { id, .. } => {
            format!("the program ends here and still owns reference {}", id.0)
        }
        Reason::TailCallLeaks { id, .. } => {
            format!("the program may end here and still owns reference {}", id.0)
        }
        Reason::LegacyLoadLeaks { id, .. } => {
            format!("a packet that is too short ends the program here, which still owns reference {}", id.0)
        }
        Reason::IrqOutOfOrder { at, .. } => {
            format!("what was saved by instruction {} must be restored first", at.0)
        }
        Reason::JumpOutOfRange { to: Some(to), .. } => {
            format!("the jump leads to instruction {}, which is not in this function", to.0)
        }
        Reason::CallTooDeep { frames } => format!("this would be call number {frames} within one another"),
        Reason::StackTooLarge { calls, bytes } => {
            format!("{calls} functions that call each other need {bytes} bytes of stack")
        }
        Reason::InfiniteLoop { .. } => "the program comes here again and nothing has changed".to_owned(),
        Reason::UnknownMap { map } => format!("the program has no map number {}", map.0),
        Reason::UnlinkedMap { fd } => format!("{fd} is a file descriptor, and no loader made it a map"),
        Reason::UnmatchedLeave { section, .. } => format!("no {} was entered on this path", place(*section)),
        Reason::SectionNotLeft { section, .. } => {
            format!("the program ends here, inside {}", a_place(*section))
        }
        Reason::NestedRcuSection { .. } => {
            "the program is inside an RCU read-side section already".to_owned()
        }
        Reason::Unsupported { what } => format!("opswap does not support {what}"),
        Reason::TooManySlots { slots, limit } => {
            format!("the program has {slots} instructions, and {limit} are allowed")
        }
        Reason::TooManySubprogs { limit } => format!("at most {limit} functions are allowed"),
        Reason::TooComplex { processed } => {
            format!("the paths so far took {processed} instructions")
        }
        Reason::TooManyBranches { limit } => format!("{limit} branches wait to be walked"),
        Reason::NoEntry { why } => why.clone(),
        Reason::UnknownEntry { what } => format!("the host has no {what}"),
        Reason::Internal { what } => (*what).to_owned(),
        other => words::lowercase_first(other.title()),
    }
}

/// A section in words.
pub(super) fn place(section: Section) -> &'static str {
    match section {
        Section::Rcu => "RCU read-side section",
        Section::PreemptDisabled => "non-preemptible region",
        Section::IrqDisabled => "region with interrupts disabled",
    }
}

fn a_place(section: Section) -> &'static str {
    match section {
        Section::Rcu => "an RCU read-side section",
        Section::PreemptDisabled => "a non-preemptible region",
        Section::IrqDisabled => "a region with interrupts disabled",
    }
}
