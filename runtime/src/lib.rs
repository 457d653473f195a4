//! kfuncs and struct_ops for any Rust program.

#[doc(hidden)]
pub mod declare;
mod enter;
mod error;
pub mod header;
pub mod helpers;
pub mod initcall;
mod interpret;
mod kernel;
pub mod loader;
pub mod maps;
pub mod module;
mod object;
#[doc(hidden)]
pub mod private;
mod program;
pub mod registry;
mod run;
mod runtime;
#[cfg(feature = "disasm")]
mod show;
pub mod struct_ops;
mod types;

#[doc(hidden)]
pub use self::private as __private;
/// The vocabulary: instructions, contracts, types, the interpreter.
pub use opswap_bpf as bpf;
/// The verifier, for tools.
pub use opswap_verifier as verifier;

pub use declare::{Filter, FilterVerdict, SetDecl as KfuncSet};
pub use error::{AttachError, LoadError, MapError, RunError, TableError};
pub use initcall::{InitLevel, Registrar};
pub use kernel::{Kernel, Packet};
pub use maps::{Map, UpdateMode};
pub use module::{Module, ModuleError, ModuleLink};
pub use object::Object;
pub use object::verdict::{Ruling, Verdict, WalkLog};
pub use opswap_bpf::ProgramKind;
pub use opswap_macros::{Btf, Pod, kfunc, kfunc_iter, struct_ops};
pub use opswap_verifier::{Limits, Rejection};
pub use program::{Engine, Program};
pub use run::CallSite;
pub use runtime::{Builder, Capabilities, LicensePolicy, Runtime, Source};
#[cfg(feature = "disasm")]
pub use show::disassemble;
pub use struct_ops::{
    Calls, Link, Member, Pinned, PinnedTable, Prepared, Refusal, Slot, StructOps, TableView, VersionRecord,
};
pub use types::{
    BpfCell, BtfEnum, BtfGeneric, BtfObject, BtfType, Callback, CallbackFn, CallbackNumber, CellValue, Const,
    ConstSize, Dynptr, DynptrError, Errno, ErrnoPayload, Given, GivenMut, Ignored, IrqFlag, Iter, IterItem,
    KRef, KfuncArg, KfuncRet, KptrSlot, Lent, ListHead, ListNode, MapOf, OnStack, OpArg, OpRet, Out, Pod,
    Pointee, PointeeMut, RawValue, RbNode, RbRoot, Rcu, Refcount, ResSpinLock, SpinLock, Stopped, TaskWork,
    Timer, Uninit, Workqueue,
};
