//! The C header of declarations: its text, and that clang lays everything out as rustc did.

use std::process::Command;

use opswap::{Btf, KRef, StructOps, kfunc, struct_ops};

/// A connection.
#[derive(Btf)]
#[repr(C)]
struct Conn {
    id: u32,
    #[btf(skip)]
    secret: [u8; 20],
    mode: Mode,
    seen: u64,
    last: Stamp,
    history: [Stamp; 3],
    next: Option<Box<Conn>>,
    #[btf(skip)]
    notes: String,
}

#[derive(Btf, Clone, Copy)]
#[repr(C)]
struct Stamp {
    at: u64,
    by: u16,
}

#[derive(Btf, Clone, Copy)]
#[repr(u8)]
enum Mode {
    Idle,
    Busy = 9,
}

#[derive(Btf, Clone, Copy)]
#[repr(i64)]
enum Wide {
    Least = i64::MIN,
    Most = i64::MAX,
}

/// Finds a connection.
///
/// The caller owns what it gets. */ not the end
#[kfunc(acquire, ret_null)]
fn conn_find(id: u32, mode: Mode, wide: Wide) -> Option<KRef<Conn>> {
    let _ = (id, mode, wide);
    None
}

#[kfunc(release)]
fn conn_put(conn: KRef<Conn>) {
    drop(conn);
}

#[kfunc(deprecated = "use \"conn_find\"")]
fn conn_log(conn: &Conn, text: &[u8], other: Option<&Conn>) {
    let _ = (conn.seen, conn.id, text, other);
}

#[struct_ops(name = "conn_ops")]
struct ConnOps {
    /// A packet arrived.
    #[op(required)]
    packet: fn(conn: &mut Conn, bytes: u32) -> u32,
    #[op(sleepable)]
    open: Option<fn(conn: &mut Conn)>,
    name: [u8; 16],
}

impl StructOps for ConnOps {}

fn header() -> String {
    let registry = opswap::registry::Registry::collect().expect("sound declarations");
    opswap::header::c_header(&registry)
}

#[test]
fn says_what_authors_need() {
    let text = header();
    for expected in [
        "struct Conn;\n",
        "/* A connection. */\nstruct Conn {\n\tunsigned int id;\n\tunsigned char __hidden0[20];\n\tenum Mode mode;\n",
        "enum Mode : unsigned char {\n\tMode_Idle = 0,\n\tMode_Busy = 9,\n};",
        "extern struct Conn *conn_find(unsigned int id, enum Mode mode, enum Wide wide) __ksym;",
        " * The caller owns what it gets. * / not the end\n * [acquire, ret_null]\n */\n",
        "__ksym __attribute__((deprecated(\"use \\\"conn_find\\\"\")));",
        "const void *text, unsigned int text__sz, struct Conn *other__nullable)",
        "\t/*\n\t * A packet arrived.\n\t * required\n\t */\n\tunsigned int (*packet)(struct Conn *conn, unsigned int bytes);",
        "\t/* may sleep */\n\tvoid (*open)(struct Conn *conn);",
    ] {
        assert!(text.contains(expected), "expected:\n{expected}\nin:\n{text}");
    }
    assert!(
        text.find("struct Stamp {") < text.find("struct Conn {"),
        "complete before it is a member:\n{text}"
    );
}

#[test]
fn clang_agrees_with_rustc() {
    let dir = std::path::Path::new(env!("CARGO_TARGET_TMPDIR"));
    let path = dir.join("generated_header.c");
    std::fs::write(&path, header()).expect("a writable folder");
    let run = Command::new("clang-19")
        .args([
            "-target",
            "bpf",
            "-Wall",
            "-Werror",
            "-Wno-unused",
            "-Wno-pragma-once-outside-header",
            "-c",
            "-o",
            "/dev/null",
        ])
        .arg(&path)
        .output();
    match run {
        Err(error) => opswap_skips::skipped(format_args!("clang-19 does not run here ({error})")),
        Ok(output) => {
            assert!(output.status.success(), "{}\n{}", String::from_utf8_lossy(&output.stderr), header())
        }
    }
}
