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
    assert!(
        err.ends_with("plain.bpf.o: no program `nobody`; it has `add`, `say`, `fill` and `later`\n"),
        "{err}"
    );
    let (code, _, err) = opswap(&["--prog", "add", "--repeat", "0"]);
    assert_eq!((code, err.lines().count()), (Some(2), 1), "{err}");
}

#[test]
fn data_is_for_linux_only() {
    let (code, _, err) = opswap(&["--prog", "add", "--data", "00"]);
    assert_eq!((code, err.lines().count()), (Some(2), 1), "{err}");
    assert!(err.contains("--linux"), "{err}");
}

#[test]
fn a_kernels_program_runs_on_a_packet() {
    let clang = Path::new("/usr/bin/clang-19");
    if !clang.exists() || !Path::new("/sys/kernel/btf/vmlinux").exists() {
        opswap_skips::skipped("clang-19 or the running kernel's types are missing");
        return;
    }
    let dir = std::env::temp_dir().join(format!("opswap-run-{}", std::process::id()));
    std::fs::create_dir_all(&dir).expect("a folder");
    let (source, object) = (dir.join("packet.bpf.c"), dir.join("packet.bpf.o"));
    std::fs::write(&source, PACKET_PROGRAM).expect("the source");
    let flags = ["-target", "bpf", "-mcpu=v3", "-O2", "-g", "-c"];
    let compiled = Command::new(clang).args(flags).arg(&source).arg("-o").arg(&object).status();
    assert!(compiled.expect("clang").success());
    for engine in ["jit", "interp"] {
        for (data, expected) in [(None, "0x40"), (Some("000102030405060708090a0b0c0d0e0f"), "0x110e")] {
            let mut command = Command::new(env!("CARGO_BIN_EXE_opswap"));
            command.arg("run").arg(&object).args([
                "--prog",
                "first_bytes",
                "--linux",
                "--engine",
                engine,
                "--json",
            ]);
            command.args(data.map(|data| format!("--data={data}")));
            let output = command.output().expect("runs");
            let row: Value =
                serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"));
            assert_eq!(row["retval"], json!(expected), "{engine} {data:?}");
        }
    }
    std::fs::remove_dir_all(&dir).expect("the folder is ours");
}

/// The packet's length, or if that is 16: byte 15 plus 2, then byte 14.
const PACKET_PROGRAM: &str = r#"
struct __sk_buff { unsigned len, rest[18], data, data_end; };
__attribute__((section("tc"), used)) int first_bytes(struct __sk_buff *skb)
{
    unsigned char *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;
    if (skb->len != 16)
        return skb->len;
    if (data + 16 > end)
        return -1;
    return (data[15] + (skb->len >> 3)) << 8 | data[14];
}
char _license[] __attribute__((section("license"))) = "GPL";
"#;
