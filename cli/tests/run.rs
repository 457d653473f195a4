//! `opswap run` on an object of the runtime's tests.

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

fn opswap(args: &[&str]) -> (Option<i32>, String, String) {
    let object = Path::new(env!("CARGO_MANIFEST_DIR")).join("../runtime/tests/objects/plain.bpf.o");
    let output =
        Command::new(env!("CARGO_BIN_EXE_opswap")).arg("run").arg(object).args(args).output().expect("runs");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
    (output.status.code(), text(output.stdout), text(output.stderr))
}

const ONE_AND_TWO: &str = "01000000000000000200000000000000";

#[test]
fn both_engines_give_the_result() {
    for engine in ["jit", "interp"] {
        let (code, out, err) =
            opswap(&["--prog", "add", "--ctx", ONE_AND_TWO, "--repeat", "3", "--engine", engine, "--json"]);
        assert_eq!((code, err.as_str(), out.lines().count()), (Some(0), "", 1), "{out}");
        let row: Value = serde_json::from_str(&out).expect("JSON");
        // The context stays from run to run: 2 + 1, + 1, + 1.
        assert_eq!((&row["prog"], &row["retval"], &row["runs"]), (&json!("add"), &json!("0x5"), &json!(3)));
        assert_eq!(row["engine"], json!(engine));
        assert!(
            row["ns_per_run"].is_f64()
                && row["insns"].as_u64() > Some(2)
                && row["jited_bytes"].as_u64() > Some(0)
        );
    }
}

#[test]
fn maps_work_and_text_is_for_people() {
    // Two entries fit; the third update fails with -E2BIG.
    let (code, out, _) = opswap(&["--prog", "fill", "--ctx", ONE_AND_TWO]);
    assert_eq!(code, Some(0));
    assert!(out.starts_with("fill returned 0xfffffffffffffff9\n"), "{out}");
}

#[test]
fn what_cannot_be_run_says_why() {
    let (code, out, err) = opswap(&["--prog", "add"]);
    assert_eq!((code, out.as_str()), (Some(1), ""));
    assert_eq!(err, "opswap: program `add` was rejected: R1 invalid mem access 'scalar'\n");
    let (code, _, err) = opswap(&["--prog", "nobody"]);
    assert_eq!(code, Some(2));
    assert!(err.ends_with("plain.bpf.o: no program `nobody`; it has: add, fill, say, later\n"), "{err}");
    let (code, _, err) = opswap(&["--prog", "add", "--repeat", "0"]);
    assert_eq!((code, err.lines().count()), (Some(2), 1), "{err}");
}
