//! Every name suffix of the kernel's, as a contract and as a C parameter.

#![allow(non_snake_case)]

use std::ffi::{c_char, c_void};

use opswap::bpf::proto::{
    Allocation, NodeUse, ArgKind, Demand, FieldKind, IrqClass, IrqRole, IterRole, MemAccess, MemInit, MemSize, Nullness, RetKind,
    SizeRule,
};
use opswap::bpf::{Btf, KfuncProto};
use opswap::registry::Registry;
use opswap::{Btf, CallSite, ListHead, ListNode, RbNode, RbRoot, SpinLock, Timer, Workqueue, kfunc};

/// Numbers only: memory will do.
#[derive(Btf)]
#[repr(C)]
struct Point {
    x: u32,
    y: [u16; 2],
    inner: Inner,
}

#[derive(Btf)]
#[repr(C)]
struct Inner {
    z: u64,
}

/// Holds a pointer: only an object will do.
#[derive(Btf)]
#[repr(C)]
struct Holder {
    next: *mut Holder,
    flag: bool,
}

/// Hides a field: only an object will do.
#[derive(Btf)]
#[repr(C)]
struct Hiding {
    number: u64,
    #[btf(skip)]
    text: String,
}

#[derive(Btf)]
#[repr(C)]
#[btf(name = "bpf_iter_test")]
struct State {
    value: i64,
    count: i32,
}

#[kfunc]
unsafe fn suffix_sz(mem: *mut c_void, mem__sz: u32, two: *const c_void, two__szk: u32) {
    let _ = (mem, mem__sz, two, two__szk);
}

#[kfunc]
unsafe fn suffix_k(number__k: u64, object: *mut Holder, rdwr_buf_size: u32) -> *mut u8 {
    let _ = (number__k, rdwr_buf_size);
    object.cast()
}

#[kfunc]
unsafe fn suffix_uninit(mem__uninit: *mut c_void, mem__sz: u32) {
    let _ = (mem__uninit, mem__sz);
}

#[kfunc]
unsafe fn suffix_opt(mem__opt: *mut c_void, mem__szk: u32, object__nullable: *mut Holder) {
    let _ = (mem__opt, mem__szk, object__nullable);
}

#[kfunc]
unsafe fn suffix_ign(any__ign: *mut c_void, text__str: *const c_char, map__map: *mut c_void, own__const_map: *mut c_void) {
    let _ = (any__ign, text__str, map__map, own__const_map);
}

#[kfunc]
unsafe fn suffix_alloc(object__alloc: *mut c_void) {
    let _ = object__alloc;
}

#[kfunc]
unsafe fn suffix_refcounted_kptr(object__refcounted_kptr: *mut c_void) -> *mut c_void {
    object__refcounted_kptr
}

#[kfunc]
unsafe fn bpf_local_irq_save(flags__irq_flag: *mut u64) {
    let _ = flags__irq_flag;
}

#[kfunc]
unsafe fn bpf_res_spin_unlock_irqrestore(lock: *mut opswap::ResSpinLock, flags__irq_flag: *mut u64) {
    let _ = (lock, flags__irq_flag);
}

#[kfunc]
unsafe fn suffix_iter(value: i32, it__iter: *mut State) -> i64 {
    // SAFETY: the suffix says that the state is initialised.
    unsafe { i64::from(value) + (*it__iter).value }
}

#[kfunc(iter_new)]
unsafe fn bpf_iter_test_new(it: *mut State, value: i64) -> i32 {
    // SAFETY: the word says that there is room for a state.
    unsafe { it.write(State { value, count: 1 }) };
    0
}

#[kfunc(iter_next, ret_null)]
unsafe fn bpf_iter_test_next(it: *mut State) -> *mut i64 {
    let _ = it;
    std::ptr::null_mut()
}

#[kfunc(iter_destroy)]
unsafe fn bpf_iter_test_destroy(it: *mut State) {
    // SAFETY: the word says that the state is initialised.
    unsafe { (*it).count = 0 };
}

