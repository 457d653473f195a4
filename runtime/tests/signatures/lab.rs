//! Program text against this crate's declarations, run by both engines.

use opswap::registry::Registry;
use opswap::{Engine, LoadError, Program, RunError, Runtime};
use opswap_bpf::asm::{Names, assemble_with};
use opswap_bpf::btf::Signedness;
use opswap_bpf::insn::{CallTarget, Size};
use opswap_bpf::proto::{ContextLayout, MemAccess, ReturnRule, Sleepable};
use opswap_bpf::{EntryProto, ProgramKind};

struct Kfuncs<'r>(&'r Registry);

impl Names for Kfuncs<'_> {
    fn call(&self, name: &str) -> Option<CallTarget> {
        self.0.kfunc_named(name).map(|id| CallTarget::Kfunc { id, module: 0 })
    }
}

/// Bytes of a program's context.
pub(crate) const SIZE: usize = 16;

fn entry() -> EntryProto {
    EntryProto {
        name: "test".to_owned(),
        context: ContextLayout::Memory { size: SIZE as u32, access: MemAccess::ReadWrite },
        ret: ReturnRule::Scalar { size: Size::DW, signed: Signedness::Unsigned },
        sleepable: Sleepable::No,
        declared_at: None,
    }
}

/// The loaded program, or why it is refused.
pub(crate) fn load(text: &str) -> Result<Program, String> {
    let registry = Registry::collect().expect("the declarations agree");
    let assembly = assemble_with(text, &Kfuncs(&registry)).unwrap_or_else(|error| panic!("{error}\n{text}"));
    let program = opswap_bpf::Program::bare("test", ProgramKind::Named("test".into()), assembly.insns);
    let runtime = Runtime::builder().entry("test", entry()).build().expect("the declarations agree");
    runtime.load_program(program).map_err(|error| {
        if let LoadError::Rejected { rejection, .. } = error {
            rejection.to_string()
        } else {
            error.to_string()
        }
    })
}

/// What a program that both engines must accept gives in each.
pub(crate) fn run(text: &str) -> [Result<u64, RunError>; 2] {
    let program = load(text).unwrap_or_else(|error| panic!("{error}\n{text}"));
    [Engine::Jit, Engine::Interpreter].map(|engine| program.run_with(engine, &mut [0; SIZE]))
}

/// The one result of both engines.
pub(crate) fn value(text: &str) -> u64 {
    let [jit, interpreter] = run(text);
    let value = jit.unwrap_or_else(|error| panic!("{error}\n{text}"));
    assert_eq!(interpreter, Ok(value), "the interpreter differs:\n{text}");
    value
}

/// The refusal of a program.
pub(crate) fn refusal(text: &str) -> String {
    match load(text) {
        Ok(_) => panic!("accepted:\n{text}"),
        Err(refusal) => refusal,
    }
}
