//! The command as a process: output, exit codes, one-line errors.

use std::io::Write as _;
use std::process::{Command, Output, Stdio};

struct Ran {
    code: Option<i32>,
    out: String,
    err: String,
}

fn opswap(args: &[&str], input: &str) -> Ran {
    let mut child = Command::new(env!("CARGO_BIN_EXE_opswap"))
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("starts");
    let mut stdin = child.stdin.take().expect("piped");
    // A command that does not read its input may be gone already.
    let _ = stdin.write_all(input.as_bytes());
    drop(stdin);
    let Output { status, stdout, stderr } = child.wait_with_output().expect("ends");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
    Ran { code: status.code(), out: text(stdout), err: text(stderr) }
}

/// Arguments, standard input, exit code, standard output, standard error.
type Case<'a> = (&'a [&'a str], &'a str, i32, &'a str, &'a str);

const INTERP: &str = "--engine=interp";

const CASES: &[Case<'_>] = &[
    (&["conformance", INTERP], "b7 00 00 00 2a 00 00 00  95 00 00 00 00 00 00 00\n", 0, "2a\n", ""),
    (
        &["conformance", "01 02 03 04", INTERP],
        "71 10 03 00 00 00 00 00 95 00 00 00 00 00 00 00",
        0,
        "4\n",
        "",
    ),
    (&["conformance", "00  00", INTERP], "bf 20 00 00 00 00 00 00 95 00 00 00 00 00 00 00", 0, "2\n", ""),
    (&["conformance", INTERP], "ff 00 00 00 00 00 00 00", 1, "", "opswap: insn0: unknown opcode ff\n"),
    (
        &["conformance", INTERP],
        "07 00 01 00 01 00 00 00",
        1,
        "",
        "opswap: insn0: BPF_ALU uses reserved fields: field `offset` is 1, it must be 0\n",
    ),
    (
        &["conformance", INTERP],
        "zz",
        2,
        "",
        "opswap: standard input: expected hexadecimal digits, found `z` as character 1\n",
    ),
    (
        &["conformance", "0", INTERP],
        "",
        2,
        "",
        "opswap: MEM_HEX: expected two hexadecimal digits for each byte, found 1 digits in all\n",
    ),
    (
        &["conformance", INTERP],
        "",
        2,
        "",
        "opswap: standard input: expected the instructions of a program, found nothing\n",
    ),
    (
        &["conformance", "--engine=warp"],
        "",
        2,
        "",
        "opswap: invalid value 'warp' for '--engine <ENGINE>' [possible values: jit, interp] (see `opswap --help`)\n",
    ),
    (
        &["conformance", "--elf", INTERP],
        "7f454c46",
        2,
        "",
        "opswap: standard input: not a BPF object: the file of 4 bytes ends within the file header\n",
    ),
    (&["frobnicate"], "", 2, "", "opswap: unrecognized subcommand 'frobnicate' (see `opswap --help`)\n"),
    (
        &["run", "/nonexistent/x.o", "--prog", "p"],
        "",
        2,
        "",
        "opswap: /nonexistent/x.o: No such file or directory (os error 2)\n",
    ),
    (
        &["run", "/dev/null", "--prog", "p", "--ctx", "xy"],
        "",
        2,
        "",
        "opswap: --ctx: expected hexadecimal digits, found `x` as character 1\n",
    ),
];

#[test]
fn output_and_exit_codes_are_as_documented() {
    for (args, input, code, out, err) in CASES {
        let ran = opswap(args, input);
        assert_eq!((ran.code, ran.out.as_str(), ran.err.as_str()), (Some(*code), *out, *err), "{args:?}");
    }
}

#[test]
fn an_object_is_as_good_as_instructions() {
    // An object without `main`, in hexadecimal, as the suite passes objects.
    let object =
        std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../runtime/tests/objects/plain.bpf.o");
    let bytes = std::fs::read(object).expect("readable");
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x} ")).collect::<String>();
    let ran = opswap(&["conformance", "--elf", INTERP], &hex(&bytes));
    assert_eq!(
        (ran.code, ran.err.as_str()),
        (Some(2), "opswap: standard input: the object has no function `main`\n")
    );
    // The same with its function `later` renamed: it calls helper 5 twice and compares.
    let mut renamed = bytes;
    while let Some(at) = renamed.windows(6).position(|window| window == b"later\0") {
        renamed[at..at + 6].copy_from_slice(b"main\0\0");
    }
    for engine in [INTERP, "--engine=jit"] {
        let ran = opswap(&["conformance", "--elf", engine], &hex(&renamed));
        assert_eq!((ran.code, ran.out.as_str(), ran.err.as_str()), (Some(0), "1\n", ""), "{engine}");
    }
}

#[test]
fn help_is_no_error_and_has_no_colour_in_a_pipe() {
    for args in [&["--help"][..], &["conformance", "--help"], &["run", "--help"], &["--version"]] {
        let ran = opswap(args, "");
        assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""), "{args:?}");
        assert!(!ran.out.is_empty() && !ran.out.contains('\u{1b}'), "{}", ran.out);
    }
    assert_eq!(opswap(&[], "").code, Some(2));
}

#[test]
fn a_closed_pipe_is_no_panic() {
    // The output goes nowhere: the reader is gone before the command writes.
    let mut child = Command::new(env!("CARGO_BIN_EXE_opswap"))
        .arg("--help")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("starts");
    drop(child.stdout.take());
    let output = child.wait_with_output().expect("ends");
    let err = String::from_utf8_lossy(&output.stderr);
    assert!(!err.contains("panicked"), "{err}");
}

#[test]
fn a_reader_that_is_gone_is_no_error_to_speak_of() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_opswap"))
        .args(["conformance", INTERP])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the command starts");
    drop(child.stdout.take());
    // It writes only when it has the whole program: nobody reads by then.
    let mut stdin = child.stdin.take().expect("piped");
    stdin.write_all(b"b7 00 00 00 2a 00 00 00  95 00 00 00 00 00 00 00").expect("it waits for its input");
    drop(stdin);
    let ended = child.wait_with_output().expect("the command ends");
    assert_eq!((ended.status.code(), String::from_utf8_lossy(&ended.stderr).as_ref()), (Some(141), ""));
}
