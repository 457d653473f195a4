//! The test module's functions and tables at work: called by programs, registered, wrapped in prologues and epilogues.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::Ordering;

use opswap::{LoadError, Object, Runtime};
use testmod::check::{bpf_kfunc_call_test1, bpf_kfunc_call_test2, test_number};
use testmod::tables::{
    BpfTestmodOps, BpfTestmodStOps, TESTMOD_ST_OPS, bpf_kfunc_st_ops_test_epilogue,
    bpf_kfunc_st_ops_test_pro_epilogue, bpf_kfunc_st_ops_test_prologue, register,
};
use testmod::types::{AddrArgs, InitSockArgs, PROG_TEST_STRUCT, Sock, StOpsArgs};
use testmod::{sockets, test_run};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("bpf")
}

/// The error and what it came from.
fn chain(error: &dyn std::error::Error) -> String {
    let rest = error.source().map(chain).unwrap_or_default();
    format!("{error}\n{rest}")
}

fn runtime() -> Runtime {
    Runtime::builder().standalone("syscall").standalone("xdp").build().expect("sound declarations")
}

fn object() -> Object {
    // All but the program whose section begins with `?`.
    runtime().load(folder().join("testmod.bpf.o")).unwrap_or_else(|error| panic!("{}", chain(&error)))
}

fn run(name: &str) -> i64 {
    let program = runtime().load_one(folder().join("testmod.bpf.o"), name);
    let program = program.unwrap_or_else(|error| panic!("{name}: {}", chain(&error)));
    program.run(&mut []).unwrap_or_else(|fault| panic!("{name}: {fault}")).cast_signed()
}

#[test]
fn programs_get_what_linux_gives_them() {
    assert_eq!(run("signs"), -1234);
    assert_eq!(run("reference"), 42 + 108);
    assert_eq!(run("memory"), 42 + 108);
    assert_eq!(run("sequence"), 3 * (7 + 1 + 7));
    assert_eq!(run("structs"), 0);
    assert_eq!(PROG_TEST_STRUCT.cnt.load(Ordering::Relaxed), 1, "every reference came back");
}

/// The program must be refused by the verifier.
fn is_rejected(name: &str) {
    match runtime().load_one(folder().join("testmod.bpf.o"), name) {
        Err(LoadError::Rejected { .. }) => {}
        Err(other) => panic!("{name}: refused for another reason: {}", chain(&other)),
        Ok(_) => panic!("{name}: accepted"),
    }
}

#[test]
fn a_set_keeps_other_programs_out() {
    is_rejected("not_for_xdp");
}

#[test]
fn a_struct_with_a_pointer_is_no_memory() {
    is_rejected("forged_pointer");
}

#[test]
fn registering_a_table_calls_its_first_operations() {
    let object = object();
    let table = object.struct_ops::<BpfTestmodOps>("testmod");
    let table = table.unwrap_or_else(|error| panic!("{}", chain(&error)));
    let link = register(&table).expect("a free slot");
    assert_eq!(test_number(), 4 + 100);
    assert!(register(&table).is_err(), "one table at a time");
    link.detach();
}

#[test]
fn prologues_and_epilogues_stand_around_the_programs() {
    let mut args = StOpsArgs { a: 0 };
    assert_eq!(bpf_kfunc_st_ops_test_prologue(&mut args), -1, "nothing is registered");
    let object = object();
    let table = object.struct_ops::<BpfTestmodStOps>("st_ops");
    let table = table.unwrap_or_else(|error| panic!("{}", chain(&error)));
    let _link = table.attach(&TESTMOD_ST_OPS).expect("a free slot");

    assert_eq!(bpf_kfunc_st_ops_test_prologue(&mut args), 1000 + 10 + 1);
    assert_eq!(args.a, 1000 + 10 + 1);
    args.a = 0;
    assert_eq!(bpf_kfunc_st_ops_test_epilogue(&mut args), 2 * (10 + 2 + 10_000));
    args.a = 0;
    assert_eq!(bpf_kfunc_st_ops_test_pro_epilogue(&mut args), 2 * (1000 + 10 + 3 + 10_000));
    assert_eq!(args.a, 1000 + 10 + 3 + 10_000);
}

#[test]
fn functions_compute_what_linux_computes() {
    let socket = Sock::default();
    assert_eq!(bpf_kfunc_call_test1(&socket, 1, 2, 3, 4), 10);
    assert_eq!(bpf_kfunc_call_test2(&socket, 1, 2), 3);
    assert_eq!(test_run::bpf_fentry_test1(1), 2);
    let mut number = 2;
    assert_eq!((test_run::bpf_modify_return_test(1, &mut number), number), (4, 3));
    assert_eq!(test_run::bpf_test_modorder_retx(), i32::from(b'x'));
}

#[test]
fn the_socket_listens() {
    assert_eq!(sockets::bpf_kfunc_call_kernel_listen(), -libc::EPERM, "no socket");
    let mut how = InitSockArgs { af: libc::AF_INET, kind: libc::SOCK_STREAM };
    assert_eq!(sockets::bpf_kfunc_init_sock(&mut how), 0);
    assert_eq!(sockets::bpf_kfunc_init_sock(&mut how), -libc::EPERM, "there is one already");
    let mut address = AddrArgs { addr: [0; 128], addrlen: 16 };
    address.addr[..8].copy_from_slice(&[libc::AF_INET as u8, 0, 0, 0, 127, 0, 0, 1]);
    assert_eq!(sockets::bpf_kfunc_call_kernel_bind(&mut address), 0);
    assert_eq!(sockets::bpf_kfunc_call_kernel_listen(), 0);
    assert_eq!(sockets::bpf_kfunc_call_kernel_getsockname(&mut address), 0);
    assert_eq!(address.addrlen, 16);
    assert_ne!(address.addr[2..4], [0, 0], "a port was chosen");
    assert_eq!(sockets::bpf_kfunc_call_kernel_getpeername(&mut address), -libc::ENOTCONN);
    address.addrlen = 129;
    assert_eq!(sockets::bpf_kfunc_call_kernel_connect(&mut address), -libc::EINVAL);
    sockets::bpf_kfunc_close_sock();
}

#[test]
fn the_committed_object_is_what_its_source_compiles_to() {
    if Command::new("clang-19").arg("--version").output().is_err() {
        opswap_skips::skipped("clang-19 is not installed");
        return;
    }
    let out = Path::new(env!("CARGO_TARGET_TMPDIR")).join("testmod-bpf");
    std::fs::create_dir_all(&out).expect("the target folder is writable");
    let built =
        Command::new("sh").arg(folder().join("build.sh")).arg(&out).output().expect("there is a shell");
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    let read = |folder: &Path| std::fs::read(folder.join("testmod.bpf.o")).expect("an object");
    assert!(read(&out) == read(&folder()), "run testmod/bpf/build.sh");
}
