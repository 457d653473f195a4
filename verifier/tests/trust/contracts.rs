//! What typed programs may call on the bed: contracts of every kind that needs no object on the stack.

use opswap_bpf::btf::Signedness;
use opswap_bpf::insn::Size;
use opswap_bpf::proto::{
    ArgIdx, ArgKind, ArgProto, Demand, HelperEffects, Intrinsic, MemAccess, MemInit, MemSize, Nullness,
    RetKind, RetProto, RetTrust, SizeRule,
};
use opswap_bpf::{BtfId, HelperId, HelperProto, KfuncFlags, KfuncProto, TypeRef};

use crate::bed::Types;

pub(crate) const NON_NULL: Nullness = Nullness::NonNull;
pub(crate) const NULLABLE: Nullness = Nullness::Nullable;

pub(crate) fn number(size: Size) -> ArgKind {
    ArgKind::Scalar { size, signed: Signedness::Unsigned }
}

pub(crate) fn arg(name: &str, kind: ArgKind) -> ArgProto {
    ArgProto { name: name.into(), kind, null: NON_NULL }
}

pub(crate) fn bytes(name: &str, access: MemAccess, init: MemInit, len: u8) -> ArgProto {
    arg(name, ArgKind::Memory { size: MemSize::Arg(ArgIdx(len)), access, init })
}

pub(crate) const VOID: RetProto = RetProto { kind: RetKind::Void, null: NON_NULL };
pub(crate) const U32: RetProto =
    RetProto { kind: RetKind::Scalar { size: Size::W, signed: Signedness::Unsigned }, null: NON_NULL };
pub(crate) const S64: RetProto =
    RetProto { kind: RetKind::Scalar { size: Size::DW, signed: Signedness::Signed }, null: NON_NULL };

fn object(ty: TypeRef, demand: Demand) -> ArgKind {
    ArgKind::Object { ty, demand }
}

fn gives(ty: TypeRef, trust: RetTrust, null: Nullness) -> RetProto {
    RetProto { kind: RetKind::Object { ty, trust }, null }
}

/// The kfuncs; `calls.rs` carries them out by name.
pub(crate) fn kfuncs(types: &Types) -> Vec<KfuncProto> {
    let Types { flow, peer, packet, .. } = *types;
    let mut all = Vec::new();
    let mut add = |name: &str, args: Vec<ArgProto>, ret: RetProto, flags, intrinsic| {
        let (name, func) = (name.into(), TypeRef::host(BtfId(0)));
        all.push(KfuncProto { name, args, ret, flags, func, intrinsic, declared_at: None });
    };
    let (none, acquire, release) = (KfuncFlags::empty(), KfuncFlags::ACQUIRE, KfuncFlags::RELEASE);
    let maybe = KfuncFlags::RET_NULL;
    let n = || arg("n", number(Size::W));
    let of = |ty, demand| arg("object", object(ty, demand));
    let len = |rule| arg("len", ArgKind::Size { rule });
    let (needed, any) = (MemInit::Required, SizeRule::AnyOrZero);
    add("packet_new", vec![], gives(packet, RetTrust::Owned, NON_NULL), acquire, None);
    add("packet_find", vec![n()], gives(packet, RetTrust::Owned, NULLABLE), acquire | maybe, None);
    add("packet_free", vec![of(packet, Demand::Owned)], VOID, release, None);
    add("packet_len", vec![of(packet, Demand::Trusted)], U32, none, None);
    let tied = |null| gives(peer, RetTrust::Borrowed(ArgIdx(0)), null);
    add("packet_from", vec![of(packet, Demand::Trusted)], tied(NULLABLE), maybe, None);
    add("peer_look", vec![of(peer, Demand::Trusted)], U32, none, None);
    add("current_peer", vec![], gives(peer, RetTrust::Trusted, NULLABLE), maybe, None);
    add("flow_look", vec![of(flow, Demand::Trusted)], U32, none, None);
    add("flow_touch", vec![of(flow, Demand::Exclusive)], VOID, none, None);
    add("flow_peer", vec![of(flow, Demand::Trusted)], tied(NULLABLE), maybe, None);
    add("flow_peer_mut", vec![of(flow, Demand::Exclusive)], tied(NON_NULL), none, None);
    add("sum", vec![bytes("data", MemAccess::Read, needed, 1), len(any)], U32, none, None);
    add("fill", vec![bytes("data", MemAccess::ReadWrite, needed, 1), len(any)], VOID, none, None);
    let out = bytes("data", MemAccess::Write, MemInit::Provided, 1);
    add("fill_uninit", vec![out, len(SizeRule::NonZero)], VOID, none, None);
    add("constant", vec![arg("k", ArgKind::Const { size: Size::DW })], U32, none, None);
    add("mix", vec![n(), arg("m", number(Size::DW))], S64, none, None);
    let args = vec![number(Size::DW), ArgKind::Passed(ArgIdx(1))];
    let each = vec![arg("body", ArgKind::Callback { args }), arg("with", ArgKind::Any)];
    add("each", each, VOID, none, None);
    let memory = RetKind::Memory { size: MemSize::Arg(ArgIdx(0)), access: MemAccess::ReadWrite, tie: None };
    let scratch = RetProto { kind: memory, null: NON_NULL };
    add("scratch", vec![arg("bytes", ArgKind::Const { size: Size::DW })], scratch, none, None);
    add("rcu_lock", vec![], VOID, none, Some(Intrinsic::RcuReadLock));
    add("rcu_unlock", vec![], VOID, none, Some(Intrinsic::RcuReadUnlock));
    add("preempt_off", vec![], VOID, none, Some(Intrinsic::PreemptDisable));
    add("preempt_on", vec![], VOID, none, Some(Intrinsic::PreemptEnable));
    add("peer_near", vec![], gives(peer, RetTrust::Rcu, NULLABLE), maybe, None);
    add("peer_glance", vec![of(peer, Demand::Rcu)], U32, none, None);
    add("doze", vec![], VOID, KfuncFlags::SLEEPABLE, None);
    all.extend(crate::on_stack::kfuncs(types));
    all.extend(crate::allocated::kfuncs());
    all
}

