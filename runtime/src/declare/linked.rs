//! [`Linked`]: a record that a macro wrote, as the link-time slices hold it.

use std::fmt;
use std::ops::Deref;

/// A record of the running program. What it says of types and functions is so: the verifier proves programs against it, and
/// compiled code calls what it names. That is why making one is `unsafe`, though reading and copying records is not.
#[derive(Clone, Copy)]
#[repr(transparent)]
pub struct Linked<D> {
    /// INVARIANT 1: what it says is so.
    record: D,
}

impl<D> Linked<D> {
    /// The record `record`.
    ///
    /// # Safety
    /// What the record says is so: its shapes are those of the shim's types, its members lie where it says, its key is its type's.
    pub const unsafe fn new(record: D) -> Self {
        Self { record }
    }

    /// The records of a link-time slice.
    pub fn records(all: &[Self]) -> &[D] {
        // SAFETY: `repr(transparent)`: a `Linked<D>` is a `D`, and so are as many of them one after the other.
        unsafe { std::slice::from_raw_parts(all.as_ptr().cast::<D>(), all.len()) }
    }
}

impl<D> Deref for Linked<D> {
    type Target = D;

    fn deref(&self) -> &D {
        &self.record
    }
}

impl<D: fmt::Debug> fmt::Debug for Linked<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.record.fmt(f)
    }
}