#[kfunc]
unsafe fn suffix_prog(number: u32, aux__prog: *mut c_void) -> bool {
    let _ = number;
    // SAFETY: the suffix says that the runtime passes the calling program.
    unsafe { (*aux__prog.cast::<CallSite>()).program().is_empty() }
}

#[kfunc]
unsafe fn suffix_nonown_allowed(head: *mut ListHead, node__nonown_allowed: *mut ListNode, own: *mut ListNode) {
    let _ = (head, node__nonown_allowed, own);
}

#[kfunc]
unsafe fn kernel_types(lock: *mut SpinLock, timer: *mut Timer, wq: *mut Workqueue, root: *mut RbRoot, node: *mut RbNode) {
    let _ = (lock, timer, wq, root, node);
}

#[kfunc]
unsafe fn structs(point: *mut Point, holder: *mut Holder, hiding: *mut Hiding) {
    let _ = (point, holder, hiding);
}

#[kfunc]
unsafe fn returns(number: u32) -> *const u32 {
    let _ = number;
    std::ptr::null()
}

fn proto<'r>(registry: &'r Registry, name: &str) -> &'r KfuncProto {
    let id = registry.kfunc_named(name).unwrap_or_else(|| panic!("`{name}` is lost"));
    &registry.kfuncs()[id.index()].proto
}

fn kinds<'r>(registry: &'r Registry, name: &str) -> Vec<&'r ArgKind> {
    proto(registry, name).args.iter().map(|arg| &arg.kind).collect()
}

/// The C prototype of a kfunc.
fn c(registry: &Registry, name: &str) -> String {
    registry.btf().c_declaration(proto(registry, name).func.id, "")
}

fn memory(at: u8, access: MemAccess, init: MemInit) -> ArgKind {
    ArgKind::Memory { size: MemSize::Arg(opswap::bpf::proto::ArgIdx(at)), access, init }
}

fn allocated(demand: Demand) -> ArgKind {
    ArgKind::Allocated { by: Allocation::Object, demand }
}

