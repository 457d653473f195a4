//! Callbacks: every number of arguments, numbers and objects, and what programs and tools see.

#![forbid(unsafe_code)]

use opswap::bpf::Btf;
use opswap::bpf::proto::ArgKind;
use opswap::registry::Registry;
use opswap::{Btf, Callback, Stopped, kfunc};

#[derive(Btf)]
#[repr(C)]
struct Flow {
    cwnd: u32,
}

#[kfunc]
fn none(each: Callback<fn() -> i64>) -> Result<u32, opswap::Errno> {
    each.call(()).map(|_| 0).map_err(|Stopped| opswap::Errno::EINVAL)
}

#[kfunc]
fn one(each: Callback<'_, fn(i8) -> i64>) -> i64 {
    each.call((-1,)).unwrap_or(0)
}

#[kfunc]
fn objects(each: Callback<fn(&Flow, &Flow, u16) -> i64>) -> i64 {
    let (one, two) = (Flow { cwnd: 1 }, Flow { cwnd: 2 });
    each.call((&one, &two, 3)).unwrap_or(i64::from(one.cwnd + two.cwnd))
}

#[kfunc]
fn five(a: u64, each: Callback<fn(u8, u16, u32, u64, i64) -> i64>, b: u64) -> i64 {
    each.call((1, 2, 3, a, b.cast_signed())).unwrap_or(0)
}

fn main() {
    let registry = Registry::collect().expect("sound declarations");
    let proto = |name: &str| &registry.kfuncs()[registry.kfunc_named(name).expect("declared").index()].proto;
    let callback = |name: &str, at: usize| match &proto(name).args[at].kind {
        ArgKind::Callback { args } => args.len(),
        other => panic!("{name}: {other:?}"),
    };
    assert_eq!([callback("none", 0), callback("one", 0), callback("objects", 0), callback("five", 1)], [0, 1, 3, 5]);
    let c = registry.btf().c_declaration(proto("objects").func.id, "");
    assert_eq!(c, "long objects(long (*each)(struct Flow *, struct Flow *, unsigned short))");
    let bytes = registry.btf().to_bytes().expect("a BTF");
    let read = Registry::from_interface(Btf::parse(&bytes).expect("readable")).expect("an interface file");
    for (a, b) in registry.kfuncs().iter().zip(read.kfuncs()) {
        assert_eq!(a.proto, b.proto);
    }
}
