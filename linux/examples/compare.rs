//! Compares our verdicts with a kernel's, program by program.
//!
//! `OPSWAP_VERDICTS=DIR cargo run --release -p opswap-linux --example compare [FILE-PREFIX [PROGRAM]]`
//!
//! `DIR` holds object files in `o/`, `verdicts.jsonl` with one row per program (`file`, `prog`, `section`, `flags`, `expected`,
//! `expected_messages`, `verdict`, `message`, `verify_us`) and the `vmlinux.btf` of the kernel that gave them. Prints every
//! disagreement, then the counts. With the name of a program: its whole report.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use opswap::loader::ObjectFile;
use opswap_bpf::program::LoadFlags;
use opswap_bpf::{Btf, OpIdx, ProgramKind};
use opswap_linux::Linux;
use opswap_verifier::{Limits, verify_with};
use serde::Deserialize;

#[derive(Clone, Deserialize)]
struct Row {
    file: String,
    prog: String,
    section: String,
    expected: String,
    expected_messages: Vec<String>,
    flags: u32,
    verdict: String,
    message: String,
    verify_us: i64,
}

enum Ours {
    Accept,
    Reject { message: String, log: String },
    Error(String),
}

struct Judged {
    ours: Ours,
    time: Duration,
    insns: u32,
}

fn kind(object: &ObjectFile, program: usize, section: &str, linux: &Linux) -> ProgramKind {
    for table in object.struct_ops() {
        for op in table.ops.iter().filter(|op| op.program == program) {
            let members =
                linux.types().find_struct(&table.type_name).and_then(|id| linux.types().members(id));
            let functions = members.into_iter().flatten().filter(|member| {
                let pointee = linux.types().pointee(linux.types().skip_modifiers(member.ty));
                pointee.is_some_and(|to| linux.types().func_proto_of(to))
            });
            // The object's table may be laid out differently: members are told by name.
            let own = object.btf().and_then(|btf| btf.members(table.ty));
            let name = own.into_iter().flatten().find(|member| member.bit_offset == op.offset * 8);
            let index =
                functions.enumerate().find(|(_, member)| name.is_some_and(|own| own.name == member.name));
            if let Some(index) = index.and_then(|(index, _)| u32::try_from(index).ok()) {
                return ProgramKind::StructOps { ops: table.type_name.clone(), op: OpIdx(index) };
            }
        }
    }
    ProgramKind::Named(section.to_owned())
}

trait IsFunction {
    fn func_proto_of(&self, id: opswap_bpf::BtfId) -> bool;
}

impl IsFunction for Btf {
    fn func_proto_of(&self, id: opswap_bpf::BtfId) -> bool {
        matches!(self.resolve(id), opswap_bpf::BtfType::FuncProto { .. })
    }
}

fn judge(object: &ObjectFile, row: &Row, linux: &Linux) -> Judged {
    let failed = |text: String| Judged { ours: Ours::Error(text), time: Duration::ZERO, insns: 0 };
    let Some(index) = object.programs().iter().position(|image| image.name == row.prog) else {
        return failed("no such program".to_owned());
    };
    let kind = kind(object, index, &row.section, linux);
    let mut program = match object.link(index, kind, linux) {
        Ok(program) => program,
        Err(error) => return failed(chain(&error)),
    };
    program.flags |= LoadFlags::from_bits_truncate(row.flags);
    let insns = u32::try_from(program.insns.len()).unwrap_or(u32::MAX);
    let start = Instant::now();
    let (verdict, _) = verify_with(program, linux, &Limits::default());
    let time = start.elapsed();
    let ours = match verdict {
        Ok(_) => Ours::Accept,
        Err(rejection) => Ours::Reject { message: rejection.to_string(), log: format!("{rejection:#}") },
    };
    Judged { ours, time, insns }
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(&format!(": {cause}"));
        source = cause.source();
    }
    text
}

/// Text without numbers, to count similar messages together.
fn shape(text: &str) -> String {
    let mut shape = String::new();
    for sign in text.chars().take(70) {
        if sign.is_ascii_digit() {
            if !shape.ends_with('#') {
                shape.push('#');
            }
        } else {
            shape.push(sign);
        }
    }
    shape
}

