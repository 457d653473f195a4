//! Plain memory: numbers, arrays, slices, structs that derive `Pod`; read, written, filled in, optional, of a constant size.

#![forbid(unsafe_code)]

use opswap::bpf::proto::{ArgKind, MemAccess, MemInit, MemSize, Nullness, SizeRule};
use opswap::registry::Registry;
use opswap::{Btf, ConstSize, Out, Pod, kfunc};

#[derive(Btf, Pod, Clone, Copy)]
#[repr(C)]
struct Point {
    x: u32,
    y: [u16; 2],
}

#[kfunc]
fn fixed(number: &u64, total: &mut i32, array: &[u16; 3]) -> i64 {
    *total += 1;
    *number as i64 + i64::from(*total) + i64::from(array[2])
}

#[kfunc]
fn slices(bytes: &[u8], words: &mut [u64], points: &[Point]) -> u64 {
    words.fill(bytes.len() as u64);
    points.iter().map(|point| u64::from(point.x) + u64::from(point.y[0])).sum()
}

#[kfunc]
fn filled(bytes: &mut Out<[u8]>, words: &mut Out<[u32]>) {
    bytes.fill(1);
    words.fill(2);
}

#[kfunc]
fn constant(bytes: &ConstSize<[u8]>, points: &mut ConstSize<[Point]>) -> bool {
    bytes.is_empty() && points.is_empty()
}

#[kfunc]
fn optional(bytes: Option<&[u8]>, words: Option<&mut [u32]>) -> bool {
    bytes.is_none() && words.is_none()
}

fn main() {
    let registry = Registry::collect().expect("sound declarations");
    let proto = |name: &str| {
        let id = registry.kfunc_named(name).expect("declared");
        &registry.kfuncs()[id.index()].proto
    };
    let memory = |name: &str, at: usize| match &proto(name).args[at].kind {
        ArgKind::Memory { size, access, init } => (size.clone(), *access, *init),
        other => panic!("{name}: {other:?}"),
    };
    assert_eq!(memory("fixed", 0), (MemSize::Fixed(8), MemAccess::Read, MemInit::Required));
    assert_eq!(memory("fixed", 1), (MemSize::Fixed(4), MemAccess::ReadWrite, MemInit::Required));
    assert_eq!(memory("fixed", 2), (MemSize::Fixed(6), MemAccess::Read, MemInit::Required));
    assert_eq!(memory("slices", 2).1, MemAccess::ReadWrite);
    assert_eq!(memory("filled", 2), (MemSize::Arg(opswap::bpf::proto::ArgIdx(3)), MemAccess::Write, MemInit::Provided));
    assert_eq!(proto("constant").args[1].kind, ArgKind::Size { rule: SizeRule::Constant });
    assert!(proto("optional").args.iter().step_by(2).all(|arg| arg.null == Nullness::Nullable));
    assert_eq!(Point { x: 1, y: [0; 2] }.x, 1);
}
