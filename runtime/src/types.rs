//! The types and traits that appear in signatures of kfuncs and operations, and in structs that programs see.
//!
//! What a parameter means is a constant of a trait on its type. The traits a user meets are safe to implement, because each names a
//! `Via`: one of the carriers below, whose `unsafe impl`s in this folder do the conversion and state what it asks of the registers.
//!
//! | file | owns |
//! |---|---|
//! | `btf` | [`BtfType`], [`BtfObject`]: types with a C type; numbers |
//! | `fields` | pointers, cells and atomics as fields |
//! | `pod` | [`Pod`]: types for which any bytes are a value |
//! | `arg`, `ret` | [`KfuncArg`], [`KfuncRet`]: program to host and back |
//! | `op` | [`OpArg`], [`OpRet`]: host to program and back |
//! | `given` | [`Given`], [`GivenMut`]: references, slices and values that operations are given |
//! | `number`, `checked`, `constant` | numbers; `bool` and enums; [`Const`] |
//! | `pointee`, `memory` | references to objects and to plain memory; slices and strings |
//! | `kernel` | the kernel's own types: locks, timers, lists, trees |
//! | `out` | [`Out`]: memory that a kfunc fills in |
//! | `raw` | [`RawValue`]: numbers and raw pointers, by the kernel's suffixes |
//! | `uninit`, `dynptr`, `iter`, `irq` | objects on the program's stack: [`Uninit`], [`Dynptr`], [`Iter`], [`IrqFlag`] |
//! | `rust_iter` | Rust iterators as such objects |
//! | `lent` | [`Lent`]: what is returned by reference |
//! | `callback` | [`Callback`]: functions of the program |
//! | `special` | the calling program, maps, [`KptrSlot`] |
//! | `kref`, `cell`, `errno`, `rcu` | [`KRef`], [`BpfCell`], [`Errno`], [`Rcu`] |

mod arg;
mod btf;
mod callback;
mod cell;
mod checked;
mod constant;
mod dynptr;
mod errno;
mod fields;
mod given;
mod irq;
mod iter;
mod kernel;
mod kref;
mod lent;
mod memory;
mod number;
mod op;
mod out;
mod pod;
mod pointee;
mod raw;
mod rcu;
mod ret;
mod rust_iter;
mod special;
mod uninit;

pub use arg::{Carried, KfuncArg};
pub(crate) use arg::{Carrier, Decode, Raw};
pub use btf::{BtfGeneric, BtfObject, BtfType};
pub use callback::{Callback, CallbackFn, CallbackNumber, Stopped};
pub use cell::{BpfCell, CellValue};
pub use checked::{BtfEnum, ViaEnum};
pub use constant::{Const, ConstSize, Ignored};
pub use dynptr::{Dynptr, DynptrError};
pub use errno::{Errno, ErrnoPayload};
pub use given::{Given, GivenMut, ViaValue};
pub use irq::IrqFlag;
pub use iter::Iter;
pub use kernel::{
    ListHead, ListNode, RbNode, RbRoot, Refcount, ResSpinLock, SpinLock, TaskWork, Timer, Workqueue,
};
pub use kref::KRef;
pub use lent::Lent;
pub(crate) use op::{DecodeRet, EncodeArg, gives};
pub use op::{OpArg, OpArgs, OpRet};
pub use out::Out;
pub use pod::Pod;
pub use pointee::{Pointee, PointeeMut};
pub(crate) use raw::Erased;
pub(crate) use raw::RawGiven;
pub(crate) use raw::{RawShape, raw_args, raw_ret};
pub use raw::{RawTyped, RawValue};
pub use rcu::Rcu;
pub(crate) use ret::{Encode, RetFamily};
pub use ret::{KfuncRet, Returned};
pub use rust_iter::{IterItem, IterRoom, IterSlot, IterState, iter_words};
pub use special::{KptrSlot, MapOf};
pub use uninit::{OnStack, Uninit};
