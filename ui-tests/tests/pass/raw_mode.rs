//! Raw mode: `unsafe fn`, raw pointers, and the kernel's suffixes on parameter names.

#![allow(non_snake_case)]

use std::ffi::{c_char, c_void};

use opswap::declare::{ArgForm, DemandDecl, MemRule, NullDecl, RetForm, SizeDecl, TrustDecl};
use opswap::{Btf, kfunc};

#[derive(Btf)]
#[repr(C)]
struct Task {
    pid: u32,
}

#[kfunc]
unsafe fn sizes(from: *const c_void, from__sz: u32, to__uninit: *mut c_void, to__szk: u32) -> i32 {
    let _ = (from, from__sz, to__uninit, to__szk);
    0
}

#[kfunc]
unsafe fn numbers(id__k: u64, any__ign: *mut c_void, name__str: *const c_char, count: *mut u64) {
    let _ = (id__k, any__ign, name__str, count);
}

#[kfunc]
unsafe fn maps(map__map: *mut c_void, strict__const_map: *mut c_void) {
    let _ = (map__map, strict__const_map);
}

#[kfunc]
unsafe fn optional(task__nullable: *mut Task, buffer__opt: *mut c_void, buffer__szk: u32) -> u32 {
    let _ = (buffer__opt, buffer__szk);
    // SAFETY: the name says that the task may be NULL, and else the verifier knows it as trusted.
    unsafe { task__nullable.as_ref() }.map_or(0, |task| task.pid)
}

#[kfunc(acquire, ret_null)]
unsafe fn task_find(pid: i32) -> *mut Task {
    let _ = pid;
    std::ptr::null_mut()
}

#[kfunc(release)]
unsafe fn task_put(task: *mut Task) {
    let _ = task;
}

#[kfunc(dtor)]
unsafe fn task_destroy(task: *mut Task) {
    let _ = task;
}

/// Memory of which nothing tells the size: legal, and no call can pass it.
#[kfunc]
unsafe fn of_no_size(mem: *mut c_void, len: u32) {
    let _ = (mem, len);
}

#[kfunc(rcu)]
unsafe fn task_peek(task: *const Task) -> *const Task {
    task
}

#[kfunc(ret_null)]
unsafe fn memory(task: *mut Task, rdonly_buf_size: u32) -> *const u8 {
    let _ = rdonly_buf_size;
    task.cast()
}

#[kfunc]
unsafe fn seven(a: u8, b: u8, c: u8, d: u8, e: u8, f: u8, g: i64) -> i64 {
    i64::from(a) + i64::from(b) + i64::from(c) + i64::from(d) + i64::from(e) + i64::from(f) + g
}

fn main() {
    let find = |name: &str| opswap::registry::OPSWAP_KFUNCS.iter().find(|kfunc| kfunc.name == name).unwrap();
    let forms = |name: &str| find(name).args.iter().map(|arg| (arg.name, arg.shape.form)).collect::<Vec<_>>();

    assert_eq!(forms("sizes"), [("from", ArgForm::Slice), ("to", ArgForm::Slice)]);
    let [from, to] = find("sizes").args else { panic!() };
    assert_eq!((from.shape.mem, from.shape.size), (MemRule::Read, SizeDecl::Bounded));
    assert_eq!((to.shape.mem, to.shape.size), (MemRule::Uninit, SizeDecl::Constant));

    let expected =
        [("id", ArgForm::Constant), ("any", ArgForm::Ignored), ("name", ArgForm::Str), ("count", ArgForm::Memory)];
    assert_eq!(forms("numbers"), expected);
    assert_eq!(forms("maps"), [("map", ArgForm::Map), ("strict", ArgForm::Map)]);
    assert!(find("optional").args.iter().all(|arg| arg.shape.null == NullDecl::Nullable));

    let found = find("task_find").ret;
    assert_eq!((found.form, found.trust, found.null), (RetForm::Object, TrustDecl::Handed, NullDecl::Nullable));
    assert_eq!(find("task_put").args[0].shape.demand, DemandDecl::Owned);
    assert_eq!(forms("task_destroy"), [("task", ArgForm::RawOwned)]);
    assert_eq!(forms("of_no_size"), [("mem", ArgForm::Unsized), ("len", ArgForm::Scalar)]);
    assert_eq!(find("task_peek").args[0].shape.demand, DemandDecl::Rcu);
    assert_eq!(find("task_peek").ret.trust, TrustDecl::Untrusted);
    assert_eq!(find("memory").ret.form, RetForm::Memory);
    assert_eq!(find("seven").args.len(), 7);
}
