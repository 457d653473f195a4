//! `opswap explain`: what the code of a rejection means.

use std::io::{self, Write};

use opswap::verifier::Category;
use opswap::verifier::reject::{CAUSES, Cause, Example, declarations, example};

use crate::args::ExplainArgs;
use crate::failure::Failure;

/// Categories in the order of their numbers.
const CATEGORIES: [Category; 9] = [
    Category::Memory,
    Category::Registers,
    Category::Lifetime,
    Category::Calls,
    Category::Structure,
    Category::Execution,
    Category::Policy,
    Category::Budget,
    Category::Internal,
];

/// Runs the command.
///
/// # Errors
/// There is no such code.
pub fn command(args: &ExplainArgs, out: &mut dyn Write) -> Result<(), Failure> {
    let Some(code) = &args.code else { return Ok(list(out)?) };
    let wanted = code.trim().to_ascii_uppercase();
    let Some(cause) = CAUSES.iter().find(|cause| cause.code() == wanted) else {
        return Err(Failure::input("CODE", unknown(code, &wanted)));
    };
    writeln!(out, "{wanted}: {} ({})", cause.title, cause.category.title())?;
    writeln!(out)?;
    writeln!(out, "What to do: {}.", cause.hint)?;
    writeln!(out, "Linux fails with {} here.", cause.errno)?;
    Ok(example(&wanted).map_or(Ok(()), |example| show(&example, out))?)
}

/// A refused and a repaired program, and what they call.
fn show(example: &Example, out: &mut dyn Write) -> io::Result<()> {
    for (title, program) in [("Refused", example.rejected), ("Repaired", example.repaired)] {
        writeln!(out, "\n{title}:\n\n{}", program.trim_end())?;
    }
    let declared: Vec<&str> = declarations(example).collect();
    if !declared.is_empty() {
        writeln!(out, "\nThe host of these programs has:\n")?;
        for line in declared {
            writeln!(out, "    {line}")?;
        }
    }
    Ok(())
}

/// Every code, by category.
fn list(out: &mut dyn Write) -> io::Result<()> {
    for (at, category) in CATEGORIES.into_iter().enumerate() {
        let mut causes: Vec<&Cause> = CAUSES.iter().filter(|cause| cause.category == category).collect();
        causes.sort_by_key(|cause| cause.code());
        writeln!(out, "{}{}", if at > 0 { "\n" } else { "" }, category.title())?;
        for cause in causes {
            writeln!(out, "  {}  {}", cause.code(), cause.title.trim_end_matches('.'))?;
        }
    }
    writeln!(
        out,
        "\n`opswap explain CODE` shows a refused program for a code, and the same program repaired."
    )
}

/// What is wrong with a code that nobody has: the nearest one, by what people mistype.
fn unknown(code: &str, wanted: &str) -> String {
    let distance = |known: &str| known.bytes().zip(wanted.bytes()).filter(|(a, b)| a != b).count();
    let spelt = format!("OSW{wanted:0>4}");
    let known = |code: &String| CAUSES.iter().any(|cause| cause.code() == *code);
    let named = CAUSES.iter().find(|cause| cause.name.eq_ignore_ascii_case(wanted)).map(Cause::code);
    let same_length = || CAUSES.iter().map(Cause::code).filter(|known| known.len() == wanted.len());
    let near = Some(spelt).filter(known).or(named).or_else(|| {
        same_length().map(|known| (distance(&known), known)).filter(|(far, _)| *far <= 2).min().map(|it| it.1)
    });
    let advice = match near {
        Some(near) => format!("did you mean `{near}`?"),
        None => "codes look like `OSW0103`;".to_owned(),
    };
    format!("there is no rejection `{}`; {advice} `opswap explain` lists them all", code.escape_default())
}
