//! What is known of one register: nothing, a number, or a pointer.
//!
//! Orthogonal properties of a pointer are separate fields: where it points, how far, whether it may be NULL, how it is held.

use opswap_bpf::proto::{DynptrMemory, MemAccess, Nullness};
use opswap_bpf::{BtfId, MapId, RecordId, RefId, SubprogId, TypeRef};

use crate::domain::Scalar;

/// Identity that values share: copies of one number, or copies of one nullable pointer. Unique on a path.
///
/// Of numbers, it also says by how much each differs from what they share: all 64 bits, modulo 2^64.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Identity {
    pub(crate) base: u32,
    /// The value minus what it shares.
    pub(crate) delta: i32,
}

impl Identity {
    /// Shared with nothing.
    pub const NONE: Self = Self { base: 0, delta: 0 };

    /// Identity number `base`.
    pub(crate) fn new(base: u32) -> Self {
        Self { base, delta: 0 }
    }

    /// Its number, for logs.
    pub fn number(self) -> u32 {
        self.base
    }

    /// Whether copies can be recognised.
    pub fn is_some(self) -> bool {
        self.base != 0
    }

    /// Whether both share something; they may differ by a constant.
    pub fn shares(self, other: Self) -> bool {
        self.is_some() && self.base == other.base
    }

    /// The identity of a number that is greater by `by`; none if that cannot be said. Constants do not add up, as in Linux: a
    /// counter would be another number in each round.
    pub(crate) fn plus(self, by: i64) -> Self {
        match i32::try_from(by) {
            Ok(0) => self,
            Ok(delta) if self.is_some() && self.delta == 0 => Self { delta, ..self },
            Ok(_) | Err(_) => Self::NONE,
        }
    }
}

/// A number and the identity of its copies: what a branch learns of one holds for all.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Number {
    /// The value.
    pub value: Scalar,
    /// Shared by equal copies.
    pub id: Identity,
}

/// Where a pointer points.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Region {
    /// The stack of frame number 0 (the entry's) and up; offset 0 is its top, the frame pointer.
    Stack(u8),
    /// The program's context.
    Context,
    /// The map itself.
    MapPtr(MapId),
    /// A value of a map.
    MapValue(MapId),
    /// A key of a map.
    MapKey(MapId),
    /// A host object of this type.
    Object(TypeRef),
    /// An object of a struct of the program's own BTF, allocated for it.
    Allocated(BtfId),
    /// Plain memory of a known size.
    Memory {
        /// Bytes.
        size: u32,
        /// What the program may do.
        access: MemAccess,
    },
    /// A dynptr of the host, which the program may only read through.
    Dynptr(DynptrMemory),
    /// Memory that need not be there: bytes anywhere, read through checked reads only.
    Probed,
    /// Somewhere in the program's arena: a fault there is the runtime's business, whatever the offset.
    Arena,
    /// A subprogram, for callbacks.
    Func(SubprogId),
    /// Somewhere in the packet.
    Packet {
        /// From where offsets count.
        from: PacketOrigin,
        /// Bytes behind the variable part of the offset that the packet is known to have.
        range: u16,
    },
    /// One past the packet.
    PacketEnd,
    /// A record of the host.
    Record {
        /// Which.
        id: RecordId,
        /// Its name in messages.
        name: &'static str,
    },
}

/// From where offsets into the packet count.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum PacketOrigin {
    /// Its first byte.
    Start,
    /// The first byte of the metadata in front of it.
    Meta,
}

impl Region {
    /// From where offsets into the packet count and how many bytes it is known to have, if it is the packet.
    pub fn packet(self) -> Option<(PacketOrigin, u16)> {
        if let Self::Packet { from, range } = self { Some((from, range)) } else { None }
    }

    /// The type of the host's object or of the program's own that it is.
    pub fn object_type(self) -> Option<TypeRef> {
        match self {
            Self::Object(ty) => Some(ty),
            Self::Allocated(ty) => Some(TypeRef::program(ty)),
            Self::Stack(_)
            | Self::Context
            | Self::MapPtr(_)
            | Self::MapValue(_)
            | Self::MapKey(_)
            | Self::Memory { .. }
            | Self::Func(_)
            | Self::Packet { .. }
            | Self::PacketEnd
            | Self::Record { .. }
            | Self::Probed
            | Self::Arena
            | Self::Dynptr(_) => None,
        }
    }

