//! `opswap verify`: a verdict on every program of every object.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use opswap::{Ruling, Verdict, WalkLog};
use serde::Serialize;

use crate::args::{Format, VerifyArgs};
use crate::failure::{self, Failure};
use crate::files;
use crate::host::Host;

/// What `--json` prints. A field that says nothing of this verdict is `null`.
#[derive(Serialize, Default, Debug)]
struct Row<'a> {
    file: String,
    prog: Option<&'a str>,
    section: Option<&'a str>,
    verdict: &'static str,
    errno: Option<&'static str>,
    message: Option<String>,
    code: Option<String>,
    category: Option<&'static str>,
    insn: Option<u32>,
    source: Option<String>,
    insns_processed: u32,
    total_states: u32,
    peak_states: u32,
    verify_us: u64,
}

/// Runs the command.
///
/// # Errors
/// A program was not accepted, or a file cannot be read.
pub fn command(args: &VerifyArgs, out: &mut dyn Write) -> Result<(), Failure> {
    let (host, files) = given(args)?;
    let log =
        if args.log >= 2 && args.output.format() == Format::Text { WalkLog::Kept } else { WalkLog::Dropped };
    let mut result = Ok(());
    let mut found = 0;
    for file in &files {
        let read = files::read(file).and_then(|bytes| {
            host.verdicts(&bytes, log).map_err(|error| Failure::input(file.display(), failure::chain(&error)))
        });
        match read {
            Ok(verdicts) => {
                let wanted =
                    |verdict: &&Verdict| args.prog.as_ref().is_none_or(|name| *name == verdict.program);
                for verdict in verdicts.iter().filter(wanted) {
                    found += 1;
                    write_verdict(args, file, verdict, out)?;
                    if !matches!(verdict.ruling, Ruling::Accepted(_)) && result.is_ok() {
                        result = Err(Failure::Reported);
                    }
                }
            }
            // The other files are looked at all the same; the exit code is that of the unreadable one.
            Err(unreadable) => {
                write_unreadable(args, file, &unreadable, out)?;
                result = Err(unreadable);
            }
        }
    }
    match &args.prog {
        Some(name) if found == 0 && result.is_ok() => {
            Err(Failure::input("--prog", format!("no object has a program `{name}`")))
        }
        Some(_) | None => result,
    }
}

/// The host and the object files. What follows `--linux` may be an object instead of the kernel's types.
fn given(args: &VerifyArgs) -> Result<(Host, Vec<PathBuf>), Failure> {
    let mut files = args.files.clone();
    let mut host = args.host.clone();
    if let Some(types) = &mut host.linux
        && types.as_ref().is_some_and(|file| file.extension().is_some_and(|extension| extension == "o"))
    {
        files.extend(types.take());
    }
    if files.is_empty() {
        return Err(Failure::Usage(
            "verify: expected at least one object file (see `opswap verify --help`)".to_owned(),
        ));
    }
    Ok((Host::open(&host)?, files))
}

fn row<'a>(file: &Path, verdict: &'a Verdict) -> Row<'a> {
    let row = Row {
        file: file.display().to_string(),
        prog: Some(&verdict.program),
        section: Some(&verdict.section),
        insns_processed: verdict.stats.insns_processed,
        total_states: verdict.stats.total_states,
        peak_states: verdict.stats.peak_states,
        verify_us: microseconds(verdict.time),
        ..Row::default()
    };
    match &verdict.ruling {
        Ruling::Accepted(_) => Row { verdict: "accept", ..row },
        Ruling::Rejected(rejection) => Row {
            verdict: "reject",
            errno: Some(rejection.errno()),
            message: Some(rejection.to_string()),
            code: Some(rejection.code()),
            category: Some(rejection.category().word()),
            insn: Some(rejection.at.0),
            source: rejection.source(),
            ..row
        },
        Ruling::Failed(error) => Row { verdict: "error", message: Some(failure::chain(error)), ..row },
    }
}

fn microseconds(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

fn write_row(row: &Row<'_>, out: &mut dyn Write) -> Result<(), Failure> {
    writeln!(out, "{}", serde_json::to_string(row).map_err(std::io::Error::from)?)?;
    Ok(())
}

fn write_verdict(
    args: &VerifyArgs,
    file: &Path,
    verdict: &Verdict,
    out: &mut dyn Write,
) -> Result<(), Failure> {
    let row = row(file, verdict);
    if args.output.format() == Format::Json {
        return write_row(&row, out);
    }
    let (name, section) = (&verdict.program, &verdict.section);
    write!(out, "{:6}  {}: {name} ({section})", row.verdict, row.file)?;
    match &verdict.ruling {
        Ruling::Accepted(_) => writeln!(
            out,
            ": {} instructions, {} states, {} µs",
            row.insns_processed, row.total_states, row.verify_us
        )?,
        Ruling::Rejected(rejection) if args.log > 0 => {
            writeln!(out)?;
            for line in format!("{rejection:#}").lines() {
                writeln!(out, "    {line}")?;
            }
        }
        Ruling::Rejected(rejection) => writeln!(out, ": {rejection}")?,
        Ruling::Failed(error) => {
            let message = failure::chain(error);
            let mut lines = message.lines();
            writeln!(out, ": {}", lines.next().unwrap_or_default())?;
            lines.try_for_each(|line| writeln!(out, "    {line}"))?;
        }
    }
    if let Some(log) = &verdict.log {
        write!(out, "{log}")?;
    }
    Ok(())
}

/// A file that is no object at all has a row too; for people, standard error says it.
fn write_unreadable(
    args: &VerifyArgs,
    file: &Path,
    error: &Failure,
    out: &mut dyn Write,
) -> Result<(), Failure> {
    match args.output.format() {
        Format::Json => {
            let file = file.display().to_string();
            write_row(&Row { file, verdict: "error", message: error.line(), ..Row::default() }, out)
        }
        Format::Text => Ok(()),
    }
}
