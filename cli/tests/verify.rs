//! `opswap verify` on objects of the examples: rows, text, exit codes. The host is this test's own binary, which declares what the
//! objects want, read from its file as any application's would be.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::AtomicU64;

use opswap::registry::Registry;
use opswap::{Btf, KRef, StructOps, kfunc, struct_ops};
use serde_json::{Value, json};

#[derive(Btf)]
#[repr(C)]
struct Request {
    #[btf(ro)]
    bytes: u64,
    #[btf(ro)]
    tenant: u32,
    priority: u32,
}

#[derive(Btf)]
#[repr(C)]
struct Account {
    #[btf(ro)]
    used: AtomicU64,
    #[btf(ro)]
    limit: u64,
}

/// The tenant's account.
#[kfunc]
fn account_get(tenant: u32) -> Option<KRef<Account>> {
    (tenant == 0).then(|| KRef::new(Account { used: AtomicU64::new(0), limit: 1 }))
}

#[kfunc]
fn account_put(account: KRef<Account>) {
    drop(account);
}

#[kfunc]
fn account_audit(account: &Account) -> u32 {
    u32::from(account.limit != 0)
}

#[struct_ops(name = "admission_ops")]
struct AdmissionOps {
    #[op(required)]
    admit: fn(request: &mut Request) -> u32,
    name: [u8; 16],
}

impl StructOps for AdmissionOps {}

fn object(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/bpf").join(name);
    path.to_str().expect("UTF-8").to_owned()
}

fn own_binary() -> PathBuf {
    std::env::current_exe().expect("this test is a file")
}

/// Exit code, standard output, standard error.
fn opswap(args: &[&str]) -> (Option<i32>, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_opswap")).args(args).output().expect("runs");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
    (output.status.code(), text(output.stdout), text(output.stderr))
}

/// The rows without what differs from run to run.
fn rows(args: &[&str]) -> (Option<i32>, Vec<Value>) {
    let (code, out, err) = opswap(args);
    assert_eq!(err, "", "{args:?}");
    let row = |line: &str| {
        let mut row: Value = serde_json::from_str(line).expect("JSON");
        assert!(row["verify_us"].is_u64());
        row["verify_us"] = json!(0);
        // Folders depend on where the object was compiled.
        for path in ["file", "source"] {
            row[path] = json!(row[path].as_str().and_then(|path| path.rsplit('/').next()));
        }
        row
    };
    (code, out.lines().map(row).collect())
}

/// Object, exit code, and of its one row: verdict, errno, message, code, category, instruction, source.
type Expected<'a> = (&'a str, i32, &'a str, Value);

fn expected() -> Vec<Expected<'static>> {
    vec![
        ("small.bpf.o", 0, "small_admit", json!(["accept", null, null, null, null, null, null])),
        ("audit.bpf.o", 0, "audit_admit", json!(["accept", null, null, null, null, null, null])),
        (
            "rejected_null.bpf.o",
            1,
            "null_admit",
            json!([
                "reject",
                "EACCES",
                "R0 invalid mem access 'ptr_or_null_'",
                "OSW0131",
                "memory",
                4,
                "rejected_null.bpf.c:11:56"
            ]),
        ),
        (
            "rejected_use_after_put.bpf.o",
            1,
            "stale_admit",
            json!([
                "reject",
                "EACCES",
                "R7 !read_ok",
                "OSW0201",
                "registers",
                9,
                "rejected_use_after_put.bpf.c:15:18"
            ]),
        ),
    ]
}

fn check(host: &str) {
    for (file, code, prog, fields) in expected() {
        let (found, rows) = rows(&["verify", &object(file), "--host", host, "--json"]);
        assert_eq!((found, rows.len()), (Some(code), 1), "{rows:?}");
        let row = &rows[0];
        assert_eq!((&row["file"], &row["prog"]), (&json!(file), &json!(prog)));
        assert_eq!(row["section"], json!("struct_ops/admit"));
        let names = ["verdict", "errno", "message", "code", "category", "insn", "source"];
        assert_eq!(Value::from_iter(names.map(|name| row[name].clone())), fields, "{file}");
        assert!(row["insns_processed"].as_u64() > Some(0), "{row}");
    }
}

