//! What is wrong with a use of a special field: locks, timers, workqueues, kptrs, lists and trees; in the kernel's words.

use std::fmt;

use opswap_bpf::insn::Reg;

/// What is wrong with a pointer that should point to a special field.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum FieldFault {
    /// Its offset is not known.
    VariableOffset {
        /// The field's type.
        field: &'static str,
    },
    /// The map's values have no known type.
    NoType {
        /// The map.
        map: String,
        /// The field's type.
        field: &'static str,
    },
    /// The value has no such field, or its type breaks the rules for such fields.
    None {
        /// The map; `None` for an allocated object.
        map: Option<String>,
        /// The field's type.
        field: &'static str,
    },
    /// The only such field lies elsewhere.
    Elsewhere {
        /// Where it was looked for.
        offset: i64,
        /// The field's type.
        field: &'static str,
        /// Where it lies.
        at: u32,
    },
    /// None of such fields lies there.
    NotFound {
        /// Where it was looked for.
        offset: i64,
        /// The field's type.
        field: &'static str,
    },
    /// The pointer does not point to a map's value.
    NotAValue {
        /// The argument, from 0.
        arg: usize,
    },
    /// The pointer points neither to a map's value nor to an allocated object.
    NotAValueOrObject {
        /// The argument, from 0.
        arg: usize,
    },
    /// The map that is passed along is not the map that the field lies in.
    OtherMap {
        /// What the kernel calls the field.
        field: &'static str,
        /// The map's register.
        map: Reg,
        /// Numbers of the two maps.
        ids: (u32, u32),
    },
    /// Programs of this kind cannot use maps with such fields.
    Refused {
        /// The programs.
        programs: &'static str,
        /// The fields.
        field: &'static str,
    },
}

impl FieldFault {
    pub(super) fn write(&self, reg: Reg, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let reg = reg.index();
        match self {
            Self::VariableOffset { field } => {
                write!(f, "R{reg} doesn't have constant offset. {field} has to be at the constant offset")
            }
            Self::NoType { map, field } => {
                write!(f, "map '{map}' has to have BTF in order to use {field}")
            }
            Self::None { map: Some(map), field } => write!(f, "map '{map}' has no valid {field}"),
            Self::None { map: None, field } => write!(f, "local kptr has no valid {field}"),
            Self::Elsewhere { offset, field, at } => {
                write!(f, "off {offset} doesn't point to 'struct {field}' that is at {at}")
            }
            Self::NotFound { offset, field: "kptr" } => write!(f, "off={offset} doesn't point to kptr"),
            Self::NotFound { offset, field } => write!(f, "{field} not found at offset={offset}"),
            Self::NotAValue { arg } => write!(f, "arg#{arg} doesn't point to a map value"),
            Self::NotAValueOrObject { arg } => {
                write!(f, "arg#{arg} expected pointer to map value or allocated object")
            }
            Self::OtherMap { field, map, ids: (field_id, map_id) } => write!(
                f,
                "{field} pointer in R{reg} map_uid={field_id} doesn't match map pointer in R{} map_uid={map_id}",
                map.index()
            ),
            Self::Refused { programs, field } => write!(f, "{programs} cannot use {field} yet"),
        }
    }
}

/// What is wrong with taking, holding or giving back a lock.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LockFault {
    /// A call while a lock is held.
    Call,
    /// A call of a global function while a lock is held.
    GlobalCall,
    /// A second lock.
    Second,
    /// No lock is held.
    NotHeld,
    /// Another lock is held.
    Other,
    /// The program ends.
    NotReleased,
    /// A legacy packet load may end the program.
    LegacyLoad,
    /// A comparison of a tree's elements.
    InComparison,
}

impl fmt::Display for LockFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Call => "function calls are not allowed while holding a lock",
            Self::GlobalCall => {
                "global function calls are not allowed while holding a lock, use static function instead"
            }
            Self::Second => "Locking two bpf_spin_locks are not allowed",
            Self::NotHeld => "bpf_spin_unlock without taking a lock",
            Self::Other => "bpf_spin_unlock of different lock",
            Self::NotReleased => "bpf_spin_unlock is missing",
            Self::LegacyLoad => "BPF_LD_[ABS|IND] cannot be used inside bpf_spin_lock-ed region",
            Self::InComparison => "can't spin_{lock,unlock} in rbtree cb",
        })
    }
}

/// What is wrong with a load, store or exchange of a kptr.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum KptrFault {
    /// At an offset that is not known.
    VariableOffset,
    /// Not at its beginning.
    Misaligned {
        /// Where it begins.
        expected: u32,
        /// Where it was accessed.
        offset: i64,
    },
    /// Not as a whole.
    Size,
    /// By an atomic or ordered access.
    Mode,
    /// Through memory that a call is given.
    Indirect {
        /// The field's type.
        field: &'static str,
    },
    /// A store to one that owns.
    OwnedStore,
    /// A store to a pointer to user memory.
    UserStore,
    /// A number that is not NULL.
    Number {
        /// Where the kptr lies.
        offset: u32,
    },
    /// Not a pointer of its type.
    Type {
        /// The register with the value.
        reg: Reg,
        /// What it holds.
        found: String,
        /// What it should hold.
        expected: String,
        /// Whether untrusted pointers may be stored, too.
        untrusted: bool,
    },
    /// An exchange with one that does not own.
    NotOwner {
        /// Where it lies.
        offset: i64,
    },
    /// The new value may be NULL.
    MayBeNull {
        /// The argument, from 1.
        arg: usize,
    },
    /// The new value has no reference.
    NotReferenced {
        /// The register with the value.
        reg: Reg,
    },
}

