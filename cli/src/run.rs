//! `opswap run`: verifies, compiles and runs one program of an object.

use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use opswap::bpf::EntryProto;
use opswap::bpf::btf::Signedness;
use opswap::bpf::insn::Size;
use opswap::bpf::proto::{ContextLayout, MemAccess, ReturnRule, Sleepable};
use opswap::loader::ObjectFile;
use opswap::private::listed;
use opswap::{LoadError, Packet, Program, RunError, Runtime};
use serde::Serialize;

use crate::args::{Engine, Format, RunArgs};
use crate::failure::{self, Failure};
use crate::{files, hex, host, kernel};

/// Bytes of the packet unless `--data` says otherwise: those of the kernel's own tests.
const DATA_BYTES: usize = 64;

/// What `--json` prints.
#[derive(Serialize, Debug)]
struct Row<'a> {
    prog: &'a str,
    retval: String,
    ns_per_run: f64,
    runs: u64,
    engine: &'static str,
    insns: usize,
    jited_bytes: usize,
}

/// Runs the command.
///
/// # Errors
/// The object cannot be read, the program is refused, or a run does not end well.
pub fn command(args: &RunArgs, out: &mut dyn Write) -> Result<(), Failure> {
    let memory = hex::parse(&args.ctx).map_err(|error| Failure::input("--ctx", error))?;
    let data = args.data.as_deref().map(hex::parse).transpose();
    let data = data.map_err(|error| Failure::input("--data", error))?;
    let shown = args.file.display().to_string();
    let bytes = files::read(&args.file)?;
    let object = ObjectFile::parse(&bytes).map_err(|error| Failure::input(&shown, failure::chain(&error)))?;
    let image = object.programs().iter().find(|image| image.name == args.prog).ok_or_else(|| {
        let names: Vec<&str> = object.programs().iter().map(|image| image.name.as_str()).collect();
        Failure::input(&shown, format!("no program `{}`; it has {}", args.prog, listed(&args.prog, &names)))
    })?;

    let given = match &args.linux {
        Some(types) => {
            let data = data.unwrap_or_else(|| vec![0; DATA_BYTES]);
            under_linux(args, types.as_deref(), &bytes, &object, (memory, &data))?
        }
        None => Given::memory(args, &image.section, &bytes, memory)?,
    };
    let program = &given.program;
    let engine = match args.engine {
        Engine::Jit => opswap::Engine::Jit,
        Engine::Interp => opswap::Engine::Interpreter,
    };
    let mut input = given.input;
    let mut retval = 0;
    let started = Instant::now();
    for _ in 0..args.repeat {
        retval = input.run(program, engine).map_err(|error| Failure::Check(error.to_string()))?;
    }
    #[expect(clippy::cast_precision_loss, reason = "a mean time needs no 52 bits")]
    let ns_per_run = started.elapsed().as_nanos() as f64 / args.repeat as f64;

    let row = Row {
        prog: &args.prog,
        retval: format!("{retval:#x}"),
        ns_per_run: (ns_per_run * 10.0).round() / 10.0,
        runs: args.repeat,
        engine: match args.engine {
            Engine::Jit => "jit",
            Engine::Interp => "interp",
        },
        insns: program.linked().map_or(0, |linked| linked.insns.len()),
        jited_bytes: program.machine_code().len(),
    };
    match args.output.format() {
        Format::Json => writeln!(out, "{}", serde_json::to_string(&row).map_err(std::io::Error::from)?)?,
        Format::Text => {
            let Row { prog, retval, ns_per_run, runs, engine, insns, jited_bytes } = row;
            writeln!(out, "{prog} returned {retval}")?;
            writeln!(
                out,
                "{ns_per_run} ns per run ({runs} runs, {engine}); {insns} instructions, {jited_bytes} bytes of code"
            )?;
        }
    }
    Ok(())
}

fn check(error: &LoadError) -> Failure {
    Failure::Check(failure::chain(error))
}

/// A loaded program and what it is run on.
struct Given {
    program: Program,
    input: Input,
}

/// What a program is run on.
enum Input {
    /// Plain memory.
    Memory(Vec<u8>),
    /// A packet, the same in every run.
    Packet(Packet),
}

impl Input {
    /// Runs the program; under Linux the result is what a test run reports, the low 32 bits.
    fn run(&mut self, program: &Program, engine: opswap::Engine) -> Result<u64, RunError> {
        match self {
            Self::Memory(memory) => program.run_with(engine, memory),
            Self::Packet(packet) => {
                program.run_packet(engine, packet).map(|value| value & u64::from(u32::MAX))
            }
        }
    }
}

impl Given {
    /// Under this crate's own helpers.
    fn memory(args: &RunArgs, section: &str, bytes: &[u8], memory: Vec<u8>) -> Result<Self, Failure> {
        let runtime = Runtime::builder().entry(section, plain_memory(section, &memory)?);
        let runtime = runtime.build().map_err(|error| check(&error))?;
        let program = runtime.load_one(bytes, &args.prog).map_err(|error| check(&error))?;
        Ok(Self { program, input: Input::Memory(memory) })
    }
}

fn under_linux(
    args: &RunArgs,
    types: Option<&Path>,
    bytes: &[u8],
    object: &ObjectFile,
    (memory, data): (Vec<u8>, &[u8]),
) -> Result<Given, Failure> {
    let linux = Arc::new(host::linux(types)?);
    let program =
        kernel::runtime(Arc::clone(&linux)).load_one(bytes, &args.prog).map_err(|error| check(&error))?;
    let index = object.programs().iter().position(|image| image.name == args.prog).unwrap_or_default();
    let packet = Packet { memory, ..linux.packet(&linux.kind(object, index), data) };
    Ok(Given { program, input: Input::Packet(packet) })
}

/// Without a host that says otherwise, a program gets plain memory.
fn plain_memory(section: &str, context: &[u8]) -> Result<EntryProto, Failure> {
    let size = u32::try_from(context.len()).map_err(|_| Failure::input("--ctx", "more than 4 GiB"))?;
    Ok(EntryProto {
        name: section.to_owned(),
        context: ContextLayout::Buffer { size, access: MemAccess::ReadWrite },
        ret: ReturnRule::Scalar { size: Size::DW, signed: Signedness::Unsigned },
        sleepable: Sleepable::No,
        declared_at: None,
    })
}