#[test]
fn rows_say_what_the_verifier_found() {
    check(own_binary().to_str().expect("UTF-8"));
}

#[test]
fn an_interface_file_gives_the_same_rows() {
    let path = std::env::temp_dir().join(format!("opswap-verify-{}.btf", std::process::id()));
    let (host, file) = (own_binary(), path.to_str().expect("UTF-8"));
    let host = host.to_str().expect("UTF-8");
    assert_eq!(opswap(&["interface", host, "-o", file]), (Some(0), String::new(), String::new()));
    let linked = Registry::collect().expect("consistent").btf().to_bytes().expect("writable");
    assert_eq!(std::fs::read(&path).expect("readable"), linked);
    check(file);
    // The other readers of declarations agree too.
    for command in ["header", "inspect"] {
        let (code, out, err) = opswap(&[command, host]);
        assert_eq!((code, err.as_str()), (Some(0), ""));
        assert_eq!(opswap(&[command, file]).1, out);
    }
    std::fs::remove_file(path).expect("removed");
}

#[test]
fn a_binary_is_inspected_without_running_it() {
    let host = own_binary();
    let host = host.to_str().expect("UTF-8");
    let (code, out, _) = opswap(&["inspect", host, "--json"]);
    assert_eq!(code, Some(0));
    let rows: Vec<Value> = out.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let names: Vec<_> = rows.iter().map(|row| row["name"].as_str().unwrap_or_default()).collect();
    assert_eq!(names, ["account_audit", "account_get", "account_put", "admission_ops"]);
    assert_eq!(rows[1]["flags"], json!(["acquire", "ret_null"]));
    assert_eq!(rows[1]["doc"], json!("The tenant's account."));
    assert_eq!(rows[1]["prototype"], json!("struct Account *account_get(unsigned int tenant)"));
    assert_eq!(rows[3]["ops"][0]["name"], json!("admit"));
    assert_eq!(rows[3]["ops"][0]["presence"], json!("required"));
    let (_, text, _) = opswap(&["inspect", host]);
    assert!(text.contains("kfunc  struct Account *account_get(unsigned int tenant)\n"), "{text}");
    let (_, header, _) = opswap(&["header", host]);
    assert!(header.contains("account_get") && header.contains("struct admission_ops {"), "{header}");
    let (code, _, err) = opswap(&["inspect", env!("CARGO_BIN_EXE_opswap")]);
    assert_eq!((code, err.lines().count()), (Some(2), 1), "{err}");
}

#[test]
fn without_a_host_there_is_a_row_that_says_what_is_missing() {
    let (code, rows) = rows(&["verify", "--json", &object("small.bpf.o")]);
    assert_eq!((code, rows.len()), (Some(1), 1));
    assert_eq!(rows[0]["verdict"], json!("error"));
    let message = rows[0]["message"].as_str().expect("a message");
    assert!(message.contains("no struct_ops type `admission_ops`"), "{message}");
    // Every field of the row is there, in the documented order.
    let (_, out, _) = opswap(&["verify", "--json", &object("small.bpf.o")]);
    let places: Vec<usize> = [
        "file",
        "prog",
        "section",
        "verdict",
        "errno",
        "message",
        "code",
        "category",
        "insn",
        "source",
        "insns_processed",
        "total_states",
        "peak_states",
        "verify_us",
    ]
    .iter()
    .map(|name| out.find(&format!("\"{name}\":")).unwrap_or_else(|| panic!("no {name} in {out}")))
    .collect();
    assert!(places.is_sorted(), "{out}");
}

