//! Helpers on dynptrs. The verifier proved which arguments are dynptrs, rooms for one, and memory.

use std::ptr;
use std::sync::atomic::{AtomicU8, Ordering};

use opswap_jit::RunHeader;

use super::error;
use crate::types::{Dynptr, DynptrError};

/// Bytes that are copied without an allocation.
const SMALL: usize = 256;

/// Runs `copy` with a buffer of `len` bytes, which is at most what a dynptr reaches.
fn with_buffer<R>(len: usize, copy: impl FnOnce(&mut [u8]) -> R) -> R {
    if len <= SMALL { copy(&mut [0; SMALL][..len]) } else { copy(&mut vec![0; len]) }
}

/// # Safety
/// `address` is that of an initialised dynptr on the program's stack.
unsafe fn dynptr<'a>(address: u64) -> &'a Dynptr {
    let dynptr = ptr::with_exposed_provenance::<Dynptr>(address as usize);
    // SAFETY: the caller's promise; the verifier keeps programs from its bytes.
    unsafe { &*dynptr }
}

fn errno(error: DynptrError) -> i32 {
    match error {
        DynptrError::OutOfBounds { .. } | DynptrError::TooLarge { .. } => libc::E2BIG,
        DynptrError::ReadOnly => libc::EINVAL,
    }
}

/// `long bpf_dynptr_from_mem(void *data, u32 size, u64 flags, struct bpf_dynptr *ptr)`.
pub(super) unsafe extern "C" fn from_mem(
    data: u64,
    size: u64,
    flags: u64,
    room: u64,
    _: u64,
    _: *mut RunHeader,
) -> u64 {
    let room = ptr::with_exposed_provenance_mut::<Dynptr>(room as usize);
    // SAFETY: the verifier proved that there is room for a dynptr, and that so many bytes lie in a map value of the program.
    unsafe { Dynptr::write_local(room, (flags == 0).then_some((data, size as u32 as usize))) }
        .map_or_else(|fault| error(errno(fault)), |()| if flags == 0 { 0 } else { error(libc::EINVAL) })
}

/// `long bpf_dynptr_read(void *dst, u32 len, const struct bpf_dynptr *src, u32 offset, u64 flags)`.
pub(super) unsafe extern "C" fn read(
    to: u64,
    len: u64,
    from: u64,
    offset: u64,
    flags: u64,
    _: *mut RunHeader,
) -> u64 {
    // SAFETY: the verifier proved that the third argument is a dynptr.
    let from = unsafe { dynptr(from) };
    let (len, offset) = (len as u32 as usize, offset as u32 as usize);
    if flags != 0 || from.is_null() {
        return error(libc::EINVAL);
    }
    if let Err(fault) = from.check(offset, len) {
        return error(errno(fault));
    }
    // Both may overlap.
    let result = with_buffer(len, |buffer| {
        from.read(offset, buffer)?;
        for (byte, to) in buffer.iter().zip(to as usize..) {
            let cell = ptr::with_exposed_provenance_mut::<u8>(to);
            // SAFETY: the verifier proved that `len` bytes are writable there; other threads may use them, so the store is atomic.
            unsafe { AtomicU8::from_ptr(cell) }.store(*byte, Ordering::Relaxed);
        }
        Ok(())
    });
    result.map_or_else(|fault| error(errno(fault)), |()| 0)
}

/// `long bpf_dynptr_write(const struct bpf_dynptr *dst, u32 offset, void *src, u32 len, u64 flags)`.
pub(super) unsafe extern "C" fn write(
    to: u64,
    offset: u64,
    from: u64,
    len: u64,
    flags: u64,
    _: *mut RunHeader,
) -> u64 {
    // SAFETY: the verifier proved that the first argument is a dynptr.
    let to = unsafe { dynptr(to) };
    let (len, offset) = (len as u32 as usize, offset as u32 as usize);
    if flags != 0 || to.is_null() || to.is_read_only() {
        return error(libc::EINVAL);
    }
    if let Err(fault) = to.check(offset, len) {
        return error(errno(fault));
    }
    let result = with_buffer(len, |buffer| {
        for (byte, from) in buffer.iter_mut().zip(from as usize..) {
            let cell = ptr::with_exposed_provenance_mut::<u8>(from);
            // SAFETY: the verifier proved that `len` bytes are readable there; other threads may use them, so the load is atomic.
            *byte = unsafe { AtomicU8::from_ptr(cell) }.load(Ordering::Relaxed);
        }
        to.store(offset, buffer)
    });
    result.map_or_else(|fault| error(errno(fault)), |()| 0)
}

/// `void *bpf_dynptr_data(const struct bpf_dynptr *ptr, u32 offset, u32 len)`.
pub(super) unsafe extern "C" fn data(
    from: u64,
    offset: u64,
    len: u64,
    _: u64,
    _: u64,
    _: *mut RunHeader,
) -> u64 {
    // SAFETY: the verifier proved that the first argument is a dynptr.
    unsafe { dynptr(from) }.part(offset as u32, len as u32).unwrap_or(0)
}
