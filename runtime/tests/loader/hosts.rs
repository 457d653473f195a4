//! A host made of two lists of names, and the objects of `tests/objects`.

use opswap::loader::{HostVariable, Import, KfuncTarget, Resolve, ResolveError};
use opswap_bpf::{Btf, BtfId, KfuncId};

/// The bytes of an object beside its source.
pub(crate) fn object(name: &str) -> Vec<u8> {
    let path = format!("{}/tests/objects/{name}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Serves kfuncs and variables by name; a kfunc's id is its index.
#[derive(Default)]
pub(crate) struct FakeHost {
    pub(crate) kfuncs: Vec<&'static str>,
    pub(crate) variables: Vec<&'static str>,
    pub(crate) types: Option<Btf>,
}

impl FakeHost {
    /// Everything that `full.bpf.o` asks for.
    pub(crate) fn full() -> Self {
        Self { kfuncs: vec!["unused", "task_poke", "task_weight"], variables: vec!["host_cpus"], types: None }
    }
}

fn index(names: &[&str], import: Import<'_>, what: &'static str) -> Result<u32, ResolveError> {
    match names.iter().position(|name| *name == import.name) {
        Some(at) => Ok(u32::try_from(at).expect("few names")),
        None => Err(ResolveError::Unknown {
            what,
            near: None,
            known: names.iter().map(|&name| name.to_owned()).collect(),
        }),
    }
}

impl Resolve for FakeHost {
    fn kfunc(&self, import: Import<'_>) -> Result<KfuncTarget, ResolveError> {
        index(&self.kfuncs, import, "kfunc").map(|at| KfuncTarget { id: KfuncId(at), module: 0 })
    }

    fn variable(&self, import: Import<'_>) -> Result<HostVariable, ResolveError> {
        index(&self.variables, import, "variable").map(|at| HostVariable { id: BtfId(100 + at), module: 0 })
    }

    fn types(&self) -> Option<&Btf> {
        self.types.as_ref()
    }
}
