//! Contracts: what a host function asks of its arguments and promises about its result, and what an entry point is given.
//!
//! The macros derive a contract from a Rust signature, the `linux` crate from BTF and data tables; the verifier knows no other
//! source. Contracts hold no addresses: where code lies is the JIT linker's business.
//!
//! | file | owns |
//! |---|---|
//! | `args` | [`ArgProto`], [`ArgKind`]: one parameter |
//! | `returns` | [`RetProto`], [`RetKind`]: the result |
//! | `function` | [`KfuncProto`], [`KfuncFlags`], [`HelperProto`] |
//! | `block` | how engines lay a structured context out |
//! | `entry` | [`EntryProto`], [`ContextLayout`], [`StructOpsProto`]: where programs are attached |

mod args;
mod block;
mod entry;
mod function;
mod returns;

pub use args::{
    Allocation, ArgIdx, ArgKind, ArgProto, Demand, DynptrKind, DynptrMemory, FieldKind, IrqClass, IrqRole,
    IterRole, MemAccess, MemInit, MemSize, NodeUse, Nullness, SizeRule,
};
pub use entry::{
    ContextArg, ContextField, ContextLayout, ContextValue, EntryProto, FieldAccess, FieldPolicy, LegacyLoads,
    NarrowAccess, OpPresence, OpProto, PacketRules, PointerPolicy, RecordProto, ReturnRule, Sleepable,
    StructOpsMember, StructOpsMemberKind, StructOpsProto,
};
pub use function::{DeclaredAt, HelperEffects, HelperProto, Intrinsic, KfuncFlags, KfuncProto};
pub use returns::{RetKind, RetProto, RetTrust};
