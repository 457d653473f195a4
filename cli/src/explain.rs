//! `opswap explain`: what the code of a rejection means.

use std::io::Write;

use opswap::verifier::reject::{CAUSES, example};

use crate::args::ExplainArgs;
use crate::failure::Failure;

/// Runs the command.
///
/// # Errors
/// There is no such code.
pub fn command(args: &ExplainArgs, out: &mut dyn Write) -> Result<(), Failure> {
    let wanted = args.code.trim().to_ascii_uppercase();
    let Some(cause) = CAUSES.iter().find(|cause| cause.code() == wanted) else {
        let problem =
            format!("there is no rejection `{}`; codes look like `OSW0103`", args.code.escape_default());
        return Err(Failure::input("CODE", problem));
    };
    writeln!(out, "{wanted}: {} ({})", cause.title, cause.category.title())?;
    writeln!(out)?;
    writeln!(out, "What to do: {}.", cause.hint)?;
    writeln!(out, "Linux fails with {} here.", cause.errno)?;
    let Some(example) = example(&wanted) else { return Ok(()) };
    for (title, program) in [("Refused", example.rejected), ("Repaired", example.repaired)] {
        writeln!(out, "\n{title}:\n\n{}", program.trim_end())?;
    }
    Ok(())
}
