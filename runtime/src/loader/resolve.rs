//! [`Resolve`]: how a host answers an object's imports.

use opswap_bpf::btf::Mismatch;
use opswap_bpf::{Btf, BtfId, KfuncId};

/// A reference from an object to its host.
#[derive(Clone, Copy, Debug)]
pub struct Import<'a> {
    /// Name that the host is asked for.
    pub name: &'a str,
    /// FUNC or VAR in `btf`; 0 when the object does not say.
    pub ty: BtfId,
    /// The object's types.
    pub btf: Option<&'a Btf>,
}

/// A kfunc as calls name it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct KfuncTarget {
    /// The host's id for it.
    pub id: KfuncId,
    /// 0 for the host itself.
    pub module: i16,
}

/// A host variable as 64-bit immediate loads name it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct HostVariable {
    /// VAR (or FUNC, for a bare address) in the host's BTF.
    pub id: BtfId,
    /// 0 for the host itself.
    pub module: u32,
}

/// Why the host cannot serve an import.
#[derive(Debug, thiserror::Error)]
pub enum ResolveError {
    /// The host has nothing of that name.
    #[error("the host has no such {what}{}", near_miss(near.as_deref(), known))]
    Unknown {
        /// `kfunc` or `variable`.
        what: &'static str,
        /// The most similar name that exists.
        near: Option<String>,
        /// Names that exist, for the message; may be cut short.
        known: Vec<String>,
    },
    /// The host's type differs from what the object declares.
    #[error(transparent)]
    Mismatch(#[from] Box<Mismatch>),
}

fn near_miss(near: Option<&str>, known: &[String]) -> String {
    let mut text = String::new();
    if let Some(near) = near {
        text.push_str(&format!("; did you mean `{near}`?"));
    }
    if known.is_empty() {
        text.push_str("; none is registered: is the crate that declares it linked (`use that_crate as _;`)?");
    } else {
        text.push_str(&format!("; registered: {}", known.join(", ")));
    }
    text
}

/// The host as the linker of objects sees it.
pub trait Resolve {
    /// The kfunc that `import` names, if its prototype is the one that the object declares.
    ///
    /// # Errors
    /// There is none, or it differs.
    fn kfunc(&self, import: Import<'_>) -> Result<KfuncTarget, ResolveError>;

    /// The variable that `import` names.
    ///
    /// # Errors
    /// There is none, or its type differs.
    fn variable(&self, import: Import<'_>) -> Result<HostVariable, ResolveError> {
        let _ = import;
        Err(ResolveError::Unknown { what: "variable", near: None, known: Vec::new() })
    }

    /// The host's types, against which CO-RE relocations are resolved.
    fn types(&self) -> Option<&Btf> {
        None
    }

    /// The host's types that objects must lay out alike, unless they use CO-RE. A host that leaves this to its authors,
    /// as Linux does with structs that carry their size, answers `None`.
    fn shared_types(&self) -> Option<&Btf> {
        self.types()
    }
}
