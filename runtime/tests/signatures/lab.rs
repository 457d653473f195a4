//! Program text against this crate's declarations, run by both engines.

use std::sync::Arc;

use opswap::registry::Registry;
use opswap::{Engine, LoadError, Program, RunError, Runtime};
use opswap_bpf::asm::{Names, assemble_with};
use opswap_bpf::btf::Signedness;
use opswap_bpf::insn::{CallTarget, Size};
use opswap_bpf::map::{MapKind, MapProto};
use opswap_bpf::proto::{ContextLayout, MemAccess, ReturnRule, Sleepable};
use opswap_bpf::{BtfId, EntryProto, ProgramKind};

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
    load_with(text, Vec::new())
}

/// A map with one value of 16 bytes.
fn values() -> MapProto {
    MapProto {
        name: "values".to_owned(),
        kind: MapKind::Array,
        key_size: 4,
        value_size: 16,
        max_entries: 1,
        flags: 0,
        key_type: BtfId(0),
        value_type: BtfId(0),
        fields: Vec::new(),
        inner: None,
        frozen: None,
    }
}

/// What a program with that map (`map_value[0]`) gives in both engines.
pub(crate) fn with_map(text: &str) -> Result<[u64; 2], String> {
    let once = |engine| {
        let program = load_with(text, vec![Arc::new(values())])?;
        program.run_with(engine, &mut [0; SIZE]).map_err(|error| error.to_string())
    };
    Ok([once(Engine::Jit)?, once(Engine::Interpreter)?])
}

fn load_with(text: &str, maps: Vec<Arc<MapProto>>) -> Result<Program, String> {
    let registry = Registry::collect().expect("the declarations agree");
    let assembly = assemble_with(text, &Kfuncs(&registry)).unwrap_or_else(|error| panic!("{error}\n{text}"));
    let mut program = opswap_bpf::Program::bare("test", ProgramKind::Named("test".into()), assembly.insns);
    program.maps = maps;
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
