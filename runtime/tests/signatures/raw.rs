//! Raw kfuncs: what the kernel's suffixes and flags make of a program.

#![allow(non_snake_case, reason = "the suffixes of the kernel")]

use std::ffi::c_void;

use opswap::{Btf, CallSite, Dynptr, kfunc};

use crate::lab::{load, refusal, value};

/// Numbers only, as `struct prog_test_pass1`.
#[derive(Btf)]
#[repr(C)]
struct Plain {
    a: u32,
    inner: PlainInner,
}

#[derive(Btf)]
#[repr(C)]
struct PlainInner {
    b: u32,
}

/// With a pointer, as `struct prog_test_fail1`.
#[derive(Btf)]
#[repr(C)]
struct Pointing {
    a: u64,
    p: *mut c_void,
}

/// With a field of which some bytes are no value.
#[derive(Btf)]
#[repr(C)]
struct Choosy {
    a: u32,
    flag: bool,
}

/// An object, and the same before it is complete.
#[derive(Btf)]
#[repr(C)]
#[btf(name = "raw_conn")]
struct Conn {
    number: *const u64,
}

#[derive(Btf)]
#[repr(C)]
#[btf(name = "raw_conn___init")]
struct ConnInit {
    conn: Conn,
}

#[derive(Btf)]
#[repr(C)]
struct ConnHolder {
    conn: Conn,
}

struct Shared<T>(T);

// SAFETY: nothing is written, and the pointers are NULL.
unsafe impl<T> Sync for Shared<T> {}

static HOLDER: Shared<ConnHolder> = Shared(ConnHolder { conn: Conn { number: std::ptr::null() } });
static INIT: Shared<ConnInit> = Shared(ConnInit { conn: Conn { number: std::ptr::null() } });

#[kfunc]
fn raw_holder() -> &'static ConnHolder {
    &HOLDER.0
}

#[kfunc]
fn raw_init() -> &'static ConnInit {
    &INIT.0
}

#[kfunc]
unsafe fn raw_conn_use(conn: *mut Conn) -> u32 {
    u32::from(conn.is_null())
}

#[kfunc]
unsafe fn raw_pass(plain: *mut Plain) -> u32 {
    // SAFETY: the verifier knows an object or memory of that size, and any bytes are numbers.
    let plain = unsafe { &mut *plain };
    plain.inner.b += 1;
    plain.a + plain.inner.b
}

#[kfunc]
unsafe fn raw_fail(pointing: *mut Pointing) {
    let _ = pointing;
}

#[kfunc]
unsafe fn raw_choosy(choosy: *mut Choosy) {
    let _ = choosy;
}

#[kfunc]
unsafe fn raw_prog(aux__prog: *const c_void, number: u32) -> u64 {
    // SAFETY: the suffix says that the runtime passes the calling program.
    let site = unsafe { &*aux__prog.cast::<CallSite>() };
    site.program().len() as u64 + u64::from(number)
}

#[kfunc(acquire, ret_null)]
unsafe fn raw_acquire_memory(holder: *mut ConnHolder, rdonly_buf_size: u32) -> *const u8 {
    let _ = (holder, rdonly_buf_size);
    std::ptr::null()
}

#[kfunc(release)]
unsafe fn raw_release_memory(number: *mut i32) {
    let _ = number;
}

#[kfunc]
unsafe fn raw_dynptr(one: *mut Dynptr, two__nullable: *mut Dynptr) {
    let _ = (one, two__nullable);
}

#[derive(Btf)]
#[repr(C)]
#[btf(name = "bpf_iter_raw_seq")]
struct Seq {
    value: i64,
    count: i64,
}

#[kfunc(iter_new)]
unsafe fn bpf_iter_raw_seq_new(it: *mut Seq, value: i64, count: i32) -> i32 {
    // SAFETY: the flag says that there is room for a state.
    unsafe { it.write(Seq { value, count: i64::from(count.max(0)) }) };
    if count < 0 { -22 } else { 0 }
}

#[kfunc(iter_next, ret_null)]
unsafe fn bpf_iter_raw_seq_next(it: *mut Seq) -> *mut i64 {
    // SAFETY: the flag says that the state is initialised.
    let it = unsafe { &mut *it };
    if it.count == 0 {
        return std::ptr::null_mut();
    }
    it.count -= 1;
    &mut it.value
}

#[kfunc(iter_destroy)]
unsafe fn bpf_iter_raw_seq_destroy(it: *mut Seq) {
    // SAFETY: the flag says that the state is initialised.
    unsafe { (*it).count = 0 };
}