pub(crate) fn helpers() -> Vec<HelperProto> {
    let helper = |id, name: &str, args, ret, flags, intrinsic| HelperProto {
        id: HelperId(id),
        name: name.into(),
        args,
        ret,
        flags,
        effects: HelperEffects::PACKET_MEMORY,
        maps: None,
        intrinsic,
    };
    let map = || arg("map", ArgKind::Map { shape: None });
    let key = || arg("key", ArgKind::MapKey);
    let flags = || arg("flags", ArgKind::Any);
    let value = arg("value", ArgKind::MapValue { access: MemAccess::Read });
    let none = KfuncFlags::empty();
    let found = RetProto { kind: RetKind::MapValue, null: NULLABLE };
    let (look, change) = (Some(Intrinsic::MapLookup), Some(Intrinsic::MapUpdate));
    let memory = RetKind::Memory { size: MemSize::Arg(ArgIdx(1)), access: MemAccess::ReadWrite, tie: None };
    let reserved = RetProto { kind: memory, null: NULLABLE };
    let size = arg("size", ArgKind::Const { size: Size::DW });
    let (take, give) = (KfuncFlags::ACQUIRE | KfuncFlags::RET_NULL, KfuncFlags::RELEASE);
    let data = || arg("data", ArgKind::Reserved);
    let body = ArgKind::Callback { args: vec![number(Size::DW), ArgKind::Passed(ArgIdx(2))] };
    let rounds = vec![arg("nr", number(Size::W)), arg("body", body), arg("with", ArgKind::Any), flags()];
    let plain = vec![
        helper(1, "bpf_map_lookup_elem", vec![map(), key()], found, KfuncFlags::RET_NULL, look),
        helper(2, "bpf_map_update_elem", vec![map(), key(), value, flags()], S64, none, change),
        helper(3, "bpf_map_delete_elem", vec![map(), key()], S64, none, change),
        helper(
            131,
            "bpf_ringbuf_reserve",
            vec![map(), size, flags()],
            reserved,
            take,
            Some(Intrinsic::Reserve),
        ),
        helper(132, "bpf_ringbuf_submit", vec![data(), flags()], VOID, give, None),
        helper(133, "bpf_ringbuf_discard", vec![data(), flags()], VOID, give, None),
        helper(181, "bpf_loop", rounds, S64, none, Some(Intrinsic::Loop)),
    ];
    plain.into_iter().chain(crate::fields::helpers()).collect()
}