#[test]
fn unreadable_input_has_a_row_and_a_line_and_exit_code_2() {
    let good = object("small.bpf.o");
    let host = own_binary();
    let host = host.to_str().expect("UTF-8");
    let (code, out, err) = opswap(&["verify", "--json", "/dev/null", &good, "--host", host]);
    assert_eq!((code, out.lines().count(), err.lines().count()), (Some(2), 2, 1), "{out}{err}");
    assert!(err.starts_with("opswap: /dev/null: not a BPF object: "), "{err}");
    let (code, out, err) = opswap(&["verify", "/nonexistent.o"]);
    assert_eq!((code, out.as_str()), (Some(2), ""));
    assert_eq!(err, "opswap: /nonexistent.o: No such file or directory (os error 2)\n");
    let (code, _, err) = opswap(&["verify", &good, "--host", "/dev/null"]);
    assert_eq!((code, err.lines().count()), (Some(2), 1), "{err}");
    let (code, _, err) = opswap(&["verify", &good, "--prog", "nobody", "--host", host]);
    assert_eq!((code, err.as_str()), (Some(2), "opswap: --prog: no object has a program `nobody`\n"));
    let (code, _, err) = opswap(&["verify", "--linux"]);
    assert_eq!((code, err.lines().count()), (Some(2), 1), "{err}");
}

#[test]
fn people_get_the_report() {
    let host = own_binary();
    let host = host.to_str().expect("UTF-8");
    let (code, out, _) = opswap(&["verify", &object("rejected_null.bpf.o"), "--host", host]);
    assert_eq!(code, Some(1));
    for part in
        ["reject  ", "null_admit (struct_ops/admit)", "OSW0131", "account_get", "verify.rs:", "help: "]
    {
        assert!(out.contains(part), "{part} is not in\n{out}");
    }
    let (_, short, _) = opswap(&["verify", &object("rejected_null.bpf.o"), "--host", host, "--log", "0"]);
    assert_eq!(short.lines().count(), 1, "{short}");
    assert!(short.ends_with(": R0 invalid mem access 'ptr_or_null_'\n"), "{short}");
    let (_, long, _) = opswap(&["verify", &object("small.bpf.o"), "--host", host, "--log", "2"]);
    assert!(long.contains("\n0: R1=ctx() R10=fp0\n") && long.contains("(95) exit"), "{long}");
}

#[test]
fn an_accepted_program_is_dumped_in_four_forms() {
    let host = own_binary();
    let host = host.to_str().expect("UTF-8");
    for (form, part) in [
        ("bytecode", "\n   1: "),
        ("xlated", "exit\n"),
        ("jited", "\n; 0: "),
        ("cfg", "digraph \"small_admit\" {\n"),
    ] {
        let (code, out, err) =
            opswap(&["dump", &object("small.bpf.o"), "--host", host, "--prog", "small_admit", form]);
        assert_eq!((code, err.as_str()), (Some(0), ""), "{form}");
        assert!(out.contains(part), "{form}:\n{out}");
    }
    let (code, out, err) =
        opswap(&["dump", &object("rejected_null.bpf.o"), "--host", host, "--prog", "null_admit", "cfg"]);
    assert_eq!((code, out.as_str()), (Some(1), ""));
    assert!(err.starts_with("opswap: program `null_admit` was rejected: "), "{err}");
}

#[test]
fn codes_are_explained() {
    let (code, out, _) = opswap(&["explain", "osw0131"]);
    assert_eq!(code, Some(0));
    assert!(out.starts_with("OSW0131: ") && out.contains("What to do: "), "{out}");
    assert!(out.contains("\nRefused:\n") && out.contains("\nRepaired:\n"), "{out}");
    assert!(out.contains("\n    op(flow: &mut Flow, "), "{out}");
    let advice = "`opswap explain` lists them all";
    for (wrong, said) in [
        ("OSW9999", "codes look like `OSW0103`;"),
        ("OSW0139", "did you mean `OSW0109`?"),
        ("131", "did you mean `OSW0131`?"),
        ("NullAccess", "did you mean `OSW0131`?"),
    ] {
        let (code, _, err) = opswap(&["explain", wrong]);
        let expected = format!("opswap: CODE: there is no rejection `{wrong}`; {said} {advice}\n");
        assert_eq!((code, err), (Some(2), expected));
    }
    let (code, out, _) = opswap(&["explain"]);
    assert_eq!(code, Some(0));
    assert!(out.starts_with("memory safety\n  OSW0101  The access may lie outside"), "{out}");
    assert!(out.contains("\ninternal error\n  OSW0901  "), "{out}");
}
