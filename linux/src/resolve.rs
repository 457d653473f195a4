//! What imports of object files mean on Linux: kfuncs, kernel variables, and the types for CO-RE.

use opswap::loader::{HostVariable, Import, KfuncTarget, Resolve, ResolveError};
use opswap_bpf::Btf;
use opswap_bpf::btf::BtfType;

use crate::Linux;

fn unknown(what: &'static str) -> ResolveError {
    ResolveError::Unknown { what, near: None, known: vec!["those of the kernel's BTF".to_owned()] }
}

impl Resolve for Linux {
    fn kfunc(&self, import: Import<'_>) -> Result<KfuncTarget, ResolveError> {
        let id = self.kfunc_named(import.name).ok_or_else(|| unknown("kfunc"))?;
        Ok(KfuncTarget { id, module: 0 })
    }

    /// A kernel variable with its type, or the address of a function.
    fn variable(&self, import: Import<'_>) -> Result<HostVariable, ResolveError> {
        let btf = Linux::types(self);
        let found = btf
            .find(import.name, |ty| matches!(ty, BtfType::Var(_)))
            .or_else(|| btf.find_func(import.name))
            .ok_or_else(|| unknown("variable"))?;
        Ok(HostVariable { id: found, module: 0 })
    }

    fn types(&self) -> Option<&Btf> {
        Some(Linux::types(self))
    }
}
