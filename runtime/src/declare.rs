//! Static descriptors: what the macros leave in the binary, one record per kfunc, type and table of operations.
//!
//! Records are `#[repr(C)]` and hold nothing but numbers, strings, slices of records and function addresses, so that a tool can
//! read them from the file without running it. Types name each other by key, never by address (see [`TypeKey`]); the
//! [`registry`](crate::registry) turns the records into BTF and contracts. Layout changes need a new [`VERSION`].
//!
//! | file | owns |
//! |---|---|
//! | `header` | [`DeclHeader`], [`Place`]: what begins every record |
//! | `type_expr` | [`TypeKey`], [`TypeExpr`], [`Step`] |
//! | `kernel` | [`KernelType`]: types that programs know from the kernel |
//! | `shape` | [`ArgShape`], [`RetShape`]: the meaning of a Rust type in a signature |
//! | `linked` | [`Linked`]: records as the link-time slices hold them |
//! | `kfunc` | [`KfuncDecl`], [`ArgDecl`] |
//! | `set` | [`SetDecl`], [`kfunc_set!`](crate::kfunc_set) |
//! | `types` | [`TypeDecl`], [`MemberDecl`] |
//! | `table` | [`StructOpsDecl`], [`OpsMemberDecl`] |
//! | `cfi` | [`cfi_hash`] |
//! | `disk` | [`DiskRecords`]: the records of a built binary |

mod cfi;
mod disk;
mod header;
mod kernel;
mod kfunc;
mod linked;
mod set;
mod shape;
mod table;
mod type_expr;
mod types;

pub use cfi::cfi_hash;
pub use disk::{DiskError, DiskRecords};
pub use header::{DeclHeader, DeclKind, MAGIC, Place, VERSION};
pub use kernel::KernelType;
pub(crate) use kernel::Layout as KernelLayout;
pub use kfunc::{ArgDecl, KfuncDecl, KfuncDraft, ShimAddr, Tie};
pub use linked::Linked;
pub use set::{Filter, FilterVerdict, SetDecl};
pub use shape::{ArgForm, ArgShape, DemandDecl, MemRule, NullDecl, RetForm, RetShape, SizeDecl, TrustDecl};
pub use table::{OpsMemberDecl, OpsMemberForm, PresenceDecl, SleepDecl, StructOpsDecl, StubAddr};
pub use type_expr::{IntForm, Step, StepKind, TypeExpr, TypeKey};
pub use types::{AccessDecl, EnumeratorDecl, MemberDecl, PointerDecl, TypeDecl, TypeForm};
