//! Program text against the application's declarations: for an operation's verdict, or run on its own.

use opswap::registry::Registry;
use opswap::{LoadError, Program, Rejection, RunError, Runtime};
use opswap_bpf::asm::{Names, assemble_with};
use opswap_bpf::btf::Signedness;
use opswap_bpf::insn::{CallTarget, Size};
use opswap_bpf::proto::{ContextLayout, MemAccess, ReturnRule, Sleepable};
use opswap_bpf::{EntryProto, OpIdx, ProgramKind};

struct Kfuncs<'r>(&'r Registry);

impl Names for Kfuncs<'_> {
    fn call(&self, name: &str) -> Option<CallTarget> {
        self.0.kfunc_named(name).map(|id| CallTarget::Kfunc { id, module: 0 })
    }
}

pub(crate) fn program(kind: ProgramKind, text: &str) -> opswap_bpf::Program {
    let registry = Registry::collect().expect("the declarations agree");
    let assembly = assemble_with(text, &Kfuncs(&registry)).unwrap_or_else(|error| panic!("{error}\n{text}"));
    opswap_bpf::Program::bare("attack", kind, assembly.insns)
}

/// The verdict on a program for operation `op` of the table.
pub(crate) fn verdict(op: u32, text: &str) -> Result<(), Rejection> {
    let runtime = Runtime::new().expect("the declarations agree");
    let kind = ProgramKind::StructOps { ops: "attack_ops".into(), op: OpIdx(op) };
    opswap::verifier::verify(program(kind, text), runtime.host()).map(|_| ())
}

pub(crate) const SIZE: u32 = 16;

pub(crate) fn alone() -> EntryProto {
    EntryProto {
        name: "alone".to_owned(),
        context: ContextLayout::Memory { size: SIZE, access: MemAccess::ReadWrite },
        ret: ReturnRule::Scalar { size: Size::DW, signed: Signedness::Unsigned },
        sleepable: Sleepable::No,
        declared_at: None,
    }
}

/// A program that runs on its own, with 16 bytes of context.
pub(crate) fn load(text: &str) -> Result<Program, String> {
    let runtime = Runtime::builder().entry("alone", alone()).build().expect("the declarations agree");
    runtime.load_program(program(ProgramKind::Named("alone".into()), text)).map_err(|error| {
        if let LoadError::Rejected { rejection, .. } = error {
            rejection.to_string()
        } else {
            error.to_string()
        }
    })
}

pub(crate) fn run(text: &str) -> Result<u64, RunError> {
    load(text).unwrap_or_else(|error| panic!("{error}\n{text}")).run(&mut [0; SIZE as usize])
}