impl fmt::Display for KptrFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::VariableOffset => f.write_str("kptr access cannot have variable offset"),
            Self::Misaligned { expected, offset } => {
                write!(f, "kptr access misaligned expected={expected} off={offset}")
            }
            Self::Size => f.write_str("kptr access size must be BPF_DW"),
            Self::Mode => f.write_str("kptr in map can only be accessed using BPF_MEM instruction mode"),
            Self::Indirect { field } => write!(f, "{field} cannot be accessed indirectly by helper"),
            Self::OwnedStore => f.write_str("store to referenced kptr disallowed"),
            Self::UserStore => f.write_str("store to uptr disallowed"),
            Self::Number { offset } => {
                write!(f, "BPF_ST imm must be 0 when storing to kptr at off={offset}")
            }
            Self::Type { reg, found, expected, untrusted } => {
                let reg = reg.index();
                write!(f, "invalid kptr access, R{reg} type={found} expected=ptr_{expected}")?;
                if *untrusted { write!(f, " or untrusted_ptr_{expected}") } else { Ok(()) }
            }
            Self::NotOwner { offset } => write!(f, "off={offset} kptr isn't referenced kptr"),
            Self::MayBeNull { arg } => write!(f, "Possibly NULL pointer passed to helper arg{arg}"),
            Self::NotReferenced { reg } => {
                write!(f, "R{} must be referenced when passed to release function", reg.index())
            }
        }
    }
}

/// What is wrong with the use of an allocated object, a list or a tree.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum GraphFault {
    /// Not an object that the program allocated and owns.
    NotAllocated {
        /// The argument, from 0.
        arg: usize,
    },
    /// Neither owned nor borrowed under a lock.
    NotHeld {
        /// The argument, from 0.
        arg: usize,
    },
    /// The object has no reference count.
    NotCounted {
        /// The argument, from 0.
        arg: usize,
    },
    /// Not borrowed from the tree under its lock.
    NotLinked,
    /// The lock is not held.
    Unlocked {
        /// Where the lock lies.
        lock_at: u32,
        /// What it protects.
        root: &'static str,
    },
    /// A node of another type than the list's elements.
    OtherElement {
        /// The list or tree.
        root: &'static str,
        /// The argument, from 0.
        arg: usize,
        /// The node's type.
        node: &'static str,
        /// Offset of the node and type of the elements.
        expected: (u32, String),
        /// Offset and type of what was given.
        found: (i64, String),
    },
    /// Another node of the element.
    OtherNode {
        /// The argument, from 0.
        arg: usize,
        /// The node's type.
        node: &'static str,
        /// Offset of the node and type of the elements.
        expected: (u32, String),
        /// Offset of the node that was given.
        offset: i64,
    },
    /// Something is put into a list or tree while elements are compared.
    AddedInComparison,
    /// Something is taken out of a tree while its elements are compared.
    RemovedInComparison,
    /// A special field is accessed as plain bytes.
    Direct {
        /// The field's type.
        field: &'static str,
    },
    /// The type's id is no id.
    TypeRange,
    /// The program has no types.
    NoTypes,
    /// The type is no struct.
    NotAStruct,
}

impl fmt::Display for GraphFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotAllocated { arg } => write!(f, "arg#{arg} expected pointer to allocated object"),
            Self::NotHeld { arg } => write!(f, "arg#{arg} is neither owning or non-owning ref"),
            Self::NotCounted { arg } => {
                write!(f, "arg#{arg} doesn't point to a type with bpf_refcount field")
            }
            Self::NotLinked => f.write_str("rbtree_remove node input must be non-owning ref"),
            Self::Unlocked { lock_at, root } => {
                write!(f, "bpf_spin_lock at off={lock_at} must be held for {root}")
            }
            Self::OtherElement { root, arg, node, expected: (at, element), found: (offset, name) } => write!(
                f,
                "operation on {root} expects arg#{arg} {node} at offset={at} in struct {element}, but arg is at \
                 offset={offset} in struct {name}"
            ),
            Self::OtherNode { arg, node, expected: (at, element), offset } => {
                write!(f, "arg#{arg} offset={offset}, but expected {node} at offset={at} in struct {element}")
            }
            Self::AddedInComparison => f.write_str("rbtree_add and list_push not allowed in rbtree cb"),
            Self::RemovedInComparison => f.write_str("rbtree_remove not allowed in rbtree cb"),
            Self::Direct { field } => write!(f, "direct access to {field} is disallowed"),
            Self::TypeRange => f.write_str("local type ID argument must be in range [0, U32_MAX]"),
            Self::NoTypes => f.write_str("bpf_obj_new/bpf_percpu_obj_new requires prog BTF"),
            Self::NotAStruct => {
                f.write_str("bpf_obj_new/bpf_percpu_obj_new type ID argument must be of a struct")
            }
        }
    }
}