    /// Whether it is the packet or its end.
    pub fn is_packet(self) -> bool {
        matches!(self, Self::Packet { .. } | Self::PacketEnd)
    }
}

/// How a pointer is held.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Trust {
    /// Possibly dangling: never passed on.
    Untrusted,
    /// Found on the way from a valid object, and nothing proved of it: read through checked reads only, and passed on only to
    /// functions of the host that look at it in the same way (Linux: `PTR_TO_BTF_ID` without a modifier).
    Walked,
    /// Valid for the whole run.
    Trusted,
    /// Valid, and nothing outside the program reaches the object meanwhile; the reference names the loan.
    Exclusive(RefId),
    /// Valid within the RCU read-side section.
    Rcu,
    /// The program owns a reference.
    Owned(RefId),
    /// Valid as long as the reference or loan lives.
    Borrowed(RefId),
}

impl Trust {
    /// The reference or loan that the pointer hangs on.
    pub fn root(self) -> Option<RefId> {
        match self {
            Self::Exclusive(id) | Self::Owned(id) | Self::Borrowed(id) => Some(id),
            Self::Untrusted | Self::Walked | Self::Trusted | Self::Rcu => None,
        }
    }

    /// The reference that the pointer owns.
    pub fn owned(self) -> Option<RefId> {
        match self {
            Self::Owned(id) => Some(id),
            Self::Untrusted
            | Self::Walked
            | Self::Trusted
            | Self::Exclusive(_)
            | Self::Rcu
            | Self::Borrowed(_) => None,
        }
    }

    /// Whether the pointer may dangle.
    pub fn is_unproved(self) -> bool {
        match self {
            Self::Untrusted | Self::Walked => true,
            Self::Trusted | Self::Exclusive(_) | Self::Rcu | Self::Owned(_) | Self::Borrowed(_) => false,
        }
    }
}

/// A pointer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Pointer {
    /// Where it points.
    pub to: Region,
    /// Constant part of the offset.
    pub offset: i32,
    /// Variable part of the offset; the constant 0 for a fixed pointer.
    pub var: Scalar,
    /// May it be NULL?
    pub null: Nullness,
    /// How it is held.
    pub trust: Trust,
    /// Shared by copies of one nullable pointer.
    pub id: Identity,
    /// Which of several objects of one shape it is.
    pub origin: Origin,
}

/// Which of several objects of one shape: equal origins of equal regions are the same object.
///
/// No identity stands for the only one that there is: the declared map, the value of a section of global data. Maps and
/// values without special fields have none either; nobody asks.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Origin {
    /// The map that was found in another map.
    pub map: Identity,
    /// The value or allocated object.
    pub value: Identity,
}

impl Pointer {
    /// A trusted pointer to the start of `to`, not NULL.
    pub fn new(to: Region) -> Self {
        Self {
            to,
            offset: 0,
            var: Scalar::constant(0),
            null: Nullness::NonNull,
            trust: Trust::Trusted,
            id: Identity::NONE,
            origin: Origin::default(),
        }
    }

    /// The same, of this origin.
    pub fn from_origin(self, origin: Origin) -> Self {
        Self { origin, ..self }
    }

    /// The same, held as `trust`.
    pub fn held(self, trust: Trust) -> Self {
        Self { trust, ..self }
    }

    /// The same, with this nullness.
    pub fn nullable(self, null: Nullness) -> Self {
        Self { null, ..self }
    }

    /// The same, `offset` bytes further.
    pub fn at(self, offset: i32) -> Self {
        Self { offset, ..self }
    }

    /// The variable part of the offset as the kernel writes it.
    pub fn var_text(&self) -> String {
        let bits = self.var.tnum();
        match bits.as_constant() {
            Some(value) if value <= u64::from(u16::MAX) => value.to_string(),
            Some(value) => format!("{value:#x}"),
            None => format!("({:#x}; {:#x})", bits.value(), bits.mask()),
        }
    }

    /// The whole offset when it is known.
    pub fn fixed_offset(&self) -> Option<i64> {
        let var = self.var.as_constant()?;
        Some(i64::from(self.offset).wrapping_add(var.cast_signed()))
    }
}

