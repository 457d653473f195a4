//! [`PinnedTable`]: what a pinned slot knows of itself, beside its operations.

use super::pin::PinGuard;
use super::table::{StructOpsType, TableView};
use super::version::VersionRecord;

/// What [`Slot::pin`](super::Slot::pin) gives: the operations of `T` as methods, and [`PinnedTable`].
pub type Pinned<'a, T> = <T as StructOpsType>::Pinned<'a>;

/// What a pinned slot knows of itself. `#[struct_ops]` implements it.
///
/// A caller with state of its own that must be told of a swap (a connection, a device) keeps its pin between calls and asks
/// [`is_current`](Self::is_current) before each of them: when the answer is no, it can still call the old version to take its
/// leave, then pins the slot again.
pub trait PinnedTable {
    #[doc(hidden)]
    type Table: StructOpsType;

    #[doc(hidden)]
    fn guard(&self) -> &PinGuard<'_, Self::Table>;

    /// Whether the pinned version is still the one that the slot would give.
    #[inline]
    fn is_current(&self) -> bool {
        self.guard().is_current()
    }

    /// The table that the attached object fills in; `None` when the native default is pinned.
    fn table(&self) -> Option<TableView<'_>> {
        self.guard().table()
    }

    /// The pinned version's name and calls.
    fn record(&self) -> VersionRecord {
        self.guard().record()
    }
}
