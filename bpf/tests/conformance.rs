//! The vectors of the bpf_conformance project: the interpreter gives their results, and the decoder refuses what it must.
//!
//! The folder is named by `OPSWAP_CONFORMANCE_DIR`, else it is `../shared/conformance` beside the workspace. Without it
//! these tests say that they were skipped.

use std::path::{Path, PathBuf};

use opswap_bpf::interp::{Args, Budget, Calls, Machine, Protection, Regions, Stop, run};
use opswap_bpf::{HelperId, decode};

const MEMORY: u64 = 0x1000_0000;

fn vectors() -> Option<PathBuf> {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/conformance");
    let folder = std::env::var_os("OPSWAP_CONFORMANCE_DIR").map_or_else(beside, PathBuf::from);
    if folder.join("encoded.jsonl").is_file() {
        return Some(folder);
    }
    opswap_skips::skipped(format_args!("no conformance vectors in {}", folder.display()));
    None
}

/// The value of a string field in a line of JSON without escapes.
fn field<'a>(line: &'a str, name: &str) -> &'a str {
    let after = line.split_once(&format!("\"{name}\": \"")).map_or("", |(_, after)| after);
    after.split_once('"').map_or("", |(value, _)| value)
}

fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<u32> = hex.chars().filter_map(|c| c.to_digit(16)).collect();
    digits.chunks(2).map(|pair| u8::try_from(pair[0] << 4 | pair[1]).expect("a byte")).collect()
}

/// Helper 5 is the only one that the vectors call; any result will do.
struct Unwind;

impl Calls for Unwind {
    fn helper(&mut self, id: HelperId, args: Args, _: &mut Machine<'_>) -> Result<u64, Stop> {
        if id == HelperId(5) { Ok(args[0]) } else { Err(Stop::abort(format!("{id} does not exist"))) }
    }
}

fn run_vector(line: &str) -> Result<(), String> {
    let insns = decode(&bytes(field(line, "program"))).map_err(|error| error.to_string())?;
    let content = bytes(field(line, "memory"));
    let args = [if content.is_empty() { 0 } else { MEMORY }, content.len() as u64, 0, 0, 0];
    let mut memory = Regions::new().with("mem", MEMORY, content, Protection::ReadWrite);
    let outcome =
        run(&insns, args, &mut memory, &mut Unwind, Budget::default()).map_err(|trap| trap.to_string())?;
    let expected = field(line, "result");
    let found = format!("{:#x}", outcome.r0());
    let as_number = |text: &str| u64::from_str_radix(text.trim_start_matches("0x"), 16).ok();
    if as_number(expected) == Some(outcome.r0()) {
        Ok(())
    } else {
        Err(format!("r0 is {found}, not {expected}"))
    }
}

#[test]
fn every_vector_gives_its_result() {
    let Some(folder) = vectors() else { return };
    let text = std::fs::read_to_string(folder.join("encoded.jsonl")).expect("readable");
    let lines: Vec<&str> = text.lines().collect();
    let failed: Vec<String> = lines
        .iter()
        .filter_map(|line| run_vector(line).err().map(|reason| format!("{}: {reason}", field(line, "name"))))
        .collect();
    println!("{} of {} vectors pass", lines.len() - failed.len(), lines.len());
    assert_eq!(failed, Vec::<String>::new());
    assert_eq!(lines.len(), 313);
}

#[test]
fn unused_fields_must_be_zero() {
    let Some(folder) = vectors() else { return };
    let mut refused = 0;
    for entry in std::fs::read_dir(folder.join("negative")).expect("readable") {
        let path = entry.expect("readable").path();
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        if !name.starts_with("unused-") {
            continue;
        }
        let text = std::fs::read_to_string(&path).expect("readable");
        let (_, raw) = text.split_once("-- raw\n").unwrap_or_else(|| panic!("{name} has no bytes"));
        let raw = raw.split("\n-- ").next().unwrap_or_default();
        let error = decode(&bytes(raw)).expect_err(&name);
        assert!(error.kind.classic().contains("uses reserved fields"), "{name}: {error}");
        refused += 1;
    }
    println!("{refused} vectors with unused fields refused");
    assert_eq!(refused, 45);
}
