//! Functions whose memory is described by names of parameters, or by the fields of a struct: raw kfuncs, because the C prototype is
//! what they test.

use std::ffi::c_void;

use opswap::kfunc;

use crate::sets::bpf_testmod_check_kfunc_ids;
use crate::types::{
    ProgTestFail1, ProgTestFail2, ProgTestFail3, ProgTestPass1, ProgTestPass2, ProgTestRefKfunc,
};

/// Takes memory and its size.
///
/// # Safety
/// Reads and writes nothing.
#[kfunc(set = bpf_testmod_check_kfunc_ids)]
#[expect(non_snake_case, reason = "the kernel's suffix")]
pub unsafe fn bpf_kfunc_call_test_mem_len_pass1(mem: *mut c_void, mem__sz: i32) {
    let _ = (mem, mem__sz);
}

/// Takes memory of which nothing tells the size: the kernel refuses every call, and so does opswap.
///
/// # Safety
/// Reads and writes nothing.
#[kfunc(set = bpf_testmod_check_kfunc_ids)]
pub unsafe fn bpf_kfunc_call_test_mem_len_fail1(mem: *mut c_void, len: i32) {
    let _ = (mem, len);
}

/// Would hand memory out that the program owns: no memory is, so every call is refused.
///
/// # Safety
/// `p` is the object.
#[kfunc(acquire, ret_null, set = bpf_testmod_check_kfunc_ids)]
pub unsafe fn bpf_kfunc_call_test_acq_rdonly_mem(p: *mut ProgTestRefKfunc, rdonly_buf_size: i32) -> *mut i32 {
    numbers(p, rdonly_buf_size)
}

/// Would take such memory back: every call is refused.
///
/// # Safety
/// Reads and writes nothing.
#[kfunc(release, set = bpf_testmod_check_kfunc_ids)]
pub unsafe fn bpf_kfunc_call_int_mem_release(p: *mut i32) {
    let _ = p;
}

/// The object's first numbers.
fn numbers(p: *mut ProgTestRefKfunc, bytes: i32) -> *mut i32 {
    let first_two = 2 * size_of::<i32>();
    if usize::try_from(bytes).is_ok_and(|bytes| bytes <= first_two) { p.cast() } else { std::ptr::null_mut() }
}

/// The object's first eight bytes, to be written.
///
/// # Safety
/// `p` is the object.
#[kfunc(ret_null, set = bpf_testmod_check_kfunc_ids)]
pub unsafe fn bpf_kfunc_call_test_get_rdwr_mem(p: *mut ProgTestRefKfunc, rdwr_buf_size: i32) -> *mut i32 {
    numbers(p, rdwr_buf_size)
}

/// The object's first eight bytes, to be read.
///
/// # Safety
/// `p` is the object.
#[kfunc(ret_null, set = bpf_testmod_check_kfunc_ids)]
pub unsafe fn bpf_kfunc_call_test_get_rdonly_mem(p: *mut ProgTestRefKfunc, rdonly_buf_size: i32) -> *mut i32 {
    numbers(p, rdonly_buf_size)
}

/// Takes a struct of numbers: any memory of its size.
///
/// # Safety
/// Reads and writes nothing.
#[kfunc(set = bpf_testmod_check_kfunc_ids)]
pub unsafe fn bpf_kfunc_call_test_pass1(p: *mut ProgTestPass1) {
    let _ = p;
}

/// Takes a struct of arrays of numbers.
///
/// # Safety
/// Reads and writes nothing.
#[kfunc(set = bpf_testmod_check_kfunc_ids)]
pub unsafe fn bpf_kfunc_call_test_pass2(p: *mut ProgTestPass2) {
    let _ = p;
}

/// Takes a struct with a pointer: no memory of a program's is one.
///
/// # Safety
/// Reads and writes nothing.
#[kfunc(set = bpf_testmod_check_kfunc_ids)]
pub unsafe fn bpf_kfunc_call_test_fail1(p: *mut ProgTestFail1) {
    let _ = p;
}

/// Takes structs five deep: the kernel follows four.
///
/// # Safety
/// Reads and writes nothing.
#[kfunc(set = bpf_testmod_check_kfunc_ids)]
pub unsafe fn bpf_kfunc_call_test_fail2(p: *mut ProgTestFail2) {
    let _ = p;
}

/// Takes a struct of no certain length.
///
/// # Safety
/// Reads and writes nothing.
#[kfunc(set = bpf_testmod_check_kfunc_ids)]
pub unsafe fn bpf_kfunc_call_test_fail3(p: *mut ProgTestFail3) {
    let _ = p;
}
