//! Maps with special fields, and the functions that were made for these.

use std::sync::Arc;

use opswap_bpf::insn::Size;
use opswap_bpf::map::{KptrKind, MapField, MapKind, SpecialField};
use opswap_bpf::proto::{
    ArgIdx, ArgKind, ArgProto, FieldKind, HelperEffects, Intrinsic, MemAccess, Nullness, RetKind, RetProto,
};
use opswap_bpf::{BtfId, HelperId, HelperProto, KfuncFlags, MapProto, TypeRef};

use super::{NULLABLE, VOID, arg, number};

const INT: RetProto = RetProto {
    kind: RetKind::Scalar { size: Size::DW, signed: opswap_bpf::btf::Signedness::Unsigned },
    null: Nullness::NonNull,
};

fn helper(
    id: u32,
    name: &str,
    args: Vec<ArgProto>,
    ret: RetProto,
    intrinsic: Option<Intrinsic>,
) -> HelperProto {
    HelperProto {
        id: HelperId(id),
        name: format!("bpf_{name}"),
        args,
        ret,
        flags: KfuncFlags::empty(),
        effects: HelperEffects::empty(),
        maps: None,
        intrinsic,
    }
}

fn field(kind: FieldKind) -> ArgProto {
    arg("field", ArgKind::Field(kind))
}

/// Linux's helpers for special fields, and one that runs a callback for each value.
pub(super) fn helpers() -> Vec<HelperProto> {
    let map = || arg("map", ArgKind::Map { shape: None });
    let value = ArgKind::MapValue { access: MemAccess::ReadWrite };
    let elements = || vec![ArgKind::Map { shape: None }, ArgKind::MapKey, value.clone()];
    let body = |args| arg("body", ArgKind::Callback { args });
    let (lock, timer, kptr) = (FieldKind::SpinLock, FieldKind::Timer, FieldKind::Kptr);
    let each = [elements(), vec![ArgKind::Passed(ArgIdx(2))]].concat();
    let owned = ArgProto { null: NULLABLE, ..arg("new", ArgKind::OwnedObject) };
    let old = RetProto { kind: RetKind::KptrOf(ArgIdx(0)), null: NULLABLE };
    vec![
        helper(93, "spin_lock", vec![field(lock)], VOID, Some(Intrinsic::SpinLock)),
        helper(94, "spin_unlock", vec![field(lock)], VOID, Some(Intrinsic::SpinUnlock)),
        helper(
            164,
            "for_each",
            vec![map(), body(each), arg("with", ArgKind::Any)],
            INT,
            Some(Intrinsic::ForEach),
        ),
        helper(169, "timer_init", vec![field(timer), map(), arg("clock", number(Size::DW))], INT, None),
        helper(
            170,
            "timer_set_callback",
            vec![field(timer), body(elements())],
            INT,
            Some(Intrinsic::CallLater),
        ),
        helper(171, "timer_start", vec![field(timer), arg("after", number(Size::DW))], INT, None),
        HelperProto {
            effects: HelperEffects::WITH_SPIN_LOCK,
            ..helper(194, "kptr_xchg", vec![field(kptr), owned], old, Some(Intrinsic::KptrXchg))
        },
        helper(
            12,
            "tail_call",
            vec![arg("context", ArgKind::Context), map(), arg("index", number(Size::W))],
            INT,
            Some(Intrinsic::TailCall),
        ),
        helper(500, "wq_init", vec![field(FieldKind::Workqueue), map()], INT, None),
        helper(
            501,
            "wq_set_callback",
            vec![field(FieldKind::Workqueue), body(elements())],
            INT,
            Some(Intrinsic::CallLater),
        ),
    ]
}

/// Maps by name: what lies at which offset of their values.
pub(super) fn maps(packet: BtfId, peer: BtfId) -> Vec<Arc<MapProto>> {
    let at = |offset, size, field| MapField { offset, size, field };
    let kptr = |ty, kind| SpecialField::Kptr { ty: TypeRef::host(ty), kind };
    let map = |name: &str, kind, value_size, max_entries, fields: Vec<MapField>| MapProto {
        name: name.into(),
        kind,
        key_size: 4,
        value_size,
        max_entries,
        flags: 0,
        key_type: BtfId(0),
        value_type: BtfId(1),
        fields,
        inner: None,
        frozen: None,
    };
    let lock = || vec![at(4, 4, SpecialField::SpinLock)];
    let timers = || vec![at(8, 16, SpecialField::Timer), at(24, 16, SpecialField::Workqueue)];
    let outer = |name: &str, inner: MapProto| {
        Arc::new(MapProto { inner: Some(Box::new(inner)), ..map(name, MapKind::ArrayOfMaps, 4, 4, vec![]) })
    };
    let kptrs =
        vec![at(0, 8, kptr(packet, KptrKind::Referenced)), at(8, 8, kptr(peer, KptrKind::Unreferenced))];
    vec![
        Arc::new(map("locked", MapKind::Hash, 16, 8, lock())),
        Arc::new(map("lone", MapKind::Array, 16, 1, lock())),
        Arc::new(map("other", MapKind::Array, 16, 1, lock())),
        Arc::new(map("timers", MapKind::Array, 48, 8, timers())),
        Arc::new(map("kptrs", MapKind::Array, 24, 1, kptrs)),
        Arc::new(map("lists", MapKind::Array, 64, 1, super::objects::lists())),
        Arc::new(map("lists_too", MapKind::Array, 64, 1, super::objects::lists())),
        Arc::new(map("stash", MapKind::Array, 24, 1, super::objects::stash())),
        Arc::new(map("progs", MapKind::ProgArray, 4, 4, vec![])),
        Arc::new(map("many", MapKind::Hash, 64, 8, super::objects::lists())),
        outer("many_maps", map("inner", MapKind::Hash, 64, 8, super::objects::lists())),
        outer("maps", map("inner", MapKind::Hash, 16, 8, vec![])),
        outer("locked_maps", map("inner", MapKind::Hash, 16, 8, lock())),
        outer("timer_maps", map("inner", MapKind::Hash, 48, 8, timers())),
    ]
}
