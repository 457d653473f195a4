//! Functions of flows, peers and packets, and of plain memory.

use opswap_bpf::insn::Size;
use opswap_bpf::proto::{
    ArgIdx, ArgKind, ArgProto, DeclaredAt, Demand, Intrinsic, KfuncProto, MemAccess, MemInit, RetProto,
    RetTrust, SizeRule,
};
use opswap_bpf::{BtfId, KfuncFlags, TypeRef};

use super::{NON_NULL, NULLABLE, Types, U32, VOID, arg, bytes, len, number, object, returns};

pub(super) fn kfuncs(types: &Types) -> Vec<KfuncProto> {
    let Types { flow, peer, packet, inner } = *types;
    let (trusted, exclusive, owned) = (Demand::Trusted, Demand::Exclusive, Demand::Owned);
    let required = MemInit::Required;
    let mut all = Vec::new();
    let mut add = |name: &str, args: Vec<ArgProto>, ret: RetProto, flags, intrinsic| {
        let line = 10 * (1 + u32::try_from(all.len()).expect("few"));
        all.push(KfuncProto {
            name: name.into(),
            args,
            ret,
            flags,
            func: TypeRef::host(BtfId(0)),
            intrinsic,
            declared_at: Some(DeclaredAt { file: "lab/src/flow.rs".into(), line }),
        });
    };
    let none = KfuncFlags::empty();
    let number = || arg("n", number(Size::W));
    let of = |name: &str, ty, demand| arg(name, object(ty, demand));
    add("packet_new", vec![], returns(packet, RetTrust::Owned, NON_NULL), KfuncFlags::ACQUIRE, None);
    let find = KfuncFlags::ACQUIRE | KfuncFlags::RET_NULL;
    add("packet_find", vec![number()], returns(packet, RetTrust::Owned, NULLABLE), find, None);
    add("packet_free", vec![of("packet", packet, owned)], VOID, KfuncFlags::RELEASE, None);
    add("packet_len", vec![of("packet", packet, trusted)], U32, none, None);
    let maybe = ArgProto { null: NULLABLE, ..of("packet", packet, owned) };
    add("packet_put", vec![maybe], VOID, KfuncFlags::RELEASE, None);
    add("flow_touch", vec![of("flow", flow, exclusive)], VOID, none, None);
    add("flow_look", vec![of("flow", flow, trusted)], U32, none, None);
    let tied = |null| returns(peer, RetTrust::Borrowed(ArgIdx(0)), null);
    add("flow_peer", vec![of("flow", flow, trusted)], tied(NULLABLE), KfuncFlags::RET_NULL, None);
    add("flow_peer_mut", vec![of("flow", flow, exclusive)], tied(NON_NULL), none, None);
    add("peer_look", vec![of("peer", peer, trusted)], U32, none, None);
    add("flow_both", vec![of("a", flow, exclusive), of("b", flow, trusted)], VOID, none, None);
    add("flow_meet", vec![of("flow", flow, exclusive), of("peer", peer, trusted)], VOID, none, None);
    add("inner_touch", vec![of("inner", inner, exclusive)], VOID, none, None);
    let any = SizeRule::AnyOrZero;
    add("sum", vec![bytes("data", MemAccess::Read, required, 1), len(any)], U32, none, None);
    add("fill", vec![bytes("data", MemAccess::ReadWrite, required, 1), len(any)], VOID, none, None);
    let out = bytes("data", MemAccess::Write, MemInit::Provided, 1);
    add("fill_uninit", vec![out, len(any)], VOID, none, None);
    let to = bytes("to", MemAccess::ReadWrite, required, 1);
    let from = bytes("from", MemAccess::Read, required, 3);
    add("copy", vec![to, len(any), from, len(any)], VOID, none, None);
    let data = bytes("data", MemAccess::Read, required, 1);
    add("sum_const", vec![data, len(SizeRule::Constant)], U32, none, None);
    add("constant", vec![arg("k", ArgKind::Const { size: Size::DW })], U32, none, None);
    add("name", vec![arg("name", ArgKind::Str)], U32, none, None);
    add("rcu_lock", vec![], VOID, none, Some(Intrinsic::RcuReadLock));
    add("rcu_unlock", vec![], VOID, none, Some(Intrinsic::RcuReadUnlock));
    add("sleep", vec![], VOID, KfuncFlags::SLEEPABLE, None);
    add("current_peer", vec![], returns(peer, RetTrust::Trusted, NULLABLE), KfuncFlags::RET_NULL, None);
    add("rcu_peer", vec![], returns(peer, RetTrust::Rcu, NULLABLE), KfuncFlags::RET_NULL, None);
    add("packet_from", vec![of("packet", packet, trusted)], tied(NULLABLE), KfuncFlags::RET_NULL, None);
    let args = vec![self::number(Size::DW), ArgKind::Passed(ArgIdx(1))];
    let each = vec![arg("body", ArgKind::Callback { args }), arg("with", ArgKind::Any)];
    add("each", each, VOID, none, None);
    add("flow_current", vec![], returns(flow, RetTrust::Trusted, NULLABLE), KfuncFlags::RET_NULL, None);
    add("packet_current", vec![], returns(packet, RetTrust::Trusted, NULLABLE), KfuncFlags::RET_NULL, None);
    all
}
