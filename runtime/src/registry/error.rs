//! [`RegistryError`]: declarations that contradict each other.

use crate::declare::{DiskError, Place};

/// Why the linked declarations do not make a registry.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RegistryError {
    /// Two declarations of one name.
    #[error(
        "two {what}s are called `{name}`: one at {first}, one at {second}; give one of them another `name = \"…\"`"
    )]
    Duplicate {
        /// `kfunc`, `struct_ops` or `type`.
        what: &'static str,
        /// The name.
        name: String,
        /// The declaration that comes first by file and line.
        first: Place,
        /// The other.
        second: Place,
    },
    /// A type is used but not declared.
    #[error(
        "`{used_in}` at {place} uses a type that no linked crate declares; \
         is its crate linked? add `use that_crate as _;`"
    )]
    UnknownType {
        /// The declaration that uses it.
        used_in: String,
        /// Where that was written.
        place: Place,
    },
    /// A signature that programs cannot call or be called with.
    #[error("`{name}` at {place}: {problem}")]
    Signature {
        /// The declaration.
        name: String,
        /// Where it was written.
        place: Place,
        /// What is wrong, and what to do.
        problem: String,
    },
    /// An initcall failed, or registered what cannot be.
    #[error("{problem}")]
    Initcall {
        /// Which initcall, and what is wrong.
        problem: String,
    },
    /// A record was written by another version of the crate.
    #[error(
        "the declaration of `{name}` at {place} was compiled against another version of opswap; \
         build all crates against one version"
    )]
    OtherVersion {
        /// The declaration.
        name: String,
        /// Where it was written.
        place: Place,
    },
}

/// Why a built binary does not make a registry.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BinaryError {
    /// Its records cannot be read.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// Its declarations contradict each other.
    #[error(transparent)]
    Registry(#[from] RegistryError),
}
