//! Helpers with Linux's numbers and names, with less to them than there, and the maps that they need.

use std::sync::Arc;

use opswap_bpf::btf::Signedness;
use opswap_bpf::insn::Size;
use opswap_bpf::map::{BPF_F_WRONLY_PROG, MapField, MapKind, SpecialField};
use opswap_bpf::proto::{
    ArgIdx, ArgKind, ArgProto, Demand, DynptrKind, HelperEffects, Intrinsic, MemAccess, MemInit, MemSize,
    RetKind, RetProto, RetTrust, SizeRule,
};
use opswap_bpf::{BtfId, HelperId, HelperProto, KfuncFlags, MapProto, TypeRef};

use super::network::SOCK;
use super::{NON_NULL, NULLABLE, arg, len, number};

const LONG: RetProto =
    RetProto { kind: RetKind::Scalar { size: Size::DW, signed: Signedness::Signed }, null: NON_NULL };

fn helper(id: u32, name: &str, args: Vec<ArgProto>, ret: RetProto) -> HelperProto {
    HelperProto {
        id: HelperId(id),
        name: format!("bpf_{name}"),
        args,
        ret,
        flags: KfuncFlags::empty(),
        effects: HelperEffects::empty(),
        maps: None,
        intrinsic: None,
    }
}

fn map() -> ArgProto {
    arg("map", ArgKind::Map { shape: None })
}

/// Flags of which none is known.
fn no_flags() -> ArgProto {
    arg("flags", ArgKind::Checked { size: Size::DW, legal: vec![0] })
}

fn callback(args: Vec<ArgKind>) -> ArgProto {
    arg("body", ArgKind::Callback { args })
}

pub(super) fn helpers(peer: BtfId) -> Vec<HelperProto> {
    let with = || arg("with", ArgKind::Any);
    let text =
        ArgKind::Memory { size: MemSize::Arg(ArgIdx(1)), access: MemAccess::Read, init: MemInit::Required };
    let name =
        ArgKind::Memory { size: MemSize::Arg(ArgIdx(1)), access: MemAccess::Write, init: MemInit::Provided };
    let value = |access| ArgKind::MapValue { access };
    let turn = vec![number(Size::DW), ArgKind::Passed(ArgIdx(2))];
    let drained = vec![ArgKind::Dynptr(DynptrKind::Read), ArgKind::Passed(ArgIdx(2))];
    let weighed = ArgKind::Object { ty: TypeRef::host(peer), demand: Demand::Untrusted };
    let socket = |demand| arg("sk", ArgKind::Record { any_of: vec![SOCK], demand });
    let found = RetProto { kind: RetKind::Record { id: SOCK, trust: RetTrust::Owned }, null: NULLABLE };
    vec![
        HelperProto {
            effects: HelperEffects::GPL_ONLY,
            ..helper(6, "trace_printk", vec![arg("fmt", text), len(SizeRule::NonZero)], LONG)
        },
        helper(84, "sk_lookup_tcp", vec![arg("port", number(Size::H))], found),
        helper(16, "get_current_comm", vec![arg("buf", name), len(SizeRule::NonZero)], LONG),
        HelperProto {
            flags: KfuncFlags::RELEASE,
            ..helper(86, "sk_release", vec![socket(Demand::Owned)], LONG)
        },
        HelperProto {
            maps: Some(vec![MapKind::Queue, MapKind::Stack]),
            ..helper(87, "map_push_elem", vec![map(), arg("value", value(MemAccess::Read)), with()], LONG)
        },
        HelperProto {
            intrinsic: Some(Intrinsic::Loop),
            ..helper(
                181,
                "loop",
                vec![arg("times", number(Size::W)), callback(turn), with(), no_flags()],
                LONG,
            )
        },
        HelperProto {
            maps: Some(vec![MapKind::UserRingbuf]),
            intrinsic: Some(Intrinsic::ForEach),
            ..helper(209, "user_ringbuf_drain", vec![map(), callback(drained), with(), no_flags()], LONG)
        },
        helper(900, "peer_weigh", vec![arg("peer", weighed)], LONG),
    ]
}

/// `outgoing` is write-only to programs, `alarms` has a timer in its values, `seen` is of the kind that shows its own struct.
pub(super) fn maps() -> Vec<Arc<MapProto>> {
    let map = |name: &str, kind, (key_size, value_size), flags, fields| {
        Arc::new(MapProto {
            name: name.into(),
            kind,
            key_size,
            value_size,
            max_entries: 8,
            flags,
            key_type: BtfId(0),
            value_type: BtfId(0),
            fields,
            inner: None,
            frozen: None,
        })
    };
    let timer = vec![MapField { offset: 0, size: 16, field: SpecialField::Timer }];
    vec![
        map("outgoing", MapKind::Array, (4, 16), BPF_F_WRONLY_PROG, vec![]),
        map("alarms", MapKind::Array, (4, 24), 0, timer),
        map("seen", MapKind::LruHash, (4, 8), 0, vec![]),
        map("waiting", MapKind::Queue, (0, 8), 0, vec![]),
        map("programs", MapKind::ProgArray, (4, 4), 0, vec![]),
        map("incoming", MapKind::UserRingbuf, (0, 0), 0, vec![]),
    ]
}
