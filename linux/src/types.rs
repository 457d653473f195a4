//! [`Kind`]: the kinds of types that arguments and results are told apart by.

use opswap_bpf::btf::{BtfType, Param, Signedness, TypeClass};
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
    let ty = btf.resolve(id);
    if let (Some(size), Some(signed)) = (ty.stated_size(), ty.signedness()) {
        number(size, signed)
    } else if let BtfType::Ptr { to } = ty {
        Kind::Pointer { to: *to }
    } else if let BtfType::Struct { name, .. } = ty {
        Kind::Struct { name }
    } else if let BtfType::FuncProto { ret, params } = ty {
        Kind::Function { ret: *ret, params }
    } else if ty.class() == TypeClass::Aggregate {
        Kind::Union
    } else if ty.class() == TypeClass::Void {
        Kind::Void
    } else {
        Kind::Other
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
