//! The result of a host function.

use crate::btf::Signedness;
use crate::ids::{RecordId, TypeRef};
use crate::insn::Size;

use super::args::{Allocation, ArgIdx, MemAccess, MemSize, Nullness};

/// How far a returned object pointer may be trusted.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum RetTrust {
    /// The program owns a reference and must release it (KF_ACQUIRE).
    Owned,
    /// Valid as long as the argument lives from which it was borrowed.
    Borrowed(ArgIdx),
    /// Valid for good (`&'static T`), or for the program's run.
    Trusted,
    /// Valid within the RCU read-side section (KF_RCU_PROTECTED).
    Rcu,
    /// May be read through checked reads only.
    Untrusted,
}

/// What `R0` holds after the call.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum RetKind {
    /// Nothing: `R0` is unreadable.
    Void,
    /// A number, extended to 64 bits by its signedness.
    Scalar {
        /// Declared width.
        size: Size,
        /// Declared signedness.
        signed: Signedness,
    },
    /// A pointer to a host object.
    Object {
        /// The type.
        ty: TypeRef,
        /// Ownership.
        trust: RetTrust,
    },
    /// A number within `min..=max` as a signed value.
    Range {
        /// Least value.
        min: i64,
        /// Greatest value.
        max: i64,
    },
    /// A negative error number, or a count that the size in this argument bounds.
    CountOrErrno(ArgIdx),
    /// A pointer to a record.
    Record {
        /// Which.
        id: RecordId,
        /// Ownership.
        trust: RetTrust,
    },
    /// A pointer to this CPU's, or another CPU's, copy of the per-CPU variable in an argument.
    PercpuOf(ArgIdx),
    /// The host object that this argument (a kptr field) held before.
    KptrOf(ArgIdx),
    /// A new object that the program owns, of the struct of its own BTF whose id this constant argument holds.
    Allocated {
        /// The argument.
        ty: ArgIdx,
        /// How it is allocated.
        by: Allocation,
    },
    /// An element of the list head or tree root in this argument: owned, or borrowed under the lock ([`RetTrust::Borrowed`]).
    ElementOf {
        /// The argument.
        root: ArgIdx,
        /// Ownership.
        trust: RetTrust,
    },
    /// One more reference to the object in this argument.
    SameAs(ArgIdx),
    /// The pointer in another argument, seen as untrusted and read-only: as the host's struct whose type id this constant
    /// argument holds, or as bytes if that is 0 (`bpf_rdonly_cast`).
    Cast {
        /// The argument.
        ty: ArgIdx,
    },
    /// A pointer to plain memory.
    Memory {
        /// Its size.
        size: MemSize,
        /// What the program may do.
        access: MemAccess,
        /// The argument from which it was borrowed.
        tie: Option<ArgIdx>,
    },
    /// A pointer to a value of the map argument.
    MapValue,
}

/// The result and whether it may be NULL.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct RetProto {
    /// What it is.
    pub kind: RetKind,
    /// May it be NULL (KF_RET_NULL)?
    pub null: Nullness,
}
