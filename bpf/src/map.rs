//! The shape of a map: what the loader creates, what the verifier checks accesses against.

use std::sync::Arc;

use crate::ids::{BtfId, TypeRef};

/// Kind of a map, with the kernel's number (`enum bpf_map_type`).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[repr(u32)]
#[expect(missing_docs, reason = "the kernel's names")]
pub enum MapKind {
    Unspec = 0,
    Hash = 1,
    Array = 2,
    ProgArray = 3,
    PerfEventArray = 4,
    PercpuHash = 5,
    PercpuArray = 6,
    StackTrace = 7,
    CgroupArray = 8,
    LruHash = 9,
    LruPercpuHash = 10,
    LpmTrie = 11,
    ArrayOfMaps = 12,
    HashOfMaps = 13,
    Devmap = 14,
    Sockmap = 15,
    Cpumap = 16,
    Xskmap = 17,
    Sockhash = 18,
    CgroupStorage = 19,
    ReuseportSockarray = 20,
    PercpuCgroupStorage = 21,
    Queue = 22,
    Stack = 23,
    SkStorage = 24,
    DevmapHash = 25,
    StructOps = 26,
    Ringbuf = 27,
    InodeStorage = 28,
    TaskStorage = 29,
    BloomFilter = 30,
    UserRingbuf = 31,
    CgrpStorage = 32,
    Arena = 33,
}

impl MapKind {
    /// Every kind, in the order of the numbers.
    pub const ALL: [Self; 34] = [
        Self::Unspec,
        Self::Hash,
        Self::Array,
        Self::ProgArray,
        Self::PerfEventArray,
        Self::PercpuHash,
        Self::PercpuArray,
        Self::StackTrace,
        Self::CgroupArray,
        Self::LruHash,
        Self::LruPercpuHash,
        Self::LpmTrie,
        Self::ArrayOfMaps,
        Self::HashOfMaps,
        Self::Devmap,
        Self::Sockmap,
        Self::Cpumap,
        Self::Xskmap,
        Self::Sockhash,
        Self::CgroupStorage,
        Self::ReuseportSockarray,
        Self::PercpuCgroupStorage,
        Self::Queue,
        Self::Stack,
        Self::SkStorage,
        Self::DevmapHash,
        Self::StructOps,
        Self::Ringbuf,
        Self::InodeStorage,
        Self::TaskStorage,
        Self::BloomFilter,
        Self::UserRingbuf,
        Self::CgrpStorage,
        Self::Arena,
    ];

    /// Whether values of such maps may hold the field.
    pub fn may_hold(self, field: &SpecialField) -> bool {
        let array_or_hash = matches!(self, Self::Hash | Self::LruHash | Self::Array);
        let storage =
            matches!(self, Self::SkStorage | Self::InodeStorage | Self::TaskStorage | Self::CgrpStorage);
        let percpu = matches!(self, Self::PercpuHash | Self::LruPercpuHash | Self::PercpuArray);
        match field {
            SpecialField::SpinLock | SpecialField::ResSpinLock => {
                storage || matches!(self, Self::Hash | Self::Array | Self::CgroupStorage)
            }
            SpecialField::Timer
            | SpecialField::Workqueue
            | SpecialField::ListHead { .. }
            | SpecialField::RbRoot { .. } => array_or_hash,
            SpecialField::Kptr { kind: KptrKind::User, .. } => self == Self::TaskStorage,
            SpecialField::Kptr { .. } | SpecialField::Refcount => array_or_hash || percpu || storage,
            // They make sense in allocated objects only; in values nobody uses them.
            SpecialField::ListNode | SpecialField::RbNode => true,
        }
    }

    /// The kind with this number.
    pub fn from_number(number: u32) -> Option<Self> {
        Self::ALL.get(number as usize).copied()
    }
}

