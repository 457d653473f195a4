//! Functions for every kind of program.

use std::sync::atomic::{AtomicI32, Ordering};

use opswap::{KRef, Rcu, kfunc};

use crate::sets::bpf_testmod_common_kfunc_ids;
use crate::types::{BpfTestmodCtx, SkBuff, SkBuffHead, SockCommon, TaskStruct, VmAreaStruct};

/// Does nothing.
#[kfunc(set = bpf_testmod_common_kfunc_ids)]
pub fn bpf_kfunc_common_test() {}

/// Takes a pointer to a struct inside a socket, not at its start. Linux returns NULL, which its flags deny; this one keeps its word.
#[kfunc(acquire, set = bpf_testmod_common_kfunc_ids)]
pub fn bpf_kfunc_nested_acquire_nonzero_offset_test(ptr: &SkBuffHead) -> KRef<SkBuff> {
    let _ = ptr;
    KRef::new(SkBuff::default())
}

/// Takes a pointer to a struct at the start of a socket. As above.
#[kfunc(acquire, set = bpf_testmod_common_kfunc_ids)]
pub fn bpf_kfunc_nested_acquire_zero_offset_test(ptr: &SockCommon) -> KRef<SkBuff> {
    let _ = ptr;
    KRef::new(SkBuff::default())
}

/// Takes a packet back.
#[kfunc(release, set = bpf_testmod_common_kfunc_ids)]
pub fn bpf_kfunc_nested_release_test(ptr: KRef<SkBuff>) {
    drop(ptr);
}

/// Takes a trusted region.
#[kfunc(trusted_args, set = bpf_testmod_common_kfunc_ids)]
pub fn bpf_kfunc_trusted_vma_test(ptr: &VmAreaStruct) {
    let _ = ptr;
}

/// Takes a trusted task.
#[kfunc(trusted_args, set = bpf_testmod_common_kfunc_ids)]
pub fn bpf_kfunc_trusted_task_test(ptr: &TaskStruct) {
    let _ = ptr;
}

/// Takes memory where only trusted pointers are allowed.
#[kfunc(trusted_args, set = bpf_testmod_common_kfunc_ids)]
pub fn bpf_kfunc_trusted_num_test(ptr: &mut i32) {
    let _ = ptr;
}

/// Takes a task that RCU may protect.
#[kfunc(rcu, set = bpf_testmod_common_kfunc_ids)]
pub fn bpf_kfunc_rcu_task_test(ptr: Rcu<'_, TaskStruct>) {
    let _ = ptr;
}

/// Makes an object. `err` is written when there is no memory, which does not happen here.
#[kfunc(acquire, ret_null, set = bpf_testmod_common_kfunc_ids)]
pub fn bpf_testmod_ctx_create(err: &mut i32) -> Option<KRef<BpfTestmodCtx>> {
    let _ = err;
    Some(KRef::new(BpfTestmodCtx { usage: AtomicI32::new(1) }))
}

/// Takes an object back.
#[kfunc(release, set = bpf_testmod_common_kfunc_ids)]
pub fn bpf_testmod_ctx_release(ctx: KRef<BpfTestmodCtx>) {
    ctx.usage.fetch_sub(1, Ordering::Relaxed);
}
