//! `opswap conformance`: the plugin protocol of the bpf_conformance suite.
//!
//! Instructions come in hexadecimal on standard input, memory as an argument; the program runs with `r1` pointing to the memory
//! and `r2` its length, and the final `r0` is printed in hexadecimal. The interpreter runs any program; compiled code runs
//! what the verifier accepts, under the rules of RFC 9669 for immediates.

use std::io::{Read, Write};

use opswap::bpf::interp::{self, Args, Budget, Calls, Machine, Protection, Regions, Stop};
use opswap::bpf::{HelperId, Insn, decode};

use crate::args::{ConformanceArgs, Engine};
use crate::failure::Failure;
use crate::hex;

/// Where the interpreter sees the memory.
const MEMORY: u64 = 0x1000_0000;

/// Largest input, in characters.
const INPUT_LIMIT: u64 = 64 << 20;

/// Runs the command.
///
/// # Errors
/// The input is not hexadecimal, or the program could not be run to its end.
pub fn command(args: &ConformanceArgs, input: &mut dyn Read, out: &mut dyn Write) -> Result<(), Failure> {
    let memory = args.memory.as_deref().unwrap_or_default();
    let memory = hex::parse(memory).map_err(|error| Failure::input("MEM_HEX", error))?;
    let mut text = String::new();
    let read = input.take(INPUT_LIMIT).read_to_string(&mut text);
    read.map_err(|error| Failure::input("standard input", error))?;
    let bytes = hex::parse(&text).map_err(|error| Failure::input("standard input", error))?;
    let insns = if args.elf { elf::main_function(&bytes)? } else { instructions(&bytes)? };
    let r0 = run(insns, memory, args.engine)?;
    writeln!(out, "{r0:x}")?;
    Ok(())
}

/// Decodes a program.
///
/// # Errors
/// There is none, or it breaks a rule of the encoding.
pub fn instructions(bytes: &[u8]) -> Result<Vec<Insn>, Failure> {
    if bytes.is_empty() {
        return Err(Failure::input(
            "standard input",
            "expected the instructions of a program, found nothing",
        ));
    }
    decode(bytes).map_err(|error| Failure::Check(error.to_string()))
}

/// Runs a program on `memory` and gives its `r0`.
///
/// # Errors
/// The verifier refused it (compiled code), or it did not end well.
pub fn run(insns: Vec<Insn>, memory: Vec<u8>, engine: Engine) -> Result<u64, Failure> {
    match engine {
        Engine::Interp => interpret(&insns, memory),
        Engine::Jit => compiled::run(insns, memory),
    }
}

/// Helper 5 is the only one that the suite calls; any result will do.
struct SuiteHelpers;

impl Calls for SuiteHelpers {
    fn helper(&mut self, id: HelperId, args: Args, _: &mut Machine<'_>) -> Result<u64, Stop> {
        if id == HelperId(5) { Ok(args[0]) } else { Err(Stop::abort(format!("{id} does not exist"))) }
    }
}

fn interpret(insns: &[Insn], memory: Vec<u8>) -> Result<u64, Failure> {
    let address = if memory.is_empty() { 0 } else { MEMORY };
    let args = [address, memory.len() as u64, 0, 0, 0];
    let mut regions = Regions::new().with("memory", MEMORY, memory, Protection::ReadWrite);
    let outcome = interp::run(insns, args, &mut regions, &mut SuiteHelpers, Budget::default());
    outcome.map(|outcome| outcome.r0()).map_err(|trap| Failure::Check(trap.to_string()))
}

/// Compiled code, through the runtime like any other program.
mod compiled {
    use opswap::bpf::btf::Signedness;
    use opswap::bpf::insn::Size;
    use opswap::bpf::proto::{ContextLayout, MemAccess, ReturnRule, Sleepable};
    use opswap::bpf::{EntryProto, Insn, Program, ProgramKind};
    use opswap::verifier::limits::{ImmediateRules, Limits};
    use opswap::{LoadError, Runtime};

    use crate::failure::Failure;

    const NAME: &str = "conformance";

    pub(super) fn run(insns: Vec<Insn>, mut memory: Vec<u8>) -> Result<u64, Failure> {
        let size = u32::try_from(memory.len()).map_err(|_| Failure::input("MEM_HEX", "more than 4 GiB"))?;
        let contract = EntryProto {
            name: NAME.to_owned(),
            context: ContextLayout::Buffer { size, access: MemAccess::ReadWrite },
            ret: ReturnRule::Scalar { size: Size::DW, signed: Signedness::Unsigned },
            sleepable: Sleepable::No,
            declared_at: None,
        };
        let limits = Limits { immediates: ImmediateRules::Rfc9669, ..Limits::default() };
        let runtime = Runtime::builder().limits(limits).entry(NAME, contract).build().map_err(refused)?;
        let kind = ProgramKind::Named(NAME.to_owned());
        let program = runtime.load_program(Program::bare(NAME, kind, insns)).map_err(refused)?;
        program.run(&mut memory).map_err(|error| Failure::Check(error.to_string()))
    }

    fn refused(error: LoadError) -> Failure {
        Failure::Check(crate::failure::chain(&error))
    }
}

/// An object instead of bare instructions.
mod elf {
    use opswap::bpf::{Insn, ProgramKind};
    use opswap::loader::{Import, KfuncTarget, ObjectFile, Resolve, ResolveError};

    use crate::failure::Failure;

    /// The suite's objects import nothing.
    struct Nothing;

    impl Resolve for Nothing {
        fn kfunc(&self, _: Import<'_>) -> Result<KfuncTarget, ResolveError> {
            Err(ResolveError::Unknown { what: "kfunc", near: None, known: Vec::new() })
        }
    }

    pub(super) fn main_function(bytes: &[u8]) -> Result<Vec<Insn>, Failure> {
        let unreadable =
            |error: &dyn std::error::Error| Failure::input("standard input", crate::failure::chain(error));
        let object = ObjectFile::parse(bytes).map_err(|error| unreadable(&error))?;
        let kind = ProgramKind::Named("conformance".to_owned());
        let linked = object.link_function("main", kind, &Nothing);
        let linked =
            linked.ok_or_else(|| Failure::input("standard input", "the object has no function `main`"))?;
        linked.map(|program| program.insns).map_err(|error| unreadable(&error))
    }
}