#[derive(Default)]
struct Counts {
    pairs: BTreeMap<(&'static str, String), u32>,
    agree: u32,
    messages: u32,
    messages_found: u32,
    ours: Duration,
    kernel: Duration,
    slowest: Vec<(Duration, i64, String, u32)>,
}

fn run(dir: &Path, prefix: &str, only: Option<&str>) -> Result<(), String> {
    let read = |path: PathBuf| std::fs::read(&path).map_err(|error| format!("{}: {error}", path.display()));
    let btf = Btf::parse(&read(dir.join("vmlinux.btf"))?).map_err(|error| error.to_string())?;
    let linux = Linux::new(Arc::new(btf)).map_err(|error| error.to_string())?;
    let rows = String::from_utf8(read(dir.join("verdicts.jsonl"))?).map_err(|error| error.to_string())?;
    let mut current: Option<(String, Result<ObjectFile, String>)> = None;
    let mut counts = Counts::default();
    let mut reasons: BTreeMap<(&str, String), u32> = BTreeMap::new();
    for line in rows.lines() {
        let row: Row = serde_json::from_str(line).map_err(|error| error.to_string())?;
        if !row.file.starts_with(prefix) || only.is_some_and(|only| only != row.prog) {
            continue;
        }
        if current.as_ref().is_none_or(|(file, _)| *file != row.file) {
            let bytes = read(dir.join("o").join(&row.file))?;
            current = Some((row.file.clone(), ObjectFile::parse(&bytes).map_err(|error| chain(&error))));
        }
        let judged = match current.as_ref().map(|(_, object)| object) {
            Some(Ok(object)) => judge(object, &row, &linux),
            Some(Err(error)) => Judged { ours: Ours::Error(error.clone()), time: Duration::ZERO, insns: 0 },
            None => continue,
        };
        let (name, message, log) = match &judged.ours {
            Ours::Accept => ("accept", String::new(), String::new()),
            Ours::Reject { message, log } => ("reject", message.clone(), log.clone()),
            Ours::Error(message) => ("error", message.clone(), message.clone()),
        };
        if only.is_some() {
            println!("kernel: {} {}\nours: {name} {message}\n{log}", row.verdict, row.message);
        }
        let counted = row.expected == "none" || row.expected == row.verdict;
        let scope = if counted { "in scope" } else { "kernel differs from annotation" };
        *counts.pairs.entry((scope, format!("kernel {} ours {name}", row.verdict))).or_default() += 1;
        if name == row.verdict {
            counts.agree += 1;
        } else if counted {
            let kernel = if row.verdict == "reject" { &row.message } else { &row.verdict };
            println!("{}\t{}\t{}\tkernel: {kernel}\tours: {name} {message}", row.file, row.prog, row.section);
            let label = if row.verdict == "reject" { "MISSED" } else { "REFUSED" };
            let text = if row.verdict == "reject" { &row.message } else { &message };
            *reasons.entry((label, shape(text))).or_default() += 1;
        }
        if counted && name == "reject" && row.verdict == "reject" {
            for expected in &row.expected_messages {
                counts.messages += 1;
                if log.contains(expected) || message.contains(expected) {
                    counts.messages_found += 1;
                } else {
                    println!("{}\t{}\tMESSAGE expected: {expected}\tours: {message}", row.file, row.prog);
                }
            }
        }
        if row.verify_us >= 0 && !matches!(judged.ours, Ours::Error(_)) {
            counts.ours += judged.time;
            counts.kernel += Duration::from_micros(row.verify_us.unsigned_abs());
            let name = format!("{} {}", row.file, row.prog);
            counts.slowest.push((judged.time, row.verify_us, name, judged.insns));
        }
    }
    report(counts, &reasons);
    Ok(())
}

fn report(mut counts: Counts, reasons: &BTreeMap<(&str, String), u32>) {
    println!("\nreasons:");
    let mut reasons: Vec<_> = reasons.iter().collect();
    reasons.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
    for ((label, reason), count) in reasons {
        println!("{count:>5} {label} {reason}");
    }
    println!("\nverdicts:");
    for ((scope, pair), count) in &counts.pairs {
        println!("{count:>5} {scope}: {pair}");
    }
    println!("{} agree; expected messages {} of {}", counts.agree, counts.messages_found, counts.messages);
    println!("time: ours {:?}, kernel {:?}", counts.ours, counts.kernel);
    counts.slowest.sort_by_key(|row| std::cmp::Reverse(row.1));
    for (ours, kernel, name, insns) in counts.slowest.iter().take(40) {
        println!("{:>10} us ours {kernel:>10} us kernel {insns:>7} insns {name}", ours.as_micros());
    }
}

fn main() -> ExitCode {
    let Some(dir) = std::env::var_os("OPSWAP_VERDICTS") else {
        eprintln!("expected the directory of the verdicts in OPSWAP_VERDICTS");
        return ExitCode::from(2);
    };
    let mut args = std::env::args().skip(1);
    let prefix = args.next().unwrap_or_default();
    let only = args.next();
    match run(Path::new(&dir), &prefix, only.as_deref()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::from(2)
        }
    }
}
