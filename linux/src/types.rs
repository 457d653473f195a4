//! [`Kind`]: the kinds of types that arguments and results are told apart by.

use opswap_bpf::btf::{BtfType, IntEncoding, Param, Signedness};
use opswap_bpf::insn::Size;
use opswap_bpf::map::MapKind;
use opswap_bpf::{Btf, BtfId};

/// What a type is, behind its names and qualifiers.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind<'a> {
    Void,
    Number {
        size: Size,
        signed: Signedness,
    },
    Pointer {
        to: BtfId,
    },
    Struct {
        name: &'a str,
    },
    Union,
    Function {
        ret: BtfId,
        params: &'a [Param],
    },
    /// An array, a floating-point number, a type that is only announced.
    Other,
}

/// The kind of a type.
pub(crate) fn kind(btf: &Btf, id: BtfId) -> Kind<'_> {
    match btf.resolve(id) {
        BtfType::Void => Kind::Void,
        BtfType::Int(int) => number(int.size, signedness(int.encoding)),
        BtfType::Enum { size, signed, .. } | BtfType::Enum64 { size, signed, .. } => number(*size, *signed),
        BtfType::Ptr { to } => Kind::Pointer { to: *to },
        BtfType::Struct { name, .. } => Kind::Struct { name },
        BtfType::Union { .. } => Kind::Union,
        BtfType::FuncProto { ret, params } => Kind::Function { ret: *ret, params },
        BtfType::Array(_)
        | BtfType::Fwd { .. }
        | BtfType::Typedef { .. }
        | BtfType::Volatile { .. }
        | BtfType::Const { .. }
        | BtfType::Restrict { .. }
        | BtfType::Func(_)
        | BtfType::Var(_)
        | BtfType::Datasec { .. }
        | BtfType::Float { .. }
        | BtfType::DeclTag { .. }
        | BtfType::TypeTag { .. } => Kind::Other,
    }
}

fn number(bytes: u32, signed: Signedness) -> Kind<'static> {
    let size = match bytes {
        1 => Size::B,
        2 => Size::H,
        4 => Size::W,
        8 => Size::DW,
        _ => return Kind::Other,
    };
    Kind::Number { size, signed }
}

fn signedness(encoding: IntEncoding) -> Signedness {
    match encoding {
        IntEncoding::Signed => Signedness::Signed,
        IntEncoding::Unsigned | IntEncoding::Char | IntEncoding::Bool => Signedness::Unsigned,
    }
}

/// The struct that a map of this kind is, in the kernel.
pub(crate) fn map_object(kind: MapKind) -> &'static str {
    match kind {
        MapKind::Array
        | MapKind::PercpuArray
        | MapKind::ProgArray
        | MapKind::PerfEventArray
        | MapKind::CgroupArray
        | MapKind::ArrayOfMaps => "bpf_array",
        MapKind::Hash
        | MapKind::PercpuHash
        | MapKind::LruHash
        | MapKind::LruPercpuHash
        | MapKind::HashOfMaps => "bpf_htab",
        MapKind::Arena => "bpf_arena",
        MapKind::Ringbuf | MapKind::UserRingbuf => "bpf_ringbuf_map",
        MapKind::LpmTrie => "lpm_trie",
        MapKind::Queue | MapKind::Stack => "bpf_queue_stack",
        MapKind::BloomFilter => "bpf_bloom_filter",
        MapKind::Unspec
        | MapKind::StackTrace
        | MapKind::Devmap
        | MapKind::Sockmap
        | MapKind::Cpumap
        | MapKind::Xskmap
        | MapKind::Sockhash
        | MapKind::CgroupStorage
        | MapKind::ReuseportSockarray
        | MapKind::PercpuCgroupStorage
        | MapKind::SkStorage
        | MapKind::DevmapHash
        | MapKind::StructOps
        | MapKind::InodeStorage
        | MapKind::TaskStorage
        | MapKind::CgrpStorage => "bpf_map",
    }
}
