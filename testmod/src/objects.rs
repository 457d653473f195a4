//! Functions with objects on the program's stack: the kernel's test iterator, and dynptrs.

use std::ffi::c_void;

use opswap::{Btf, Dynptr, Iter, Uninit, kfunc};

use crate::sets::{bpf_test_modify_return_ids, bpf_testmod_common_kfunc_ids};

/// A number, so many times.
#[derive(Btf, Clone, Copy, Debug, Default)]
#[repr(C)]
#[btf(name = "bpf_iter_testmod_seq")]
pub struct BpfIterTestmodSeq {
    /// The number.
    pub value: i64,
    /// How many times more.
    pub cnt: i32,
}

/// Begins. A negative number of times is an error, and the iterator is empty then.
#[kfunc(iter_new, set = bpf_testmod_common_kfunc_ids)]
pub fn bpf_iter_testmod_seq_new(it: Uninit<Iter<BpfIterTestmodSeq>>, value: i64, cnt: i32) -> i32 {
    if cnt < 0 {
        it.write(Iter::new(BpfIterTestmodSeq { value: 0, cnt }));
        return -libc::EINVAL;
    }
    it.write(Iter::new(BpfIterTestmodSeq { value, cnt }));
    0
}

/// The number once more, or NULL.
#[kfunc(iter_next, ret_null, set = bpf_testmod_common_kfunc_ids)]
pub fn bpf_iter_testmod_seq_next(it: &mut Iter<BpfIterTestmodSeq>) -> Option<&i64> {
    if it.cnt <= 0 {
        return None;
    }
    it.cnt -= 1;
    Some(&it.value)
}

/// Ends.
#[kfunc(iter_destroy, set = bpf_testmod_common_kfunc_ids)]
pub fn bpf_iter_testmod_seq_destroy(it: &mut Iter<BpfIterTestmodSeq>) {
    it.cnt = 0;
}

/// The iterator's number and another one.
#[kfunc(set = bpf_testmod_common_kfunc_ids)]
pub fn bpf_iter_testmod_seq_value(val: i32, it: &Iter<BpfIterTestmodSeq>) -> i64 {
    if it.cnt < 0 { 0 } else { i64::from(val).wrapping_add(it.value) }
}

/// Takes a dynptr, and another one or none.
///
/// # Safety
/// Reads and writes nothing.
#[kfunc(set = bpf_testmod_common_kfunc_ids)]
#[expect(non_snake_case, reason = "the kernel's suffix")]
pub unsafe fn bpf_kfunc_dynptr_test(ptr: *mut Dynptr, ptr__nullable: *mut Dynptr) {
    let _ = (ptr, ptr__nullable);
}

/// Adds, seven numbers in all: two of them are beyond the registers. Nothing tells the size of the fifth, so no program can call it:
/// Linux has it for tracing programs that replace its result.
///
/// # Safety
/// `b` points to a number.
#[kfunc(set = bpf_test_modify_return_ids)]
pub unsafe fn bpf_modify_return_test2(
    a: i32,
    b: *mut i32,
    c: i16,
    d: i32,
    e: *mut c_void,
    f: i8,
    g: i32,
) -> i32 {
    // SAFETY: the caller's promise.
    let b = unsafe { &mut *b };
    *b = b.wrapping_add(1);
    #[expect(clippy::cast_possible_truncation, reason = "as in C: the low half of the address")]
    let e = e.addr() as i32;
    let numbers = [a, *b, i32::from(c), d, e, i32::from(f), g];
    numbers.into_iter().fold(0, i32::wrapping_add)
}
