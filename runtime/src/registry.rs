//! [`Registry`]: everything that the linked crates declared, in a fixed order, as contracts, addresses and one BTF.
//!
//! The records come from link-time slices ([`linkme`] is named here and in its re-export for the macros alone). Their order in the
//! binary means nothing: kfuncs are numbered by name, types by key, so the same sources always give the same registry.

use crate::declare::{KfuncDecl, StructOpsDecl, TypeDecl};

/// Every `#[kfunc]` of the program.
#[doc(hidden)]
#[linkme::distributed_slice]
pub static KFUNCS: [KfuncDecl];

/// Every `#[struct_ops]` of the program.
#[doc(hidden)]
#[linkme::distributed_slice]
pub static STRUCT_OPS: [StructOpsDecl];

/// Every `#[derive(Btf)]` of the program.
#[doc(hidden)]
#[linkme::distributed_slice]
pub static TYPES: [TypeDecl];
