//! The records of a built binary, read from its file: this test's own, which can be compared with what was linked.

use opswap::declare::{DiskError, DiskRecords, OpsMemberDecl, StructOpsDecl};
use opswap::registry::{Records, Registry};
use opswap::{Btf, KRef, StructOps, kfunc, struct_ops};

/// A flow.
#[derive(Btf)]
#[repr(C)]
struct Flow {
    cwnd: u32,
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

/// Adds to the window.
#[kfunc]
fn disk_add(flow: &mut Flow, by: u32, mode: Mode, name: &[u8]) -> u32 {
    let _ = (mode, name, &flow.next, &flow.note);
    flow.cwnd += by;
    flow.cwnd
}

#[kfunc(acquire, ret_null)]
fn disk_path(flow: &Flow) -> Option<KRef<Path>> {
    flow.path.clone()
}

#[kfunc(release)]
fn disk_put(path: KRef<Path>) {
    drop(path);
}

/// Operations.
#[struct_ops(name = "disk_ops")]
struct DiskOps {
    /// An acknowledgement.
    #[op(required)]
    on_ack: fn(flow: &mut Flow, acked: u32) -> u32,
    #[op(sleepable)]
    init: Option<fn(flow: &mut Flow)>,
    flags: u32,
}

impl StructOps for DiskOps {}

fn own_file() -> Vec<u8> {
    std::fs::read(std::env::current_exe().expect("this test is a file")).expect("readable")
}

#[test]
fn what_is_on_disk_is_what_was_linked() {
    assert_eq!(Mode::Fast as u8, 7);
    let linked = Registry::collect().expect("consistent");
    let read = Registry::from_binary(&own_file()).expect("readable");
    assert_eq!(read.btf().to_bytes(), linked.btf().to_bytes());
    assert_eq!(read.kfuncs().len(), 3);
    for (read, linked) in read.kfuncs().iter().zip(linked.kfuncs()) {
        assert_eq!(read.proto, linked.proto);
        assert_eq!(read.doc, linked.doc);
    }
    assert_eq!(read.tables().len(), 1);
    assert_eq!(read.tables()[0].proto, linked.tables()[0].proto);
    assert_eq!(read.kfunc_addr(opswap::bpf::KfuncId(0)), None);
    // The raw records too, where they can be compared.
    let (disk, memory) = (DiskRecords::read(&own_file()).expect("readable"), Records::linked());
    assert_eq!(disk.types, memory.types);
    assert_eq!(disk.tables.len(), memory.tables.len());
    for (read, linked) in disk.tables.iter().zip(memory.tables) {
        // A stub of this process is code; one in a file is checked and left out.
        assert!(linked.members.iter().any(|member| member.stub.is_some()));
        let members: Vec<_> =
            linked.members.iter().map(|member| OpsMemberDecl { stub: None, ..*member }).collect();
        assert_eq!(read.members, members);
        assert_eq!(StructOpsDecl { members: linked.members, ..*read }, *linked);
    }
}

#[test]
fn other_files_are_refused_with_a_reason() {
    assert!(matches!(DiskRecords::read(b""), Err(DiskError::NotABinary { .. })));
    assert!(matches!(DiskRecords::read(b"\x7fELF"), Err(DiskError::NotABinary { .. })));
    // A binary that declares nothing: the dynamic loader or the shell will do, where there is one.
    if let Ok(shell) = std::fs::read("/bin/sh") {
        assert_eq!(DiskRecords::read(&shell).map(|_| ()), Err(DiskError::Nothing));
    } else {
        opswap_skips::skipped("no /bin/sh");
    }
}

#[test]
fn damaged_files_never_panic() {
    let good = own_file();
    let mut seed = 0x1234_5678_9abc_def1_u64;
    let mut next = || {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        usize::try_from(seed >> 1).expect("64 bits")
    };
    let mut refused = 0;
    for _ in 0..60 {
        let mut bad = good.clone();
        // Headers, and anywhere: a flipped byte each.
        for _ in 0..4 {
            let (low, any) = (next() % 1024, next() % bad.len());
            bad[low] ^= 1 << (next() % 8);
            bad[any] ^= 1 << (next() % 8);
        }
        refused += u32::from(DiskRecords::read(&bad).is_err());
    }
    assert!(DiskRecords::read(&good[..good.len() / 2]).is_err());
    println!("{refused} of 60 were refused");
}
