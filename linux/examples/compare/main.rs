//! Compares our verdicts with a kernel's, program by program.
//!
//! `OPSWAP_VERDICTS=DIR cargo run --release -p opswap-linux --example compare [FILE-PREFIX [PROGRAM]]`
//!
//! `DIR` holds object files in `o/`, `verdicts.jsonl` with one row per program (`file`, `prog`, `section`, `flags`, `expected`,
//! `expected_messages`, `verdict`, `message`, `verify_us`), the `vmlinux.btf` of the kernel that gave them, and, if `.kconfig`
//! variables are to have values, its configuration as text in `config` (`zcat /proc/config.gz`). Prints every
//! disagreement and every expected message that our log lacks, then the counts, then the disagreements as the Markdown table of
//! `docs/linux-verdicts.md`. With the name of a program: its whole report and log.
//!
//! | file | owns |
//! |---|---|
//! | `judge` | our verdict on a row of the kernel's |
//! | `figures` | what is counted and printed |
//! | `reasons.txt` | why verdicts differ |

mod figures;
mod judge;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use opswap::loader::ObjectFile;
use opswap_bpf::Btf;
use opswap_linux::Linux;

use figures::Figures;
use judge::{Judged, Ours, Row, chain, judge};

/// The value of a `.kconfig` variable (libbpf: `LINUX_…` are what it finds out itself).
fn config(values: &str, name: &str) -> Option<u64> {
    if values.is_empty() {
        return None;
    }
    let known = match name {
        "LINUX_HAS_SYSCALL_WRAPPER" | "LINUX_HAS_BPF_COOKIE" => Some(1),
        // The kernel's version stands in the third line: `# Linux/x86 6.18.44 Kernel Configuration`.
        "LINUX_KERNEL_VERSION" => values.lines().find_map(|line| {
            let version = line.strip_prefix("# Linux/")?.split(' ').nth(1)?.split('-').next()?;
            let mut parts = version.split('.').map(|part| part.parse::<u64>().ok());
            Some(parts.next()?? << 16 | parts.next()?? << 8 | parts.next()??.min(255))
        }),
        _ => None,
    };
    known.or_else(|| {
        let line = values.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='))?;
        match line {
            "y" => Some(1),
            "m" => Some(2),
            number => number.parse().ok(),
        }
    })
}

fn run(dir: &Path, prefix: &str, only: Option<&str>) -> Result<(), String> {
    let read = |path: PathBuf| std::fs::read(&path).map_err(|error| format!("{}: {error}", path.display()));
    let btf = Btf::parse(&read(dir.join("vmlinux.btf"))?).map_err(|error| error.to_string())?;
    let linux = Linux::new(Arc::new(btf)).map_err(|error| error.to_string())?;
    let values = std::fs::read_to_string(dir.join("config")).unwrap_or_default();
    let rows = String::from_utf8(read(dir.join("verdicts.jsonl"))?).map_err(|error| error.to_string())?;
    let mut current: Option<(String, Result<ObjectFile, String>)> = None;
    let mut figures = Figures::new();
    for line in rows.lines() {
        let row: Row = serde_json::from_str(line).map_err(|error| error.to_string())?;
        if !row.file.starts_with(prefix) || only.is_some_and(|only| only != row.prog) {
            continue;
        }
        if current.as_ref().is_none_or(|(file, _)| *file != row.file) {
            let bytes = read(dir.join("o").join(&row.file))?;
            current = Some((
                row.file.clone(),
                ObjectFile::parse_with(&bytes, &|name| config(&values, name)).map_err(|error| chain(&error)),
            ));
        }
        let judged = match current.as_ref().map(|(_, object)| object) {
            Some(Ok(object)) => judge(object, &row, &linux),
            Some(Err(error)) => Judged::unread(error.clone()),
            None => continue,
        };
        if only.is_some() {
            let (name, message) = (judged.ours.name(), judged.ours.message());
            println!("kernel: {} {}\nours: {name} {message}", row.verdict, row.message);
            if let Ours::Reject { report, .. } = &judged.ours {
                println!("{report}");
            }
            println!("{}", judged.log);
        }
        figures.add(row, judged);
    }
    figures.print();
    Ok(())
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
