//! Tables of operations: from an object's programs to a host's calls.
//!
//! A table goes through types, not through states: [`Prepared`] (verified and compiled) becomes a [`Link`] on a [`Slot`]; the host
//! calls through a pinned slot; a link is updated or detached while calls flow. Who answers a call is decided when the slot is
//! pinned, so every call belongs to exactly one version, and a version is freed after its last reader let go.
//!
//! | file | owns |
//! |---|---|
//! | `table` | [`StructOps`]: the author's callbacks; [`StructOpsType`]: what the macro generates |
//! | `image` | the programs and data of one table |
//! | `version` | one attachment: code pointers, counters, fault |
//! | `hazard` | who uses which version, and when it is freed |
//! | `slot` | [`Slot`]: the current version and who holds it |
//! | `pin` | [`PinGuard`], [`OpEntry`]: calls |
//! | `pinned` | [`PinnedTable`]: what a pinned slot knows of itself |
//! | `link` | [`Prepared`], [`Link`]: attach, update, detach |
//! | `instrument` | [`Instrument`]: prologues and epilogues |

mod hazard;
mod image;
mod instrument;
mod link;
mod pin;
mod pinned;
mod slot;
mod table;
mod version;

pub use instrument::Instrument;
pub use link::{Link, Prepared};
pub use pin::{Faulted, Handover, OpEntry, PinGuard, Returns};
pub use pinned::{Pinned, PinnedTable};
pub use slot::Slot;
pub use table::{Member, Refusal, StructOps, StructOpsType, TableView};
pub use version::{Calls, VersionRecord, collect_versions};

pub(crate) use hazard::Nesting;
pub(crate) use image::{Image, op_of};
pub(crate) use instrument::apply;

#[cfg(test)]
mod tests;
