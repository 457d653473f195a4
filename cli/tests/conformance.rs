//! The vectors of the bpf_conformance project through `opswap conformance`, with both engines.
//!
//! The folder is named by `OPSWAP_CONFORMANCE_DIR`, else it is `../shared/conformance` beside the workspace. Without it
//! these tests say that they were skipped.

use std::path::{Path, PathBuf};

use opswap_cli::args::Engine;
use opswap_cli::{conformance, hex};

/// Vectors that must pass with each engine, of 313.
const REQUIRED: usize = 305;

fn vectors() -> Option<String> {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/conformance");
    let folder = std::env::var_os("OPSWAP_CONFORMANCE_DIR").map_or_else(beside, PathBuf::from);
    let text = std::fs::read_to_string(folder.join("encoded.jsonl")).ok();
    if text.is_none() {
        opswap_skips::skipped(format_args!("no conformance vectors in {}", folder.display()));
    }
    text
}

fn failures(text: &str, engine: Engine) -> Vec<String> {
    let failures = text.lines().filter_map(|line| {
        let vector: serde_json::Value = serde_json::from_str(line).expect("JSON");
        let field = |name: &str| vector[name].as_str().unwrap_or_default();
        let bytes = |name: &str| hex::parse(field(name)).expect("hexadecimal");
        let expected = u64::from_str_radix(field("result").trim_start_matches("0x"), 16).expect("a number");
        let found = conformance::instructions(&bytes("program"))
            .and_then(|insns| conformance::run(insns, bytes("memory"), engine));
        match found {
            Ok(r0) if r0 == expected => None,
            Ok(r0) => Some(format!("{}: r0 is {r0:#x}, not {expected:#x}", field("name"))),
            Err(failure) => Some(format!("{}: {}", field("name"), failure.line().unwrap_or_default())),
        }
    });
    failures.collect()
}

fn check(engine: Engine) {
    let Some(text) = vectors() else { return };
    let (all, failures) = (text.lines().count(), failures(&text, engine));
    println!("{engine:?}: {} of {all} vectors pass", all - failures.len());
    failures.iter().for_each(|failure| println!("  {failure}"));
    assert!(all - failures.len() >= REQUIRED, "only {} of {all} pass: {failures:#?}", all - failures.len());
}

#[test]
fn the_interpreter_gives_the_results() {
    check(Engine::Interp);
}

#[test]
fn compiled_code_gives_the_results() {
    check(Engine::Jit);
}
