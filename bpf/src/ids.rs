//! Index newtypes. `Debug` and `Display` print the index with its kind (`insn7`, `kfunc3`).

use std::fmt;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
        pub struct $name(pub u32);

        impl $name {
            /// The value as a slice index.
            pub const fn index(self) -> usize {
                self.0 as usize
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($prefix, "{}"), self.0)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(self, f)
            }
        }
    };
}

id!(
    /// Index of an instruction *slot*: a 64-bit immediate load takes two, as in the kernel's numbering.
    InsnIdx,
    "insn"
);
id!(
    /// Index of a subprogram in [`crate::Program::subprogs`], sorted by start; 0 is the main program.
    SubprogId,
    "subprog"
);
id!(
    /// A kfunc of the host, as the host numbers them (the `imm` of a linked kfunc call).
    KfuncId,
    "kfunc"
);
id!(
    /// A helper function by its number (`bpf_map_lookup_elem` is 1).
    HelperId,
    "helper"
);
id!(
    /// Index into [`crate::Program::maps`].
    MapId,
    "map"
);
id!(
    /// Type id within one BTF; 0 is `void`.
    BtfId,
    "type"
);
id!(
    /// Index of an operation (function member) of a struct_ops, counting function members only.
    OpIdx,
    "op"
);
id!(
    /// A record of the host: an object that programs see through a table of fields instead of BTF (`struct bpf_sock`).
    RecordId,
    "record"
);
id!(
    /// A reference that the program acquired, unique on one verification path.
    RefId,
    "ref"
);

impl InsnIdx {
    /// The slot after this one.
    pub const fn next(self) -> Self {
        Self(self.0 + 1)
    }

    /// The target of a jump from this slot: `self + 1 + offset`, or `None` outside `0..=u32::MAX`.
    pub fn jump(self, offset: i32) -> Option<Self> {
        let target = i64::from(self.0) + 1 + i64::from(offset);
        u32::try_from(target).ok().map(Self)
    }
}

/// Which BTF a type id belongs to.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum BtfSpace {
    /// The host's own BTF (the kernel's vmlinux).
    Host,
    /// The split BTF of a loaded module, by the host's module number.
    Module(u16),
    /// The BTF that the object file brought along.
    Program,
}

/// A type, named so that the verifier can look it up through its host.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TypeRef {
    /// Where the id is valid.
    pub space: BtfSpace,
    /// The type's id there.
    pub id: BtfId,
}

impl TypeRef {
    /// A type of the host's own BTF.
    pub const fn host(id: BtfId) -> Self {
        Self { space: BtfSpace::Host, id }
    }

    /// A type of the object file's BTF.
    pub const fn program(id: BtfId) -> Self {
        Self { space: BtfSpace::Program, id }
    }
}

impl fmt::Debug for TypeRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.space {
            BtfSpace::Host => write!(f, "host:{}", self.id),
            BtfSpace::Module(n) => write!(f, "module{n}:{}", self.id),
            BtfSpace::Program => write!(f, "prog:{}", self.id),
        }
    }
}
