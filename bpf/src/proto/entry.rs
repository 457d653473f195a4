//! Where programs are attached: what an entry point is given and must return, and the tables of operations.

use crate::btf::Signedness;
use crate::ids::{OpIdx, RecordId, TypeRef};
use crate::insn::Size;

use super::args::{Demand, MemAccess, Nullness};
use super::function::DeclaredAt;

/// Whether a program may call functions that sleep.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Sleepable {
    /// It may not.
    No,
    /// It may.
    Yes,
}

/// What a read of the context yields.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ContextValue {
    /// A number.
    Scalar {
        /// Declared width; upper bits of the slot are its extension.
        size: Size,
        /// Declared signedness.
        signed: Signedness,
    },
    /// A pointer to a host object. `Owned` means that the program must release or return it.
    Object {
        /// Type.
        ty: TypeRef,
        /// How the program holds it.
        demand: Demand,
    },
    /// A pointer to a record.
    Record {
        /// Which.
        id: RecordId,
        /// How the program holds it.
        demand: Demand,
    },
    /// A pointer to plain memory.
    Memory {
        /// Bytes.
        size: u32,
        /// What the program may do.
        access: MemAccess,
    },
    /// First byte of the packet.
    PacketStart,
    /// First byte of the metadata in front of the packet.
    PacketMeta,
    /// One past the packet.
    PacketEnd,
}

/// One argument of an operation: slot `i` of the context, 8 bytes each.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ContextArg {
    /// Name.
    pub name: String,
    /// What it is.
    pub value: ContextValue,
    /// May it be NULL?
    pub null: Nullness,
}

/// Whether parts of a context field may be accessed.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum NarrowAccess {
    /// Only as a whole.
    Forbidden,
    /// Aligned parts of 1, 2, 4 or 8 bytes may be read.
    Allowed,
    /// Aligned parts may be read and written.
    AnyPart,
    /// Aligned parts may be read; parts of 4 or 8 bytes may be written (an array of 32-bit numbers).
    Words,
    /// Aligned parts of 8 bytes only.
    Longs,
    /// As [`NarrowAccess::Allowed`], and the padding behind may be read along (a 16-bit port read as 4 bytes).
    Padded,
}

impl NarrowAccess {
    /// Whether an access of `bytes` bytes at `within` in a field of `size` bytes fits; `access` tells reads from writes.
    pub fn permits(self, size: u32, within: u32, bytes: u32, access: MemAccess) -> bool {
        if within == 0 && bytes == size {
            return true;
        }
        let aligned = bytes != 0 && within.is_multiple_of(bytes);
        let inside = within.checked_add(bytes).is_some_and(|end| end <= size);
        let reads = access == MemAccess::Read;
        match self {
            Self::Forbidden => false,
            Self::Allowed => reads && aligned && inside,
            Self::AnyPart => aligned && inside,
            Self::Words => aligned && inside && (reads || bytes >= 4),
            Self::Longs => aligned && inside && bytes == 8,
            Self::Padded => reads && (aligned && inside || within == 0 && bytes == 2 * size),
        }
    }
}

/// A field of a structured context (`struct __sk_buff`, `struct xdp_md` …).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ContextField {
    /// Byte offset.
    pub offset: u32,
    /// Bytes.
    pub size: u32,
    /// What a read gives.
    pub value: ContextValue,
    /// May it be NULL?
    pub null: Nullness,
    /// What the program may do.
    pub access: MemAccess,
    /// May parts be accessed?
    pub narrow: NarrowAccess,
}

/// What lies behind `R1` on entry.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ContextLayout {
    /// Nothing: `R1` is unreadable.
    None,
    /// One 8-byte slot per argument (operations, `tp_btf`, `fentry`).
    Args(Vec<ContextArg>),
    /// Named fields, sorted by offset.
    Fields(Vec<ContextField>),
    /// Plain memory (`syscall` programs, tests).
    Memory {
        /// Bytes.
        size: u32,
        /// What the program may do.
        access: MemAccess,
    },
    /// Plain memory in `R1` (a plain 0 when `size` is 0) and its size as a constant in `R2`, as conformance vectors expect.
    Buffer {
        /// Bytes.
        size: u32,
        /// What the program may do.
        access: MemAccess,
    },
}

