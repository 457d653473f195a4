//! Helpers on maps. The verifier proved that the first argument is one of the program's maps and that key and value are as long as
//! that map says; maps outlive the compiled code, which holds references to them.

use opswap_jit::RunHeader;

use super::error;
use crate::error::MapError;
use crate::maps::{Map, UpdateMode, read_passed, with_scratch};

/// The map behind a map pointer.
///
/// # Safety
/// `address` is what the linker gave for one of the running program's maps.
pub(crate) unsafe fn map_at<'m>(address: u64) -> &'m Map {
    let map = std::ptr::with_exposed_provenance::<Map>(address as usize);
    // SAFETY: the linker gives the address of a `Map` in an `Arc` that the program holds, so it lives during the call.
    unsafe { &*map }
}

/// Runs `run` on a key or value that the program passed by address.
///
/// # Safety
/// `len` bytes from `address` are readable.
unsafe fn with_passed<R>(address: u64, len: u32, run: impl FnOnce(&[u64]) -> R) -> R {
    with_scratch(len as usize, |words| {
        // SAFETY: readable by the caller; memory of programs is never behind a Rust reference other than to atomics and cells.
        unsafe { read_passed(address as usize, len as usize, words) };
        run(words)
    })
}

fn status(result: Result<(), MapError>) -> u64 {
    result.map_or_else(|refused| error(refused.errno()), |()| 0)
}

/// `void *bpf_map_lookup_elem(map, key)`.
pub(super) unsafe extern "C" fn lookup(map: u64, key: u64, _: u64, _: u64, _: u64, _: *mut RunHeader) -> u64 {
    // SAFETY: the verifier proved that the first argument is a map of the program.
    let map = unsafe { map_at(map) };
    // SAFETY: and that the second points to a readable key of that map.
    unsafe { with_passed(key, map.proto().key_size, |key| map.find(key).unwrap_or(0) as u64) }
}

/// `long bpf_map_update_elem(map, key, value, flags)`.
pub(super) unsafe extern "C" fn update(
    map: u64,
    key: u64,
    value: u64,
    flags: u64,
    _: u64,
    _: *mut RunHeader,
) -> u64 {
    let Some(mode) = UpdateMode::from_flags(flags) else { return error(libc::EINVAL) };
    // SAFETY: the verifier proved that the first argument is a map of the program.
    let map = unsafe { map_at(map) };
    let (key_size, value_size) = (map.proto().key_size, map.proto().value_size);
    let write = |key: &[u64]| {
        // SAFETY: the third argument points to a readable value of that map.
        unsafe { with_passed(value, value_size, |value| status(map.update_by_program(key, value, mode))) }
    };
    // SAFETY: the second argument points to a readable key of that map.
    unsafe { with_passed(key, key_size, write) }
}

/// `long bpf_map_delete_elem(map, key)`.
pub(super) unsafe extern "C" fn delete(map: u64, key: u64, _: u64, _: u64, _: u64, _: *mut RunHeader) -> u64 {
    // SAFETY: the verifier proved that the first argument is a map of the program.
    let map = unsafe { map_at(map) };
    // SAFETY: and that the second points to a readable key of that map.
    unsafe { with_passed(key, map.proto().key_size, |key| status(map.delete_by_program(key))) }
}
