//! The ISA conformance vectors of the bpf_conformance project, read from `OPSWAP_CONFORMANCE_DIR` or from beside the workspace.

use std::path::PathBuf;

use opswap_bpf::decode::decode;
use serde_json::Value;

use crate::tests::harness::machine::call;
use crate::tests::harness::{TestLinker, buffer_entry, prove};
use crate::{RunHeader, compile};

/// Vectors that must pass.
const WANTED: usize = 305;

fn vectors() -> Option<String> {
    let beside = || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/conformance"));
    let folder = std::env::var_os("OPSWAP_CONFORMANCE_DIR").map_or_else(beside, PathBuf::from);
    std::fs::read_to_string(folder.join("encoded.jsonl")).ok()
}

fn field<'a>(row: &'a Value, name: &str) -> &'a str {
    row[name].as_str().unwrap_or_else(|| panic!("`{name}` is a string in {row}"))
}

fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<char> = hex.chars().filter(|digit| !digit.is_whitespace()).collect();
    let byte = |pair: &[char]| u8::from_str_radix(&pair.iter().collect::<String>(), 16);
    digits.chunks(2).map(|pair| byte(pair).expect("two hex digits")).collect()
}

fn run(row: &Value) -> Result<(), String> {
    let mut memory = bytes(field(row, "memory"));
    let insns = decode(&bytes(field(row, "program"))).map_err(|error| error.to_string())?;
    let program = prove(&insns, buffer_entry(memory.len() as u32), &[])?;
    let executable = compile(&program, &TestLinker::default()).map_err(|error| error.to_string())?;
    let expected = field(row, "result").trim_start_matches("0x");
    let expected = u64::from_str_radix(expected, 16).map_err(|error| error.to_string())?;
    let found = call(&executable, &mut memory, &RunHeader::default());
    if found == expected { Ok(()) } else { Err(format!("expected {expected:#x}, found {found:#x}")) }
}

#[test]
fn conformance_vectors() {
    let Some(text) = vectors() else {
        opswap_skips::skipped("no encoded.jsonl in OPSWAP_CONFORMANCE_DIR nor in ../shared/conformance");
        return;
    };
    let mut failures = Vec::new();
    let mut count = 0;
    for line in text.lines() {
        let row: Value = serde_json::from_str(line).expect("each line is a JSON object");
        count += 1;
        if let Err(why) = run(&row) {
            failures.push(format!("{}: {why}", field(&row, "name")));
        }
    }
    println!("{} of {count} vectors passed; failures: {failures:#?}", count - failures.len());
    assert!(count - failures.len() >= WANTED, "{failures:#?}");
}
