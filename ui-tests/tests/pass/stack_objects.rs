//! Dynptrs, interrupt flags and iterators' states by hand: every form of the parameter, and what programs and tools see.

#![forbid(unsafe_code)]

use opswap::bpf::Btf;
use opswap::bpf::proto::{ArgKind, DynptrKind, DynptrMemory, IrqClass, IrqRole, IterRole, Nullness};
use opswap::registry::Registry;
use opswap::{Btf, Dynptr, Errno, IrqFlag, Iter, Uninit, kfunc};

#[derive(Btf, Default)]
#[repr(C)]
#[btf(name = "bpf_iter_seq")]
struct Seq {
    value: i64,
    count: i32,
}

#[kfunc(iter_new)]
fn bpf_iter_seq_new(it: Uninit<'_, Iter<Seq>>, value: i64) -> Result<(), Errno> {
    if value < 0 { Err(Errno::EINVAL) } else { Ok(drop(it.write(Iter::new(Seq { value, count: 3 })))) }
}

#[kfunc(iter_next, ret_null)]
fn bpf_iter_seq_next(it: &mut Iter<Seq>) -> Option<&i64> {
    it.count = it.count.checked_sub(1)?;
    Some(&it.value)
}

#[kfunc(iter_destroy)]
fn bpf_iter_seq_destroy(it: &mut Iter<Seq>) {
    it.count = 0;
}

#[kfunc]
fn seq_value(number: u32, it: &Iter<Seq>) -> i64 {
    i64::from(number) + it.value
}

#[kfunc]
fn dynptrs(read: &Dynptr, write: &mut Dynptr, room: Uninit<Dynptr>, maybe: Option<&Dynptr>) -> u64 {
    let _ = (write.write(0, &[1]), room);
    (read.len() + maybe.map_or(0, Dynptr::len)) as u64
}

#[kfunc]
fn irq(save: Uninit<IrqFlag>, restore: &mut IrqFlag) {
    save.write(*restore);
}

fn main() {
    let registry = Registry::collect().expect("sound declarations");
    let proto = |name: &str| &registry.kfuncs()[registry.kfunc_named(name).expect("declared").index()].proto;
    let kinds = |name: &str| proto(name).args.iter().map(|arg| arg.kind.clone()).collect::<Vec<_>>();
    let irq = |role| ArgKind::IrqFlag { role, class: IrqClass::Native };
    assert_eq!(kinds("irq"), [irq(IrqRole::Save), irq(IrqRole::Restore)]);
    let dynptr = ArgKind::Dynptr;
    let room = DynptrKind::Uninit(DynptrMemory::Host);
    let read = dynptr(DynptrKind::Read);
    assert_eq!(kinds("dynptrs"), [read.clone(), dynptr(DynptrKind::ReadWrite), dynptr(room), read]);
    assert_eq!(proto("dynptrs").args[3].null, Nullness::Nullable);
    for (name, at, expected) in [
        ("bpf_iter_seq_new", 0, IterRole::New),
        ("bpf_iter_seq_next", 0, IterRole::Next),
        ("bpf_iter_seq_destroy", 0, IterRole::Destroy),
        ("seq_value", 1, IterRole::Use),
    ] {
        let ArgKind::Iter { role, .. } = kinds(name)[at] else { panic!("{name}") };
        assert_eq!(role, expected);
    }
    let c = |name: &str| registry.btf().c_declaration(proto(name).func.id, "");
    assert_eq!(c("irq"), "void irq(unsigned long *save__irq_flag, unsigned long *restore__irq_flag)");
    assert_eq!(c("seq_value"), "long seq_value(unsigned int number, struct bpf_iter_seq *it__iter)");
    assert_eq!(
        c("dynptrs"),
        "unsigned long dynptrs(struct bpf_dynptr *read, struct bpf_dynptr *write, struct bpf_dynptr *room__uninit, \
         struct bpf_dynptr *maybe__nullable)"
    );
    let bytes = registry.btf().to_bytes().expect("a BTF");
    let read = Registry::from_interface(Btf::parse(&bytes).expect("readable")).expect("an interface file");
    for (a, b) in registry.kfuncs().iter().zip(read.kfuncs()) {
        assert_eq!(a.proto, b.proto);
    }
}
