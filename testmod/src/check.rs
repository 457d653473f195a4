//! Functions for traffic control, tracing, system calls and tables.

use std::cell::Cell;

use opswap::{KRef, Rcu, kfunc};

use crate::sets::bpf_testmod_check_kfunc_ids;
use crate::types::{
    PROG_TEST_STRUCT, ProgTestMember, ProgTestMember1, ProgTestRefKfunc, SkBuffContext, Sock,
};

thread_local! {
    static TEST_NUMBER: Cell<i32> = const { Cell::new(0) };
}

/// What [`bpf_testmod_test_mod_kfunc`] was last called with, on this thread.
pub fn test_number() -> i32 {
    TEST_NUMBER.get()
}

/// Remembers a number (Linux: for the processor).
#[kfunc(set = bpf_testmod_check_kfunc_ids)]
pub fn bpf_testmod_test_mod_kfunc(i: i32) {
    TEST_NUMBER.set(i);
}

/// Adds.
#[kfunc(set = bpf_testmod_check_kfunc_ids)]
pub fn bpf_kfunc_call_test1(sk: &Sock, a: u32, b: u64, c: u32, d: u64) -> u64 {
    let _ = sk;
    u64::from(a).wrapping_add(b).wrapping_add(u64::from(c)).wrapping_add(d)
}

/// Adds.
#[kfunc(set = bpf_testmod_check_kfunc_ids)]
pub fn bpf_kfunc_call_test2(sk: &Sock, a: u32, b: u32) -> i32 {
    let _ = sk;
    a.wrapping_add(b).cast_signed()
}

/// Gives the socket back.
#[kfunc(set = bpf_testmod_check_kfunc_ids)]
pub fn bpf_kfunc_call_test3(sk: &Sock) -> &Sock {
    sk
}

/// Adds signed numbers of all widths.
#[kfunc(set = bpf_testmod_check_kfunc_ids)]
pub fn bpf_kfunc_call_test4(a: i8, b: i16, c: i32, d: i64) -> i64 {
    i64::from(a).wrapping_add(i64::from(b)).wrapping_add(i64::from(c)).wrapping_add(d)
}

/// Takes eight bytes, and a number that is not their size.
#[kfunc(set = bpf_testmod_check_kfunc_ids)]
pub fn bpf_kfunc_call_test_mem_len_fail2(mem: &mut u64, len: i32) {
    let _ = (mem, len);
}

/// A reference to the one object.
#[kfunc(acquire, ret_null, set = bpf_testmod_check_kfunc_ids)]
pub fn bpf_kfunc_call_test_acquire(scalar_ptr: &mut u64) -> Option<KRef<ProgTestRefKfunc>> {
    let _ = scalar_ptr;
    PROG_TEST_STRUCT.get();
    Some(PROG_TEST_STRUCT.clone())
}

/// Never to be run: no program that calls it is accepted by Linux.
#[kfunc(acquire, ret_null, set = bpf_testmod_check_kfunc_ids)]
pub fn bpf_kfunc_call_memb_acquire() -> Option<KRef<ProgTestMember>> {
    None
}

/// Never to be run.
#[kfunc(release, set = bpf_testmod_check_kfunc_ids)]
pub fn bpf_kfunc_call_memb1_release(p: KRef<ProgTestMember1>) {
    drop(p);
}

/// Takes a packet as its program sees it.
#[kfunc(set = bpf_testmod_check_kfunc_ids)]
pub fn bpf_kfunc_call_test_pass_ctx(skb: &SkBuffContext) {
    let _ = skb;
}

/// Takes the object, trusted or protected by RCU.
#[kfunc(trusted_args, rcu, set = bpf_testmod_check_kfunc_ids)]
pub fn bpf_kfunc_call_test_ref(p: Rcu<'_, ProgTestRefKfunc>) {
    let _ = p;
}

/// Only for programs that may do harm.
#[kfunc(destructive, set = bpf_testmod_check_kfunc_ids)]
pub fn bpf_kfunc_call_test_destructive() {}

/// Its second parameter is unused, and stays in the prototype.
#[kfunc(set = bpf_testmod_check_kfunc_ids)]
fn bpf_kfunc_call_test_static_unused_arg(arg: u32, unused: u32) -> u32 {
    let _ = unused;
    arg
}

/// Never to be run: programs try it with a pointer into the object.
#[kfunc(set = bpf_testmod_check_kfunc_ids)]
pub fn bpf_kfunc_call_test_offset(p: &ProgTestRefKfunc) {
    let _ = p;
}

/// Only for programs that may sleep.
#[kfunc(sleepable, set = bpf_testmod_check_kfunc_ids)]
pub fn bpf_kfunc_call_test_sleepable() {}
