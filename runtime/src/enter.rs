//! The one place where host code enters compiled code.

use std::ptr::NonNull;

use opswap_jit::{CALLBACK_CFI_HASH, CodeAddr, Executable, RunHeader};

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
    /// No entry.
    pub(crate) const NOWHERE: Self = Self(NonNull::dangling());

    /// The entry of an image. It stays mapped as long as the image.
    pub(crate) fn of(code: &Executable) -> Self {
        let entry = std::ptr::with_exposed_provenance_mut(code.entry().0);
        Self(NonNull::new(entry).expect("code is never mapped at address 0"))
    }

    /// The entry of code that was made by hand and is never unmapped, with a CFI hash in front.
    #[cfg(test)]
    pub(crate) fn by_hand(entry: NonNull<u8>) -> Self {
        Self(entry)
    }

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

/// A helper or a kfunc's shim, as compiled code calls it.
type HostFn = unsafe extern "C" fn(u64, u64, u64, u64, u64, *mut RunHeader) -> u64;

/// Calls a helper or a kfunc's shim as compiled code would.
///
/// # Safety
/// `code` must be such a function, and `args` what its contract asks for, as a verified program passes them.
pub(crate) unsafe fn call_host(code: CodeAddr, args: [u64; 5], run: &Run<'_>) -> u64 {
    let pointer = std::ptr::with_exposed_provenance::<u8>(code.0);
    // SAFETY: by the caller this is the address of a function with that signature.
    let function = unsafe { std::mem::transmute::<*const u8, HostFn>(pointer) };
    let [r1, r2, r3, r4, r5] = args;
    // SAFETY: the caller's promise; `run` outlives the call.
    unsafe { function(r1, r2, r3, r4, r5, run.as_header()) }
}

/// Calls a function of the program back, as a host function that compiled code called. `None` when `function` is no entry for
/// callbacks.
///
/// # Safety
/// `function` is what a verified program passed for a callback in the run `run`, and `args` are what the contract says that the
/// callback is given.
pub(crate) unsafe fn call_back(function: u64, args: [u64; 5], run: &Run<'_>) -> Option<u64> {
    let entry = std::ptr::with_exposed_provenance::<u8>(function as usize);
    // SAFETY: by the caller this is the address of an entry of the program that runs, with a CFI hash in front.
    if unsafe { Entry::new(entry) }.hash() != CALLBACK_CFI_HASH {
        return None;
    }
    // SAFETY: as above; an entry for callbacks is a function with that signature.
    let code = unsafe { std::mem::transmute::<*const u8, HostFn>(entry) };
    let [r1, r2, r3, r4, r5] = args;
    // SAFETY: the caller's promise; `run` outlives the call.
    Some(unsafe { code(r1, r2, r3, r4, r5, run.as_header()) })
}
