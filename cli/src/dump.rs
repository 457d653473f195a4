//! `opswap dump`: a program as it was linked, as engines execute it, as machine code, or as a graph.

use std::io::Write;

use opswap::bpf::display::Listing;
use opswap::disassemble;
use opswap::private::listed;
use opswap::verifier::VerifiedProgram;
use opswap::{Ruling, Verdict, WalkLog};

use crate::args::{DumpArgs, DumpForm};
use crate::failure::{self, Failure};
use crate::files;
use crate::graph;
use crate::host::Host;

/// Runs the command.
///
/// # Errors
/// The object cannot be read, has no such program, or the program is refused.
pub fn command(args: &DumpArgs, out: &mut dyn Write) -> Result<(), Failure> {
    let shown = args.file.display().to_string();
    let host = Host::open(&args.host)?;
    let bytes = files::read(&args.file)?;
    let verdicts = host
        .verdicts(&bytes, WalkLog::Dropped)
        .map_err(|error| Failure::input(&shown, failure::chain(&error)))?;
    let Some(verdict) = verdicts.iter().find(|verdict| verdict.program == args.prog) else {
        let names: Vec<&str> = verdicts.iter().map(|verdict| verdict.program.as_str()).collect();
        let what = format!("no program `{}`; it has {}", args.prog, listed(&args.prog, &names));
        return Err(Failure::input(&shown, what));
    };
    let proof = proof(verdict)?;
    match args.form {
        DumpForm::Bytecode => write!(out, "{}", Listing(&proof.program().insns))?,
        DumpForm::Xlated => write!(out, "{}", Listing(proof.xlated()))?,
        DumpForm::Cfg => graph::write(&verdict.program, &proof.program().insns, out)?,
        DumpForm::Jited => jited(proof, out)?,
    }
    Ok(())
}

fn proof(verdict: &Verdict) -> Result<&VerifiedProgram, Failure> {
    match &verdict.ruling {
        Ruling::Accepted(proof) => Ok(proof),
        Ruling::Rejected(rejection) => {
            Err(Failure::Check(format!("program `{}` was rejected: {rejection}", verdict.program)))
        }
        Ruling::Failed(error) => Err(Failure::Check(failure::chain(error))),
    }
}

/// Machine code, each instruction of the program in front of what was made of it.
fn jited(proof: &VerifiedProgram, out: &mut dyn Write) -> Result<(), Failure> {
    let lines = disassemble(proof).map_err(|error| Failure::Check(failure::chain(&error)))?;
    let mut last = None;
    for line in lines {
        if let Some(slot) = line.slot.filter(|slot| last != Some(*slot)) {
            if let Some(insn) = proof.xlated().get(slot.index()) {
                writeln!(out, "; {}: {insn}", slot.0)?;
            }
            last = Some(slot);
        }
        writeln!(out, "{:6x}:  {}", line.offset, line.text)?;
    }
    Ok(())
}
