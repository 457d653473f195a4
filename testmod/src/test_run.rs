//! What is in the kernel itself (`net/bpf/test_run.c`), and in the modules that test the order of modules.

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