fn contracts(r: &Registry) {
    let any = ArgKind::Size { rule: SizeRule::AnyOrZero };
    let constant = ArgKind::Size { rule: SizeRule::Constant };
    let (rw, read) = (memory(1, MemAccess::ReadWrite, MemInit::Required), memory(3, MemAccess::Read, MemInit::Required));
    assert_eq!(kinds(r, "suffix_sz"), [&rw, &any, &read, &constant]);
    assert_eq!(kinds(r, "suffix_uninit"), [&memory(1, MemAccess::Write, MemInit::Provided), &any]);
    assert!(matches!(kinds(r, "suffix_k")[..], [ArgKind::Const { .. }, ArgKind::Object { .. }, ArgKind::Const { .. }]));
    assert!(matches!(proto(r, "suffix_k").ret.kind, RetKind::Memory { access: MemAccess::ReadWrite, .. }));
    let nullable: Vec<_> = proto(r, "suffix_opt").args.iter().map(|arg| arg.null).collect();
    assert_eq!(nullable, [Nullness::Nullable, Nullness::NonNull, Nullness::Nullable]);
    let map = ArgKind::Map { shape: None };
    assert_eq!(kinds(r, "suffix_ign"), [&ArgKind::Ignored, &ArgKind::Str, &map, &map]);
    assert_eq!(kinds(r, "suffix_alloc"), [&allocated(Demand::Owned)]);
    assert_eq!(kinds(r, "suffix_refcounted_kptr"), [&allocated(Demand::Trusted)]);
    let save = ArgKind::IrqFlag { role: IrqRole::Save, class: IrqClass::Native };
    let restore = ArgKind::IrqFlag { role: IrqRole::Restore, class: IrqClass::Lock };
    assert_eq!(kinds(r, "bpf_local_irq_save"), [&save]);
    assert_eq!(kinds(r, "bpf_res_spin_unlock_irqrestore"), [&ArgKind::Field(FieldKind::ResSpinLock), &restore]);
    let role = |name: &str, at: usize| match kinds(r, name)[at] {
        ArgKind::Iter { role, .. } => *role,
        other => panic!("{name}: {other:?}"),
    };
    assert_eq!(role("suffix_iter", 1), IterRole::Use);
    assert_eq!(role("bpf_iter_test_new", 0), IterRole::New);
    assert_eq!(role("bpf_iter_test_next", 0), IterRole::Next);
    assert_eq!(role("bpf_iter_test_destroy", 0), IterRole::Destroy);
    assert_eq!(kinds(r, "suffix_prog")[1], &ArgKind::Ignored);
    let node = |kind, taken| ArgKind::Node { kind, taken };
    let field = ArgKind::Field;
    assert_eq!(
        kinds(r, "suffix_nonown_allowed"),
        [
            &field(FieldKind::ListHead),
            &node(FieldKind::ListNode, NodeUse::Linked),
            &node(FieldKind::ListNode, NodeUse::Given)
        ]
    );
    assert_eq!(
        kinds(r, "kernel_types"),
        [
            &field(FieldKind::SpinLock),
            &field(FieldKind::Timer),
            &field(FieldKind::Workqueue),
            &field(FieldKind::RbRoot),
            &node(FieldKind::RbNode, NodeUse::Given)
        ]
    );
    let [ArgKind::ObjectOrMemory { demand, size: 16, .. }, ArgKind::Object { .. }, ArgKind::Object { .. }] =
        kinds(r, "structs")[..]
    else {
        panic!("{:?}", kinds(r, "structs"))
    };
    assert_eq!(*demand, Demand::Trusted);
    assert!(matches!(proto(r, "returns").ret.kind, RetKind::Memory { size: MemSize::Fixed(4), access: MemAccess::Read, .. }));
}

fn main() {
    let registry = Registry::collect().expect("sound declarations");
    contracts(&registry);
    let expected = [
        ("suffix_sz", "void suffix_sz(void *mem, unsigned int mem__sz, const void *two, unsigned int two__szk)"),
        ("suffix_alloc", "void suffix_alloc(void *object__alloc)"),
        ("bpf_local_irq_save", "void bpf_local_irq_save(unsigned long *flags__irq_flag)"),
        ("suffix_iter", "long suffix_iter(int value, struct bpf_iter_test *it__iter)"),
        ("bpf_iter_test_next", "long *bpf_iter_test_next(struct bpf_iter_test *it)"),
        ("suffix_prog", "_Bool suffix_prog(unsigned int number, void *aux__prog)"),
        (
            "suffix_nonown_allowed",
            "void suffix_nonown_allowed(struct bpf_list_head *head, struct bpf_list_node *node__nonown_allowed, \
             struct bpf_list_node *own)",
        ),
        ("suffix_refcounted_kptr", "void *suffix_refcounted_kptr(void *object__refcounted_kptr)"),
    ];
    for (name, text) in expected {
        assert_eq!(c(&registry, name), text);
    }
    // What is written is what is read.
    let bytes = registry.btf().to_bytes().expect("a BTF");
    let read = Registry::from_interface(Btf::parse(&bytes).expect("readable")).expect("an interface file");
    for (a, b) in registry.kfuncs().iter().zip(read.kfuncs()) {
        assert_eq!(a.proto, b.proto);
    }
    let own = std::fs::read(std::env::current_exe().expect("a file")).expect("readable");
    let disk = Registry::from_binary(&own).expect("the records of this program");
    for (a, b) in registry.kfuncs().iter().zip(disk.kfuncs()) {
        assert_eq!(a.proto, b.proto);
    }
    assert!(opswap::header::c_header(&registry).contains("struct bpf_list_head {"));
}
