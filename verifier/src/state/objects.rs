//! Objects that functions of the host keep on the program's stack: iterators, dynptrs, saved interrupt states.
//!
//! While an object lives, its bytes are [`Byte::Object`](super::Byte::Object): nothing else may read them, and a write over any
//! of them ends it. What it owns stays owned, so a path that loses an object that must be given back cannot end.

use opswap_bpf::proto::{DynptrMemory, IrqClass};
use opswap_bpf::{RefId, TypeRef};

/// An object on a stack.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct StackObject {
    /// Its first byte, relative to the frame pointer; a multiple of 8.
    pub offset: i64,
    /// Bytes; a multiple of 8.
    pub size: u32,
    /// What it is.
    pub kind: ObjectKind,
}

impl StackObject {
    /// One past its last byte.
    pub fn end(&self) -> i64 {
        self.offset + i64::from(self.size)
    }

    /// Whether it has bytes within `from..to`.
    pub fn meets(&self, from: i64, to: i64) -> bool {
        self.offset < to && from < self.end()
    }
}

/// What an object is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ObjectKind {
    /// The state of an iterator.
    Iter(Iter),
    /// A dynptr.
    Dynptr(Dynptr),
    /// A saved interrupt state.
    Irq {
        /// Its entry in the table of references.
        id: RefId,
        /// By which functions.
        class: IrqClass,
    },
}

/// The state of an iterator.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Iter {
    /// Its type.
    pub ty: TypeRef,
    /// Its entry in the table of references.
    pub id: RefId,
    /// How far it is.
    pub progress: Progress,
    /// What protects what it visits.
    pub guard: Guard,
}

impl Iter {
    /// Its id and how many elements it gave, while there may be more.
    pub fn depth(&self) -> Option<(RefId, u32)> {
        match self.progress {
            Progress::Active { depth } => Some((self.id, depth)),
            Progress::Drained => None,
        }
    }
}

/// How far an iterator is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Progress {
    /// So many elements were found; there may be more.
    Active {
        /// Elements found on this path.
        depth: u32,
    },
    /// There are no more.
    Drained,
}

/// What protects the objects that an iterator visits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Guard {
    /// The iterator itself.
    Own,
    /// The RCU read-side section in which it was made.
    Rcu,
    /// Nothing any more: that section was left.
    Gone,
}

/// A dynptr.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Dynptr {
    /// Its own name: slices are borrowed from it.
    pub id: RefId,
    /// What it reaches.
    pub memory: DynptrMemory,
    /// The reference that its memory belongs to; clones share it.
    pub owner: Option<RefId>,
}

impl ObjectKind {
    /// The iterator, if it is one.
    pub fn as_iter(&self) -> Option<&Iter> {
        if let Self::Iter(iter) = self { Some(iter) } else { None }
    }

    /// The dynptr, if it is one.
    pub fn as_dynptr(&self) -> Option<&Dynptr> {
        if let Self::Dynptr(dynptr) = self { Some(dynptr) } else { None }
    }
}

/// Whether packet slices of such a dynptr end when the packet may have moved.
pub fn in_packet(memory: DynptrMemory) -> bool {
    match memory {
        DynptrMemory::Skb | DynptrMemory::SkbMeta | DynptrMemory::Xdp => true,
        DynptrMemory::Local | DynptrMemory::Ringbuf | DynptrMemory::Host => false,
    }
}