/// Something in a map value that programs may not touch as plain bytes.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum SpecialField {
    /// `struct bpf_spin_lock`.
    SpinLock,
    /// `struct bpf_res_spin_lock`.
    ResSpinLock,
    /// `struct bpf_timer`.
    Timer,
    /// `struct bpf_wq`.
    Workqueue,
    /// `struct bpf_refcount`.
    Refcount,
    /// `struct bpf_list_head` of `contains` (type in the program's BTF), linked through the node at `node_offset`.
    ListHead {
        /// Element type.
        contains: BtfId,
        /// Offset of the node in the element.
        node_offset: u32,
    },
    /// `struct bpf_list_node`.
    ListNode,
    /// `struct bpf_rb_root` of `contains`, linked through the node at `node_offset`.
    RbRoot {
        /// Element type.
        contains: BtfId,
        /// Offset of the node in the element.
        node_offset: u32,
    },
    /// `struct bpf_rb_node`.
    RbNode,
    /// A pointer to a host object that the map may own.
    Kptr {
        /// Pointee.
        ty: TypeRef,
        /// Owned (`__kptr`), unowned (`__kptr_untrusted`), per-CPU (`__percpu_kptr`) or user memory (`__uptr`).
        kind: KptrKind,
    },
}

impl SpecialField {
    /// The kernel's name of it.
    pub fn type_name(&self) -> &'static str {
        match self {
            Self::SpinLock => "bpf_spin_lock",
            Self::ResSpinLock => "bpf_res_spin_lock",
            Self::Timer => "bpf_timer",
            Self::Workqueue => "bpf_wq",
            Self::Refcount => "bpf_refcount",
            Self::ListHead { .. } => "bpf_list_head",
            Self::ListNode => "bpf_list_node",
            Self::RbRoot { .. } => "bpf_rb_root",
            Self::RbNode => "bpf_rb_node",
            Self::Kptr { kind: KptrKind::Referenced | KptrKind::Unreferenced, .. } => "kptr",
            Self::Kptr { kind: KptrKind::Percpu, .. } => "percpu_kptr",
            Self::Kptr { kind: KptrKind::User, .. } => "uptr",
        }
    }

    /// Of a list head or tree root: the element's type and the offset of its node.
    pub fn element(&self) -> Option<(BtfId, u32)> {
        match self {
            Self::ListHead { contains, node_offset } | Self::RbRoot { contains, node_offset } => {
                Some((*contains, *node_offset))
            }
            Self::SpinLock
            | Self::ResSpinLock
            | Self::Timer
            | Self::Workqueue
            | Self::Refcount
            | Self::ListNode
            | Self::RbNode
            | Self::Kptr { .. } => None,
        }
    }
}

/// Ownership of a pointer inside a map value.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum KptrKind {
    /// The map owns a reference.
    Referenced,
    /// The map merely remembers an address.
    Unreferenced,
    /// Owned per-CPU allocation.
    Percpu,
    /// User memory (task storage only).
    User,
}

/// A special field and where it lies in the value.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct MapField {
    /// Byte offset in the value.
    pub offset: u32,
    /// Bytes taken.
    pub size: u32,
    /// What it is.
    pub field: SpecialField,
}

/// What programs and the verifier know of a map.
#[derive(Clone, PartialEq, Debug)]
pub struct MapProto {
    /// Name in the object file.
    pub name: String,
    /// Kind.
    pub kind: MapKind,
    /// Bytes of a key.
    pub key_size: u32,
    /// Bytes of a value.
    pub value_size: u32,
    /// Capacity.
    pub max_entries: u32,
    /// `BPF_F_*` creation flags.
    pub flags: u32,
    /// Key type in the program's BTF; 0 when unknown.
    pub key_type: BtfId,
    /// Value type in the program's BTF; 0 when unknown.
    pub value_type: BtfId,
    /// Special fields of the value, sorted by offset.
    pub fields: Vec<MapField>,
    /// Shape of the inner maps (map-in-map).
    pub inner: Option<Box<MapProto>>,
    /// Contents that will never change (frozen `.rodata`): the verifier may read them as constants.
    pub frozen: Option<Arc<[u8]>>,
}

/// `BPF_F_RDONLY_PROG`: programs may not write values.
pub const BPF_F_RDONLY_PROG: u32 = 1 << 7;
/// `BPF_F_WRONLY_PROG`: programs may not read values.
pub const BPF_F_WRONLY_PROG: u32 = 1 << 8;
/// `BPF_F_MMAPABLE`: values can be shared with the host.
pub const BPF_F_MMAPABLE: u32 = 1 << 10;
