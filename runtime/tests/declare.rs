//! Declarations as their authors write them: what the macros leave in the registry.

use opswap::{Btf, Errno, KRef, StructOps, kfunc, struct_ops};

/// A flow.
#[derive(Btf)]
#[repr(C)]
struct Flow {
    cwnd: u32,
    ssthresh: u32,
    #[btf(ro)]
    delivered: u64,
    next: *mut Flow,
    path: Option<KRef<Path>>,
    #[btf(skip)]
    note: String,
}

#[derive(Btf)]
#[repr(C)]
struct Path {
    losses: std::sync::atomic::AtomicU32,
}

#[derive(Btf, Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
enum Mode {
    Slow,
    Fast = 7,
}

/// Adds.
#[kfunc]
fn flow_add(flow: &mut Flow, by: u32, mode: Mode) -> u32 {
    let _ = mode;
    flow.cwnd += by;
    flow.cwnd
}

#[kfunc(acquire, ret_null)]
fn flow_path(flow: &Flow) -> Option<KRef<Path>> {
    flow.path.clone()
}

#[kfunc(release)]
fn path_put(path: KRef<Path>) {
    drop(path);
}

#[kfunc]
fn path_of<'a>(flow: &'a Flow, name: &[u8], other: &Path) -> Option<&'a Path> {
    let _ = (name, other);
    flow.path.as_deref()
}

#[kfunc(sleepable, name = "sum_of")]
fn sum(bytes: &[u8], out: &mut [u8], flag: bool) -> Result<u32, Errno> {
    out.fill(0);
    if flag { Ok(bytes.iter().map(|byte| u32::from(*byte)).sum()) } else { Err(Errno::EINVAL) }
}

#[struct_ops(name = "cong_ops")]
struct CongestionOps {
    /// Acknowledged.
    #[op(required)]
    on_ack: fn(flow: &mut Flow, acked: u32) -> u32,
    #[op(sleepable)]
    init: Option<fn(flow: &mut Flow, peer: Option<&Path>)>,
    #[op(unsupported)]
    undo: fn(flow: &mut Flow) -> u32,
    take: Option<fn(path: KRef<Path>) -> Option<KRef<Path>>>,
    name: [u8; 16],
    flags: u32,
}

impl StructOps for CongestionOps {}

#[test]
fn every_declaration_is_collected() {
    assert_eq!(opswap::registry::OPSWAP_KFUNCS.len(), 5);
    assert_eq!(opswap::registry::OPSWAP_TYPES.len(), 3);
    assert_eq!(opswap::registry::OPSWAP_STRUCT_OPS.len(), 1);
}

#[test]
fn the_interface_is_the_whole_contract() {
    let inside = opswap::registry::Registry::collect().expect("sound declarations");
    let read = opswap::registry::Registry::from_interface(opswap::bpf::Btf::clone(inside.btf()))
        .expect("an interface");
    assert_eq!(inside.kfuncs().len(), 5);
    assert!(inside.kfuncs().iter().zip(read.kfuncs()).all(|(a, b)| a.proto == b.proto && a.doc == b.doc));
    assert!(inside.tables().iter().zip(read.tables()).all(|(a, b)| a.proto == b.proto));
}
