//! What expansions of the macros name. Not public API: anything here may change in any release.
//!
//! | file | owns |
//! |---|---|
//! | `shim` | the functions that compiled code calls |
//! | `raw` | the same in raw mode |
//! | `op` | the way from a typed wrapper into an operation |
//! | `parts` | what they are made of: words, and a value for each type |
//! | `agree` | whether a flag word agrees with a signature |
//! | `describe` | constants that the macros compose descriptors of |

pub mod agree;
mod describe;
mod op;
mod parts;
mod raw;
mod shim;

pub use core;
pub use inventory;
pub use linkme;
pub use std::boxed::Box;

pub use crate::__place as place;
pub use crate::__stub as stub;

pub use crate::declare::{
    AccessDecl, ArgDecl, ArgShape, DeclHeader, DeclKind, EnumeratorDecl, IntForm, KfuncDecl, Linked,
    MemberDecl, NullDecl, OpsMemberDecl, Place, PointerDecl, PresenceDecl, RetShape, SetDecl, SleepDecl,
    StructOpsDecl, StubAddr, Tie, TypeDecl, TypeExpr, TypeForm, TypeKey, cfi_hash,
};
pub use crate::initcall::InitcallDecl;
pub use crate::module::{HostAllocator, ModuleDecl, attach_point};
pub use crate::registry::near::listed;
pub use crate::registry::{OPSWAP_KFUNCS, OPSWAP_STRUCT_OPS, OPSWAP_TYPES};
pub use crate::struct_ops::PinGuard;
pub use crate::struct_ops::{PinnedTable, StructOpsType};
pub use crate::types::{
    BtfEnum, BtfGeneric, BtfObject, BtfType, Carried, IterItem, IterRoom, IterSlot, IterState, KfuncArg,
    KfuncRet, OpArg, OpArgs, OpRet, Pod, RawTyped, Returned, ViaEnum, ViaValue, iter_words,
};

pub use describe::{
    Limit, data_member, enumerators, legal, limited, member, no_padding, op_arg_shape, op_member,
    op_ret_shape, plain, rcu_member, repr_of, stubbed,
};
pub use op::call;
pub use parts::{Fixed, In, RawCaller, RawErased, RawIn, RawOut, Tied, arg, raw, raw_ret, ret, words};
pub use raw::{raw0, raw1, raw2, raw3, raw4, raw5, raw6, raw7, raw8, raw9, raw10, raw11, raw12};
pub use shim::{
    kfunc0, kfunc1, kfunc2, kfunc3, kfunc4, kfunc5, kfunc6, kfunc7, kfunc8, kfunc9, kfunc10, kfunc11,
    kfunc12, linked,
};
