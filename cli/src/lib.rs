//! The `opswap` command as a library, so that tests can call what the command calls.
//!
//! | module | owns |
//! |---|---|
//! | [`args`] | the command line |
//! | [`conformance`] | `opswap conformance`: the plugin of the bpf_conformance suite |
//! | [`verify`] | `opswap verify`: a verdict on every program |
//! | [`explain`] | `opswap explain`: what a code means |
//! | [`dump`], `graph` | `opswap dump`: a program in four forms |
//! | [`kernel`] | Linux's programs, run here |
//! | [`declared`] | `opswap inspect`, `header`, `interface`: what a binary declares |
//! | [`host`] | against what programs are verified |
//! | [`run`] | `opswap run`: one program of an object |
//! | [`failure`] | [`Failure`]: the exit codes |
//! | [`files`], [`hex`] | input files, bytes in hexadecimal |
//!
//! A command writes to what it is given and returns a [`Failure`] or nothing; only [`main`] touches the process.

pub mod args;
pub mod conformance;
pub mod declared;
pub mod dump;
pub mod explain;
pub mod failure;
pub mod files;
mod graph;
pub mod hex;
pub mod host;
pub mod kernel;
pub mod run;
pub mod verify;

use std::ffi::OsString;
use std::io::{IsTerminal as _, Write};
use std::process::ExitCode;

use clap::Parser as _;

use args::{Command, CommandLine};
pub use failure::Failure;

/// Runs the command with these arguments, the first of which is the command's own name.
pub fn main(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    match dispatch(args, &mut std::io::stdout().lock()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            if let Some(line) = failure.line() {
                // There is nobody left to tell when this fails.
                let _ = writeln!(std::io::stderr(), "opswap: {line}");
            }
            ExitCode::from(failure.exit_code())
        }
    }
}

/// Parses the command line and runs the command.
///
/// # Errors
/// Why the exit code is not 0.
pub fn dispatch(args: impl IntoIterator<Item = OsString>, out: &mut dyn Write) -> Result<(), Failure> {
    let parsed = match CommandLine::try_parse_from(args) {
        Ok(parsed) => parsed,
        Err(error) if error.use_stderr() => return Err(Failure::from_usage(&error)),
        Err(help) => return Ok(write!(out, "{}", rendered(&help))?),
    };
    match parsed.command {
        Command::Verify(args) => verify::command(&args, out),
        Command::Explain(args) => explain::command(&args, out),
        Command::Dump(args) => dump::command(&args, out),
        Command::Inspect(args) => declared::inspect(&args, out),
        Command::Header(args) => declared::header(&args, out),
        Command::Interface(args) => declared::interface(&args),
        Command::Run(args) => run::command(&args, out),
        Command::Conformance(args) => conformance::command(&args, &mut std::io::stdin().lock(), out),
    }
}

/// Help or version, in colour when a person looks at it.
fn rendered(help: &clap::Error) -> String {
    let plain = std::env::var_os("NO_COLOR").is_some() || !std::io::stdout().is_terminal();
    if plain { help.render().to_string() } else { help.render().ansi().to_string() }
}
