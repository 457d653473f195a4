//! What expansions of the macros name. Not public API: anything here may change in any release.
//!
//! | file | owns |
//! |---|---|
//! | `shim` | the functions that compiled code calls |
//! | `op` | the way from a typed wrapper into an operation |
//! | `agree` | whether a flag word agrees with a signature |
//! | `describe` | constants that the macros compose descriptors of |

pub mod agree;
mod describe;
mod op;
mod shim;

pub use core;
pub use linkme;

pub use crate::declare::{
    AccessDecl, ArgDecl, ArgShape, DeclHeader, DeclKind, EnumeratorDecl, IntForm, KfuncDecl, MemberDecl,
    OpsMemberDecl, Place, PresenceDecl, RetShape, SetDecl, SleepDecl, StructOpsDecl, Tie, TypeDecl, TypeExpr,
    TypeForm, TypeKey, cfi_hash,
};
pub use crate::registry::{OPSWAP_KFUNCS, OPSWAP_STRUCT_OPS, OPSWAP_TYPES};
pub use crate::struct_ops::PinGuard;
pub use crate::struct_ops::{PinnedTable, StructOpsType};
pub use crate::types::{BtfEnum, BtfObject, BtfType, Fixed, KfuncArg, KfuncRet, OpArg, OpRet, Tied, ViaEnum};

pub use describe::{
    Limit, arg_shape, data_member, enumerators, legal, member, op_arg_shape, op_member, op_ret_shape,
    rcu_member, repr_of, ret_shape,
};
pub use op::{call, op_value};
pub use shim::{
    KfuncName, shim0, shim1, shim2, shim3, shim4, shim5, shim6, shim7, shim8, shim9, shim10, shim11, shim12,
};
