//! How long our verifier and a kernel's take for the largest programs of a table of verdicts.
//!
//! `OPSWAP_VERDICTS=DIR [OPSWAP_ORACLE=PROGRAM] cargo run --release -p opswap-linux --example largest [COUNT [REPEATS]]`
//!
//! `DIR` holds object files in `o/`, `verdicts.jsonl` with one row per program (`file`, `prog`, `flags`, `verdict`,
//! `insns_processed`, `verify_us`) and the `vmlinux.btf` of the kernel that gave them. The `COUNT` programs (40) for which the kernel
//! walked most instructions are verified `REPEATS` times (5); the least time counts. The kernel's time is that of the row; with
//! `OPSWAP_ORACLE`, a program that prints such rows for an object file, the kernel is asked again as often, in turns with us.
//! Loading needs root. Rejected programs are listed, too: the time of a row for them may include writing a log.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::sync::Arc;
use std::time::{Duration, Instant};

use opswap::loader::ObjectFile;
use opswap_bpf::program::LoadFlags;
use opswap_bpf::{Btf, Program};
use opswap_linux::Linux;
use opswap_verifier::verified::Stats;
use opswap_verifier::{Limits, verify_with};
use serde::Deserialize;

/// What the kernel said of a program.
#[derive(Clone, Deserialize)]
struct Row {
    file: String,
    prog: String,
    #[serde(default)]
    flags: u32,
    verdict: String,
    insns_processed: i64,
    verify_us: i64,
}

/// A program with the least times seen.
struct Measured {
    row: Row,
    program: Program,
    verdict: &'static str,
    stats: Stats,
    ours: Duration,
    kernel: Duration,
}

fn read(path: PathBuf) -> Result<Vec<u8>, String> {
    std::fs::read(&path).map_err(|error| format!("{}: {error}", path.display()))
}

fn rows(text: &str) -> Result<Vec<Row>, String> {
    text.lines().map(|line| serde_json::from_str(line).map_err(|error| error.to_string())).collect()
}

fn link(dir: &Path, row: &Row, linux: &Linux) -> Result<Program, String> {
    let object = ObjectFile::parse(&read(dir.join("o").join(&row.file))?).map_err(|e| e.to_string())?;
    let index = object.programs().iter().position(|image| image.name == row.prog).ok_or("no such program")?;
    let linked = object.link(index, linux.kind(&object, index), linux);
    let mut program = linked.map_err(|error| error.to_string())?;
    program.flags |= LoadFlags::from_bits_truncate(row.flags);
    Ok(program)
}

/// Asks the kernel again about every program of a file: verification times by program.
fn ask(oracle: &Path, file: &Path) -> Result<HashMap<String, Duration>, String> {
    // Only the statistics: no time is spent on the log's text.
    let output =
        Command::new(oracle).arg(file).env("LOG", "0").output().map_err(|error| error.to_string())?;
    let rows = rows(&String::from_utf8_lossy(&output.stdout))?;
    Ok(rows.into_iter().map(|row| (row.prog, micros(row.verify_us))).collect())
}

fn micros(us: i64) -> Duration {
    Duration::from_micros(u64::try_from(us).unwrap_or(0))
}

fn measure(program: &Program, linux: &Linux) -> (&'static str, Stats, Duration) {
    let program = program.clone();
    let start = Instant::now();
    let (verdict, stats) = verify_with(program, linux, &Limits::default());
    let time = start.elapsed();
    (if verdict.is_ok() { "accept" } else { "reject" }, stats, time)
}

fn run(dir: &Path, oracle: Option<&Path>, count: usize, repeats: u32) -> Result<(), String> {
    let btf = Btf::parse(&read(dir.join("vmlinux.btf"))?).map_err(|error| error.to_string())?;
    let linux = Linux::new(Arc::new(btf)).map_err(|error| error.to_string())?;
    let text = String::from_utf8(read(dir.join("verdicts.jsonl"))?).map_err(|error| error.to_string())?;
    let mut rows = rows(&text)?;
    rows.sort_by_key(|row| std::cmp::Reverse(row.insns_processed));
    let mut measured = Vec::new();
    for row in rows.into_iter().take(count) {
        let program = match link(dir, &row, &linux) {
            Ok(program) => program,
            Err(error) => {
                println!("skipped {} {}: {error}", row.file, row.prog);
                continue;
            }
        };
        let (verdict, stats, ours) = measure(&program, &linux);
        let kernel = if oracle.is_some() { Duration::MAX } else { micros(row.verify_us) };
        measured.push(Measured { row, program, verdict, stats, ours, kernel });
    }
    for _ in 0..repeats {
        for one in &mut measured {
            one.ours = one.ours.min(measure(&one.program, &linux).2);
            let Some(oracle) = oracle else { continue };
            let times = ask(oracle, &dir.join("o").join(&one.row.file))?;
            if let Some(time) = times.get(&one.row.prog).filter(|time| !time.is_zero()) {
                one.kernel = one.kernel.min(*time);
            }
        }
    }
    print(&measured);
    Ok(())
}

fn print(measured: &[Measured]) {
    println!(
        "{:>10} {:>10} {:>6}  {:>8} {:>8} {:>7}  program",
        "ours/us", "kernel/us", "ratio", "walked", "kernel", "slots"
    );
    let mut accepted = (Duration::ZERO, Duration::ZERO);
    let mut all = (Duration::ZERO, Duration::ZERO);
    let mut slower = 0;
    for one in measured {
        let ratio = one.ours.as_secs_f64() / one.kernel.as_secs_f64();
        let slots = one.program.insns.len();
        let verdicts = if one.row.verdict == one.verdict {
            one.verdict.to_owned()
        } else {
            format!("kernel {}, ours {}", one.row.verdict, one.verdict)
        };
        println!(
            "{:>10} {:>10} {ratio:>6.3}  {:>8} {:>8} {slots:>7}  {} {} ({verdicts})",
            one.ours.as_micros(),
            one.kernel.as_micros(),
            one.stats.insns_processed,
            one.row.insns_processed,
            one.row.file,
            one.row.prog,
        );
        all = (all.0 + one.ours, all.1 + one.kernel);
        if one.row.verdict == "accept" && one.verdict == "accept" {
            accepted = (accepted.0 + one.ours, accepted.1 + one.kernel);
        }
        slower += u32::from(slots > 1_000 && one.ours > one.kernel);
    }
    for (what, (ours, kernel)) in [("all", all), ("accepted by both", accepted)] {
        let ratio = ours.as_secs_f64() / kernel.as_secs_f64();
        println!("{what}: ours {ours:?}, kernel {kernel:?}, ratio {ratio:.3}");
    }
    println!("programs of over 1,000 slots that are slower than the kernel: {slower}");
}

fn main() -> ExitCode {
    let Some(dir) = std::env::var_os("OPSWAP_VERDICTS") else {
        eprintln!("expected the directory of the verdicts in OPSWAP_VERDICTS");
        return ExitCode::from(2);
    };
    let oracle = std::env::var_os("OPSWAP_ORACLE").map(PathBuf::from);
    let mut args = std::env::args().skip(1).map(|text| text.parse::<u32>());
    let (count, repeats) = (args.next().unwrap_or(Ok(40)), args.next().unwrap_or(Ok(5)));
    let (Ok(count), Ok(repeats)) = (count, repeats) else {
        eprintln!("expected COUNT and REPEATS as numbers");
        return ExitCode::from(2);
    };
    match run(Path::new(&dir), oracle.as_deref(), count as usize, repeats) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::from(2)
        }
    }
}
