//! The one place where host code enters compiled code.

use std::ptr::NonNull;

use opswap_jit::RunHeader;

use crate::run::Run;

/// The compiled entry: `fn(context, run) -> R0`.
type EntryFn = unsafe extern "C" fn(context: *mut u8, run: *mut RunHeader) -> u64;

/// Address of an entry that is mapped for as long as the value is used.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry(*const u8);

impl Entry {
    /// # Safety
    /// `code` must be the entry of compiled code with the CFI hash in the four bytes in front of it, and stay mapped while the
    /// value is used.
    #[inline]
    pub(crate) unsafe fn new(code: *const u8) -> Self {
        Self(code)
    }

    /// The CFI hash in front of the code.
    #[inline]
    pub(crate) fn hash(self) -> u32 {
        let word = self.0.wrapping_sub(4).cast::<u32>();
        // SAFETY: `new` demands that the four bytes in front of the code are mapped and hold the hash.
        unsafe { word.read_unaligned() }
    }
}

/// Address of an entry as programs store it. Using it is [`Entry::new`]'s business.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct EntryAddr(NonNull<u8>);

impl EntryAddr {
    pub(crate) fn as_ptr(self) -> *mut u8 {
        self.0.as_ptr()
    }
}

// SAFETY: an address; nothing is read or called through it except by `Entry::new`, whose caller answers for it.
unsafe impl Send for EntryAddr {}
// SAFETY: as above.
unsafe impl Sync for EntryAddr {}

/// Runs compiled code.
///
/// # Safety
/// `entry` must come from a program that was verified for a context of the shape behind `context`, and everything that the
/// program was promised about it must hold during the call.
#[inline]
pub(crate) unsafe fn enter(entry: Entry, context: *mut u8, run: &Run<'_>) -> u64 {
    // SAFETY: by `Entry::new` this is the address of compiled code with that signature.
    let code = unsafe { std::mem::transmute::<*const u8, EntryFn>(entry.0) };
    // SAFETY: the caller's promise, and the argument in ARCHITECTURE.md; `run` outlives the call.
    unsafe { code(context, run.as_header()) }
}