/// What is known of a register or of a spilled one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RegState {
    /// Never written on this path, or ended: unreadable.
    NotInit,
    /// A number.
    Scalar(Number),
    /// A pointer.
    Pointer(Pointer),
}

impl RegState {
    /// Any number.
    pub fn unknown() -> Self {
        Self::scalar(Scalar::unknown())
    }

    /// A number without copies.
    pub fn scalar(value: Scalar) -> Self {
        Self::Scalar(Number { value, id: Identity::NONE })
    }

    /// A known number.
    pub fn constant(value: u64) -> Self {
        Self::scalar(Scalar::constant(value))
    }

    /// Somewhere in the arena.
    pub fn arena() -> Self {
        Self::Pointer(Pointer::new(Region::Arena).held(Trust::Untrusted))
    }

    /// The number, if it is one.
    pub fn as_scalar(&self) -> Option<Scalar> {
        match self {
            Self::Scalar(number) => Some(number.value),
            Self::NotInit | Self::Pointer(_) => None,
        }
    }

    /// The pointer, if it is one.
    pub fn as_pointer(&self) -> Option<&Pointer> {
        match self {
            Self::Pointer(pointer) => Some(pointer),
            Self::NotInit | Self::Scalar(_) => None,
        }
    }

    /// What it shares with its copies.
    pub fn identity(&self) -> Identity {
        match self {
            Self::NotInit => Identity::NONE,
            Self::Scalar(number) => number.id,
            Self::Pointer(pointer) => pointer.id,
        }
    }

    /// Whether it is the number 0, that is, a literal NULL.
    pub fn is_null(&self) -> bool {
        self.as_scalar().and_then(|value| value.as_constant()) == Some(0)
    }

    /// The kernel's word for it (`scalar`, `map_value_or_null`, `trusted_ptr_` …).
    pub fn kernel_name(&self) -> String {
        match self {
            Self::NotInit => "?".into(),
            Self::Scalar(_) => "scalar".into(),
            Self::Pointer(pointer) => pointer.kernel_name(),
        }
    }
}

impl Pointer {
    /// The kernel's word for it.
    pub fn kernel_name(&self) -> String {
        let (prefix, base) = match self.to {
            Region::Stack(_) => ("", "fp"),
            Region::Context => ("", "ctx"),
            // What a lookup in a map of maps gives is a map only once it is not NULL.
            Region::MapPtr(_) if self.null == Nullness::Nullable => ("", "map_value"),
            Region::MapPtr(_) => ("", "map_ptr"),
            Region::MapValue(_) => ("", "map_value"),
            Region::MapKey(_) => ("", "map_key"),
            Region::Func(_) => ("", "func"),
            Region::Dynptr(_) => ("", "dynptr_ptr"),
            Region::Probed => ("rdonly_untrusted_", "mem"),
            Region::Arena => ("", "arena"),
            Region::Packet { from: PacketOrigin::Start, .. } => ("", "pkt"),
            Region::Packet { from: PacketOrigin::Meta, .. } => ("", "pkt_meta"),
            Region::PacketEnd => ("", "pkt_end"),
            Region::Record { name, .. } => ("", name),
            Region::Memory { .. } if matches!(self.trust, Trust::Owned(_)) => ("", "ringbuf_mem"),
            Region::Memory { access: MemAccess::Read, .. } => ("rdonly_", "mem"),
            Region::Memory { access: MemAccess::ReadWrite | MemAccess::Write, .. } => ("", "mem"),
            Region::Object(_) | Region::Allocated(_) => match self.trust {
                Trust::Untrusted => ("untrusted_", "ptr_"),
                Trust::Walked => ("", "ptr_"),
                Trust::Trusted | Trust::Exclusive(_) => ("trusted_", "ptr_"),
                Trust::Rcu => ("rcu_", "ptr_"),
                Trust::Owned(_) | Trust::Borrowed(_) => ("", "ptr_"),
            },
        };
        let suffix = match (self.null, self.to) {
            (Nullness::NonNull, _) => "",
            (Nullness::Nullable, Region::Object(_) | Region::Allocated(_)) => "or_null_",
            (Nullness::Nullable, _) => "_or_null",
        };
        format!("{prefix}{base}{suffix}")
    }
}
