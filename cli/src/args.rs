//! The command line.

use std::path::PathBuf;

use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum};

/// Verify, run and inspect BPF programs, without a kernel.
#[derive(Parser, Debug)]
#[command(name = "opswap", version, propagate_version = true, max_term_width = 100)]
#[command(
    after_help = "Exit codes: 0 all good; 1 a program was rejected or a check failed; 2 wrong usage or unreadable input; 141 nobody reads the output."
)]
pub struct CommandLine {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Subcommand, Debug)]
pub enum Command {
    /// Say of every program in the objects whether it is safe, and why not
    Verify(VerifyArgs),
    /// Verify, compile and run one program of an object
    Run(RunArgs),
    /// List what a binary built with opswap declares: functions, tables, types (read, not executed)
    Inspect(InspectArgs),
    /// Print the C header for authors of programs
    Header(HeaderArgs),
    /// Write the interface file, against which programs can be verified without the application
    Interface(InterfaceArgs),
    /// Print a program as it was linked, as engines execute it, as machine code, or as a graph
    Dump(DumpArgs),
    /// Run one program of the bpf_conformance suite: its plugin protocol
    Conformance(ConformanceArgs),
    /// Say what the code of a rejection means
    Explain(ExplainArgs),
}

/// Who executes a program.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum, Debug)]
pub enum Engine {
    /// Compiled code
    Jit,
    /// The reference interpreter
    Interp,
}

/// For whom the output is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Format {
    /// Text for people.
    Text,
    /// One JSON object a line.
    Json,
}

/// The flag that chooses the output.
#[derive(Args, Debug)]
pub struct Output {
    /// Print one JSON object a line and nothing else
    #[arg(long, action = ArgAction::SetTrue)]
    json: bool,
}

impl Output {
    /// What was chosen.
    pub const fn format(&self) -> Format {
        if self.json { Format::Json } else { Format::Text }
    }
}

/// Against what programs are verified.
#[derive(Args, Clone, Debug)]
pub struct HostArgs {
    /// The application: a binary built with opswap (read, not executed), or its interface file
    #[arg(long, value_name = "FILE", conflicts_with = "linux")]
    pub host: Option<PathBuf>,
    /// Linux: its program types, helpers and kfuncs, over the running kernel's types or those of a file
    #[arg(long, value_name = "VMLINUX.btf", num_args = 0..=1)]
    pub linux: Option<Option<PathBuf>>,
}

/// Arguments of `opswap verify`.
#[derive(Args, Debug)]
pub struct VerifyArgs {
    /// Object files
    #[arg(value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// The host.
    #[command(flatten)]
    pub host: HostArgs,
    /// Look at the program with this name only
    #[arg(long, value_name = "NAME")]
    pub prog: Option<String>,
    /// 0: a line for each program; 1: the report of a rejection too; 2: the walk too, in the format of Linux's log
    #[arg(long, value_name = "LEVEL", default_value = "1", value_parser = clap::value_parser!(u8).range(0..=2))]
    pub log: u8,
    /// Text or JSON.
    #[command(flatten)]
    pub output: Output,
}

/// Arguments of `opswap run`.
#[derive(Args, Debug)]
pub struct RunArgs {
    /// Object file
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Name of the program
    #[arg(long, value_name = "NAME")]
    pub prog: String,
    /// As Linux: its program types and helpers, over the running kernel's types or those of a file. What needs a kernel's objects
    /// ends the run
    #[arg(long, value_name = "VMLINUX.btf", num_args = 0..=1, require_equals = true)]
    pub linux: Option<Option<PathBuf>>,
    /// With --linux: the packet from its Ethernet header on, in hexadecimal; 64 zero bytes otherwise
    #[arg(long, value_name = "HEX", requires = "linux")]
    pub data: Option<String>,
    /// Memory that r1 points to, in hexadecimal; r2 is its length
    #[arg(long, value_name = "HEX", default_value = "")]
    pub ctx: String,
    /// How often to run it
    #[arg(long, value_name = "N", default_value = "1", value_parser = clap::value_parser!(u64).range(1..))]
    pub repeat: u64,
    /// Who executes the program
    #[arg(long, value_enum, default_value = "jit")]
    pub engine: Engine,
    /// Text or JSON.
    #[command(flatten)]
    pub output: Output,
}

/// What `opswap dump` prints.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum, Debug)]
pub enum DumpForm {
    /// The instructions, linked
    Bytecode,
    /// The instructions as engines execute them
    Xlated,
    /// Machine code, with made-up addresses
    Jited,
    /// The control flow, in the DOT language
    Cfg,
}

/// Arguments of `opswap dump`.
#[derive(Args, Debug)]
pub struct DumpArgs {
    /// Object file
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// The host.
    #[command(flatten)]
    pub host: HostArgs,
    /// Name of the program
    #[arg(long, value_name = "NAME")]
    pub prog: String,
    /// In which form
    #[arg(value_enum)]
    pub form: DumpForm,
}

/// Arguments of `opswap inspect`.
#[derive(Args, Debug)]
pub struct InspectArgs {
    /// A binary built with opswap, or an interface file
    #[arg(value_name = "ELF")]
    pub file: PathBuf,
    /// Text or JSON.
    #[command(flatten)]
    pub output: Output,
}

/// Arguments of `opswap header`.
#[derive(Args, Debug)]
pub struct HeaderArgs {
    /// A binary built with opswap, or an interface file
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
}

/// Arguments of `opswap interface`.
#[derive(Args, Debug)]
pub struct InterfaceArgs {
    /// A binary built with opswap
    #[arg(value_name = "ELF")]
    pub file: PathBuf,
    /// Where to write
    #[arg(short, long, value_name = "FILE.btf")]
    pub output: PathBuf,
}

/// Arguments of `opswap conformance`.
#[derive(Args, Debug)]
pub struct ConformanceArgs {
    /// Memory that r1 points to, in hexadecimal; r2 is its length
    #[arg(value_name = "MEM_HEX")]
    pub memory: Option<String>,
    /// Who executes the program; the compiler takes only what the verifier accepts
    #[arg(long, value_enum, default_value = "jit")]
    pub engine: Engine,
    /// Standard input is an ELF object with a function `main`, in hexadecimal, instead of instructions
    #[arg(long)]
    pub elf: bool,
}

/// Arguments of `opswap explain`.
#[derive(Args, Debug)]
pub struct ExplainArgs {
    /// The code, as in `OSW0103`; without it, all codes are listed
    pub code: Option<String>,
}
