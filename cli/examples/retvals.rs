//! Runs Linux's self-tests that say what they return, in both engines.
//!
//! `OPSWAP_VERDICTS=DIR cargo run --release -p opswap-cli --example retvals [FILE-PREFIX [PROGRAM]]`
//!
//! `DIR` holds object files in `o/` and the `vmlinux.btf` of a kernel. A test states its result in a BTF tag
//! (`comment:test_retval=N`). Prints every program that gives something else, then the counts.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use opswap::bpf::btf::BtfType;
use opswap::bpf::insn::{CallTarget, Insn};
use opswap::bpf::{Btf, BtfId};
use opswap::loader::ObjectFile;
use opswap::{Engine, Program, Runtime, UpdateMode};
use opswap_cli::kernel;
use opswap_linux::Linux;

/// Bytes of the packet that the tests are run on.
const PACKET: usize = 64;
/// What stands before a result in its tag.
const TAG: &str = "comment:test_retval=";

/// Arrays that the tests' own runner fills.
const FILLED: [&str; 2] = ["map_array_48b", "map_array_ro"];

/// A program and what it should return; `None` for any pointer.
struct Case {
    name: String,
    expected: Option<u32>,
}

/// What came of a case.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Outcome {
    Right,
    CallsKfunc,
    NotLoaded,
    NeedsKernel,
    Wrong,
}

fn parse(text: &str) -> Option<u32> {
    let text = text.trim();
    if let Some(hex) = text.strip_prefix("0x") {
        return u32::from_str_radix(hex, 16).ok();
    }
    match text {
        "TEST_DATA_LEN" => Some(PACKET as u32),
        _ => text.parse::<i64>().ok().map(|value| value as u32),
    }
}

fn cases(btf: &Btf) -> Vec<Case> {
    let ids = (1..).map(BtfId).take_while(|&id| btf.get(id).is_some());
    let tagged = ids.filter_map(|id| match btf.get(id) {
        Some(BtfType::DeclTag { name, of, .. }) => {
            let value = name.strip_prefix(TAG)?;
            let name = btf.name_of(*of).to_owned();
            Some(Case { name, expected: parse(value) })
        }
        _ => None,
    });
    tagged.collect()
}

/// Whether a program calls a kfunc, one of this kernel's or one that only the tests' own module has.
fn calls_kfunc(object: &ObjectFile, index: usize, linux: &Linux) -> bool {
    match object.link(index, linux.kind(object, index), linux) {
        Ok(program) => {
            let call = |insn: &Insn| matches!(insn, Insn::Call { target: CallTarget::Kfunc { .. } });
            program.insns.iter().any(call)
        }
        Err(error) => {
            error.to_string().contains("no such kfunc") || {
                let mut source = std::error::Error::source(&error);
                let mut found = false;
                while let Some(error) = source {
                    found |= error.to_string().contains("no such kfunc");
                    source = error.source();
                }
                found
            }
        }
    }
}

/// What the tests' own runner puts into these maps before it runs a program: a `struct test_val` whose `index` is 28 and whose
/// `foo[6]` is 0xabcdef12.
fn fill_maps(program: &Program) {
    for map in program.maps().iter().filter(|map| FILLED.contains(&map.proto().name.as_str())) {
        let mut value = vec![0; map.proto().value_size as usize];
        for (at, number) in [(0, 28_u32), (28, 0xabcd_ef12)] {
            if let Some(bytes) = value.get_mut(at..at + 4) {
                bytes.copy_from_slice(&number.to_le_bytes());
            }
        }
        let filled = map.update(&[0; 4], &value, UpdateMode::Any);
        filled.unwrap_or_else(|error| panic!("{}: {error}", map.proto().name));
    }
}

fn judge(
    runtime: &Runtime,
    bytes: &[u8],
    object: &ObjectFile,
    case: &Case,
    linux: &Linux,
) -> (Outcome, String) {
    let Some(index) = object.programs().iter().position(|image| image.name == case.name) else {
        return (Outcome::NotLoaded, "no such program".to_owned());
    };
    if calls_kfunc(object, index, linux) {
        return (Outcome::CallsKfunc, String::new());
    }
    let packet = linux.packet(&linux.kind(object, index), &[0; PACKET]);
    for engine in [Engine::Jit, Engine::Interpreter] {
        // Loaded anew: a run may leave something in its maps.
        let program = match runtime.load_one(bytes, &case.name) {
            Ok(program) => program,
            Err(error) => return (Outcome::NotLoaded, opswap_cli::failure::chain(&error)),
        };
        fill_maps(&program);
        let value = match program.run_packet(engine, &packet) {
            Ok(value) => value as u32,
            Err(error) => return (Outcome::NeedsKernel, format!("{engine:?}: {error}")),
        };
        if let Some(expected) = case.expected.filter(|&expected| expected != value) {
            return (Outcome::Wrong, format!("{engine:?} gives {value}, expected {expected}"));
        }
    }
    (Outcome::Right, String::new())
}

fn files(dir: &Path, prefix: &str) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(dir.join("o"))
        .map(|entries| entries.flatten().map(|entry| entry.path()).collect())
        .unwrap_or_default();
    files.retain(|file| file.file_name().is_some_and(|name| name.to_string_lossy().starts_with(prefix)));
    files.sort();
    files
}

fn main() -> ExitCode {
    let Some(dir) = std::env::var_os("OPSWAP_VERDICTS").map(PathBuf::from) else {
        eprintln!("skipped: OPSWAP_VERDICTS names no folder with `o/` and `vmlinux.btf`");
        return ExitCode::SUCCESS;
    };
    let mut args = std::env::args().skip(1);
    let prefix = args.next().unwrap_or_default();
    let only = args.next();
    let types = std::fs::read(dir.join("vmlinux.btf")).expect("the kernel's types");
    let btf = Btf::parse(&types).expect("BTF");
    let linux = Arc::new(Linux::new(Arc::new(btf)).expect("this crate's tables"));
    let runtime = kernel::runtime(Arc::clone(&linux));
    let mut counts: BTreeMap<Outcome, u32> = BTreeMap::new();
    for file in files(&dir, &prefix) {
        let bytes = std::fs::read(&file).expect("an object");
        let Ok(object) = ObjectFile::parse(&bytes) else { continue };
        let Some(btf) = object.btf() else { continue };
        for case in cases(btf) {
            if only.as_ref().is_some_and(|only| *only != case.name) {
                continue;
            }
            let (outcome, why) = judge(&runtime, &bytes, &object, &case, &linux);
            *counts.entry(outcome).or_default() += 1;
            let name = file.file_stem().unwrap_or_default().to_string_lossy();
            match outcome {
                Outcome::Right | Outcome::CallsKfunc => {}
                Outcome::NotLoaded => println!("not loaded    {name} {}: {why}", case.name),
                Outcome::NeedsKernel => println!("not run       {name} {}: {why}", case.name),
                Outcome::Wrong => println!("wrong         {name} {}: {why}", case.name),
            }
        }
    }
    let count = |outcome| counts.get(&outcome).copied().unwrap_or(0);
    let without = counts.values().sum::<u32>() - count(Outcome::CallsKfunc);
    println!(
        "{without} programs state a result and call no kfunc: {} give it in both engines,",
        count(Outcome::Right)
    );
    println!(
        "{} are not loaded, {} need a kernel, {} give another; {} more call kfuncs",
        count(Outcome::NotLoaded),
        count(Outcome::NeedsKernel),
        count(Outcome::Wrong),
        count(Outcome::CallsKfunc)
    );
    if count(Outcome::Wrong) == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
