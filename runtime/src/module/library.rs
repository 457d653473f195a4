//! [`Library`]: a shared library that is open.

use std::ffi::{CStr, CString, c_void};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::ptr::NonNull;

/// A shared library that is open. Dropping it closes it.
#[derive(Debug)]
pub(super) struct Library {
    /// INVARIANT 1: came from `dlopen` and is closed once, by `drop`.
    handle: NonNull<c_void>,
}

// SAFETY: the handle is a number to the system's loader, which locks itself.
unsafe impl Send for Library {}
// SAFETY: as above.
unsafe impl Sync for Library {}

impl Library {
    /// Opens a library.
    ///
    /// # Errors
    /// What the system's loader says.
    ///
    /// # Safety
    /// The library's initialisers may do as they like.
    pub(super) unsafe fn open(path: &Path) -> Result<Self, String> {
        let path = CString::new(path.as_os_str().as_bytes()).map_err(|error| error.to_string())?;
        // SAFETY: a string that ends; the initialisers are the caller's promise.
        let handle = unsafe { libc::dlopen(path.as_ptr(), libc::RTLD_NOW | libc::RTLD_LOCAL) };
        NonNull::new(handle).map(|handle| Self { handle }).ok_or_else(reason)
    }

    /// The address of an exported symbol.
    pub(super) fn symbol(&self, name: &str) -> Option<NonNull<c_void>> {
        let name = CString::new(name).ok()?;
        // SAFETY: an open handle (INVARIANT 1) and a string that ends.
        NonNull::new(unsafe { libc::dlsym(self.handle.as_ptr(), name.as_ptr()) })
    }
}

/// What the system's loader last said on this thread.
fn reason() -> String {
    // SAFETY: takes nothing.
    let text = unsafe { libc::dlerror() };
    if text.is_null() {
        return "the system's loader gives no reason".to_owned();
    }
    // SAFETY: not null, so a string that ends, valid until the next call on this thread.
    unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned()
}

impl Drop for Library {
    fn drop(&mut self) {
        // SAFETY: INVARIANT 1.
        unsafe { libc::dlclose(self.handle.as_ptr()) };
    }
}