/// An object that programs see through a table of fields: a socket as `struct bpf_sock`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RecordProto {
    /// The pointer's name in messages (`sock`, `sock_common`).
    pub name: &'static str,
    /// Its fields, sorted by offset.
    pub fields: Vec<ContextField>,
    /// The host's own type of the same object, for calls that ask for that.
    pub ty: Option<TypeRef>,
}

/// How programs of a kind may reach the packet.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct PacketRules {
    /// Through pointers into it; `None`: not at all.
    pub direct: Option<MemAccess>,
    /// Through the legacy loads (`BPF_LD_ABS`, `BPF_LD_IND`).
    pub legacy: LegacyLoads,
}

impl PacketRules {
    /// No packet.
    pub const NONE: Self = Self { direct: None, legacy: LegacyLoads::Refused };
}

/// Whether programs may contain legacy packet loads.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum LegacyLoads {
    /// They may not.
    Refused,
    /// They may; a load outside the packet ends the program with 0.
    Allowed,
}

/// What `R0` must be at the program's exit.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ReturnRule {
    /// The operation returns nothing; `R0` is ignored.
    Void,
    /// A number of this width; the caller reads only that.
    Scalar {
        /// Declared width.
        size: Size,
        /// Declared signedness.
        signed: Signedness,
    },
    /// A number within `min..=max` as a signed value.
    Range {
        /// Least value.
        min: i64,
        /// Greatest value.
        max: i64,
    },
    /// An owned reference to a host object, handed to the caller.
    Owned {
        /// Type.
        ty: TypeRef,
        /// May it be NULL?
        null: Nullness,
    },
}

/// An entry point's contract.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct EntryProto {
    /// Name for people (`cong_ops::on_ack`, `xdp`).
    pub name: String,
    /// What the program is given.
    pub context: ContextLayout,
    /// What it must return.
    pub ret: ReturnRule,
    /// May it sleep?
    pub sleepable: Sleepable,
    /// Where it was declared.
    pub declared_at: Option<DeclaredAt>,
}

/// Whether programs must provide an operation.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum OpPresence {
    /// They must.
    Required,
    /// They may.
    Optional,
    /// They must not.
    Unsupported,
}

/// An operation.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OpProto {
    /// Index among the operations.
    pub op: OpIdx,
    /// Contract of the programs that implement it.
    pub entry: EntryProto,
    /// Must programs provide it?
    pub presence: OpPresence,
    /// CFI type hash of its prototype.
    pub cfi_hash: u32,
}

/// A member of a table of operations.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StructOpsMember {
    /// Name.
    pub name: String,
    /// Byte offset in the table's C layout.
    pub offset: u32,
    /// Bytes.
    pub size: u32,
    /// Operation or data.
    pub kind: StructOpsMemberKind,
}

/// What a member is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum StructOpsMemberKind {
    /// A function.
    Op(OpProto),
    /// Plain data that the object file fills in.
    Data,
}

/// Contract of a table of operations.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StructOpsProto {
    /// Type name as objects spell it (`cong_ops`).
    pub name: String,
    /// Its STRUCT in the host's BTF.
    pub ty: TypeRef,
    /// Bytes of the C layout.
    pub size: u32,
    /// Members in order of offset.
    pub members: Vec<StructOpsMember>,
    /// Where it was declared.
    pub declared_at: Option<DeclaredAt>,
}

/// What programs may do with a field of a host object.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum FieldAccess {
    /// Neither read nor write.
    Hidden,
    /// Read.
    ReadOnly,
    /// Read, and write while the object is held exclusively.
    ReadWrite,
    /// Read, and write through any trusted pointer (`BpfCell`, atomics).
    Shared,
}

/// What a pointer read from a field of a host object is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum PointerPolicy {
    /// Borrowed from its parent: as trusted, and for as long (`Box<U>`, `&U`, `KRef<U>`).
    Borrowed(Nullness),
    /// RCU-protected (`RcuPtr<U>`, `__rcu`).
    Rcu(Nullness),
    /// Untrusted: checked reads only.
    Untrusted,
}

/// Policy of one member of a host struct.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct FieldPolicy {
    /// What programs may do with the bytes.
    pub access: FieldAccess,
    /// If it is a pointer: what reading it gives.
    pub pointer: PointerPolicy,
}
