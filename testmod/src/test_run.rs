//! What is in the kernel itself (`net/bpf/test_run.c`), and in the modules that test the order of modules.

use std::ffi::c_void;
use std::sync::Arc;

use opswap::{KRef, kfunc};

use crate::sets::{
    bpf_test_modify_return_ids, bpf_test_modorder_kfunc_ids, bpf_testmod_common_kfunc_ids,
    test_sk_check_kfunc_ids,
};
use crate::types::{ProgTestMember, ProgTestRefKfunc};

/// Takes a reference to the one object back.
#[kfunc(release, set = test_sk_check_kfunc_ids)]
pub fn bpf_kfunc_call_test_release(p: KRef<ProgTestRefKfunc>) {
    p.put();
}

/// Takes a member back.
#[kfunc(release, set = test_sk_check_kfunc_ids)]
pub fn bpf_kfunc_call_memb_release(p: KRef<ProgTestMember>) {
    drop(p);
}

/// Destroys what a map is left with. Linux has it in no set; any program may call it as the release that it is.
///
/// # Safety
/// `p` is a reference to the one object, which is given up.
#[kfunc(dtor = ProgTestRefKfunc)]
pub unsafe fn bpf_kfunc_call_test_release_dtor(p: *mut c_void) {
    // SAFETY: the caller's promise; references are `Arc`s behind their addresses.
    unsafe { taken::<ProgTestRefKfunc>(p) }.put();
}

/// The same of a member.
///
/// # Safety
/// `p` is a reference to a member, which is given up.
#[kfunc(dtor = ProgTestMember)]
pub unsafe fn bpf_kfunc_call_memb_release_dtor(p: *mut c_void) {
    // SAFETY: as above.
    drop(unsafe { taken::<ProgTestMember>(p) });
}

/// # Safety
/// `p` is the address of a `KRef<T>`, which is given up.
unsafe fn taken<T>(p: *mut c_void) -> KRef<T> {
    // SAFETY: the caller's promise: a `KRef` is the address that `Arc::into_raw` gives.
    KRef::from(unsafe { Arc::from_raw(p.cast::<T>().cast_const()) })
}

/// Adds one, and changes what it is pointed to.
#[kfunc(set = bpf_test_modify_return_ids)]
pub fn bpf_modify_return_test(a: i32, b: &mut i32) -> i32 {
    *b = b.wrapping_add(1);
    a.wrapping_add(*b)
}

/// Gives a tracing program its cue.
#[kfunc(set = bpf_testmod_common_kfunc_ids)]
pub fn bpf_modify_return_test_tp(nonce: i32) -> i32 {
    nonce
}

/// Adds one.
#[kfunc(sleepable, set = bpf_test_modify_return_ids)]
pub fn bpf_fentry_test1(a: i32) -> i32 {
    a.wrapping_add(1)
}

/// 'x'.
#[kfunc(set = bpf_test_modorder_kfunc_ids)]
pub fn bpf_test_modorder_retx() -> i32 {
    i32::from(b'x')
}

/// 'y'.
#[kfunc(set = bpf_test_modorder_kfunc_ids)]
pub fn bpf_test_modorder_rety() -> i32 {
    i32::from(b'y')
}
