//! kfuncs and struct_ops for any Rust program.

#[doc(hidden)]
pub mod declare;
mod enter;
mod error;
#[allow(dead_code, reason = "its user is the object loader")]
pub mod helpers;
pub mod loader;
#[allow(dead_code, reason = "its user is the object loader")]
pub mod maps;
#[doc(hidden)]
pub mod private;
mod program;
pub mod registry;
#[allow(dead_code, unreachable_pub, reason = "its users are the shims that the macros generate")]
mod run;
#[allow(dead_code, reason = "its users are the wrappers that the macros generate, and the object loader")]
pub mod struct_ops;
mod types;

#[doc(hidden)]
pub use self::private as __private;
/// The vocabulary: instructions, contracts, types, the interpreter.
pub use opswap_bpf as bpf;
/// The verifier, for tools.
pub use opswap_verifier as verifier;

pub use error::{AttachError, LoadError, MapError, RunError, TableError};
pub use opswap_macros::{Btf, kfunc, struct_ops};
pub use run::CallSite;
pub use struct_ops::{
    Calls, Link, Member, Pinned, PinnedTable, Prepared, Refusal, Slot, StructOps, TableView, VersionRecord,
};
pub use types::{
    BpfCell, BtfEnum, BtfObject, BtfType, CellValue, Const, ConstSize, Errno, ErrnoPayload, Ignored, KRef,
    KfuncArg, KfuncRet, OpArg, OpRet, Pod, Pointee, PointeeMut, Rcu,
};