#[kfunc]
unsafe fn raw_seq_value(value: i32, it__iter: *mut Seq) -> i64 {
    // SAFETY: the suffix says that the state is initialised.
    unsafe { (*it__iter).value + i64::from(value) }
}

#[test]
fn a_struct_of_numbers_may_be_the_programs_memory() {
    let text = "
        *(u32 *)(r10 - 8) = 3
        *(u32 *)(r10 - 4) = 4
        r1 = r10
        r1 += -8
        call raw_pass
        r1 = *(u32 *)(r10 - 4)
        r0 += r1
        exit";
    assert_eq!(value(text), 3 + 5 + 5);
    assert!(refusal("r1 = r10\nr1 += -8\ncall raw_pass\nexit").contains("invalid"), "uninitialised memory");
    assert!(refusal("r1 = 4096\ncall raw_pass\nexit").contains("R1"), "a number");
    assert!(refusal("r1 = 0\ncall raw_pass\nexit").contains("NULL"), "NULL");
}

#[test]
fn a_struct_with_a_pointer_is_the_hosts() {
    for (name, kfunc) in [("Pointing", "raw_fail"), ("Choosy", "raw_choosy")] {
        let text = format!(
            "*(u64 *)(r10 - 16) = 0\n*(u64 *)(r10 - 8) = 0\nr1 = r10\nr1 += -16\ncall {kfunc}\nr0 = 0\nexit"
        );
        let expected =
            format!("arg#0 pointer type STRUCT {name} must point to scalar, or struct with scalar");
        assert_eq!(refusal(&text), expected);
    }
}

#[test]
fn the_runtime_fills_in_the_calling_program() {
    // Whatever is in R1: nothing reads it.
    assert_eq!(value("r2 = 10\ncall raw_prog\nexit"), "test".len() as u64 + 10);
    assert_eq!(value("r1 = 4096\nr2 = 10\ncall raw_prog\nexit"), "test".len() as u64 + 10);
}

#[test]
fn what_cannot_be_owned_cannot_be_called() {
    let acquire = "call raw_holder\nr1 = r0\nr2 = 4\ncall raw_acquire_memory\nr0 = 0\nexit";
    assert_eq!(refusal(acquire), "acquire kernel function does not return PTR_TO_BTF_ID");
    let release = "*(u64 *)(r10 - 8) = 0\nr1 = r10\nr1 += -8\ncall raw_release_memory\nr0 = 0\nexit";
    assert_eq!(
        refusal(release),
        "release kernel function raw_release_memory expects refcounted PTR_TO_BTF_ID"
    );
}

#[test]
fn dynptrs_by_the_kernels_rules() {
    let refusal = refusal("r1 = 0\nr2 = 0\ncall raw_dynptr\nr0 = 0\nexit");
    assert!(refusal.contains("dynptr") || refusal.contains("NULL"), "{refusal}");
}

#[test]
fn an_iterator_by_the_kernels_rules() {
    let text = |count: i32| {
        format!(
            "
            r6 = 0
            r1 = r10
            r1 += -16
            r2 = 40
            r3 = {count}
            call bpf_iter_raw_seq_new
            r1 = 2
            r2 = r10
            r2 += -16
            call raw_seq_value
            r7 = r0
        again:
            r1 = r10
            r1 += -16
            call bpf_iter_raw_seq_next
            if r0 == 0 goto done
            r1 = *(u64 *)(r0 + 0)
            r6 += r1
            goto again
        done:
            r1 = r10
            r1 += -16
            call bpf_iter_raw_seq_destroy
            r0 = r6
            r0 += r7
            exit"
        )
    };
    assert_eq!(value(&text(3)), 120 + 42);
    assert_eq!(value(&text(-3)), 42);
    // An element may be read, not written.
    let write = text(3).replace("r1 = *(u64 *)(r0 + 0)", "*(u64 *)(r0 + 0) = 1\nr1 = 0");
    assert!(refusal(&write).contains("cannot write into rdonly_mem"), "{}", refusal(&write));
}

#[test]
fn an_object_before_it_is_complete_is_no_object() {
    assert!(
        load("call raw_holder\nr1 = r0\ncall raw_conn_use\nexit").is_ok(),
        "the first member of any other object"
    );
    let refusal = refusal("call raw_init\nr1 = r0\ncall raw_conn_use\nexit");
    assert!(refusal.contains("raw_conn___init"), "{refusal}");
}
