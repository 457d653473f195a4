//! Contracts of functions that keep objects on the program's stack: iterators, saved interrupt states.

use opswap_bpf::insn::Size;
use opswap_bpf::proto::{
    ArgIdx, ArgKind, ArgProto, Demand, IrqClass, IrqRole, IterRole, MemAccess, MemSize, RetKind, RetProto,
    RetTrust,
};
use opswap_bpf::{BtfId, KfuncFlags, KfuncProto, TypeRef};

use crate::bed::Types;
use crate::contracts::{NULLABLE, S64, U32, VOID, arg, number};

/// A name, arguments, a result, flags.
type Row = (&'static str, Vec<ArgProto>, RetProto, KfuncFlags);

/// All of them; `deeds.rs` carries them out by name.
pub(crate) fn kfuncs(types: &Types) -> Vec<KfuncProto> {
    let proto = |(name, args, ret, flags): Row| KfuncProto {
        name: name.into(),
        args,
        ret,
        flags,
        func: TypeRef::host(BtfId(0)),
        intrinsic: None,
        declared_at: None,
    };
    iterators(types).into_iter().chain(interrupts()).map(proto).collect()
}

fn iterators(types: &Types) -> Vec<Row> {
    let Types { peer, packet, peers, num, packets, .. } = *types;
    let iter = |ty, role| arg("it", ArgKind::Iter { ty, role });
    let n = || arg("n", number(Size::W));
    let object = |ty, trust| RetProto { kind: RetKind::Object { ty, trust }, null: NULLABLE };
    let (none, new) = (KfuncFlags::empty(), KfuncFlags::ITER_NEW);
    let (next, destroy) = (KfuncFlags::ITER_NEXT | KfuncFlags::RET_NULL, KfuncFlags::ITER_DESTROY);
    let (size, access) = (MemSize::Fixed(4), MemAccess::Read);
    let word = RetProto { kind: RetKind::Memory { size, access, tie: Some(ArgIdx(0)) }, null: NULLABLE };
    let of = arg("packet", ArgKind::Object { ty: packet, demand: Demand::Trusted });
    let begin = |ty| iter(ty, IterRole::New);
    let guarded = new | KfuncFlags::RCU_PROTECTED;
    vec![
        ("peers_new", vec![begin(peers), n()], S64, new),
        ("peers_of", vec![begin(peers), of], S64, new),
        ("peers_new_rcu", vec![begin(peers)], S64, guarded),
        ("peers_next", vec![iter(peers, IterRole::Next)], object(peer, RetTrust::Borrowed(ArgIdx(0))), next),
        ("peers_left", vec![iter(peers, IterRole::Use)], U32, none),
        ("peers_destroy", vec![iter(peers, IterRole::Destroy)], VOID, destroy),
        ("num_new", vec![begin(num), n(), n()], S64, new),
        ("num_next", vec![iter(num, IterRole::Next)], word, next),
        ("num_destroy", vec![iter(num, IterRole::Destroy)], VOID, destroy),
        ("packets_new", vec![begin(packets), n()], S64, new),
        (
            "packets_next",
            vec![iter(packets, IterRole::Next)],
            object(packet, RetTrust::Owned),
            next | KfuncFlags::ACQUIRE,
        ),
        ("packets_destroy", vec![iter(packets, IterRole::Destroy)], VOID, destroy),
    ]
}

fn interrupts() -> Vec<Row> {
    let row = |name, role, class| {
        (name, vec![arg("flags", ArgKind::IrqFlag { role, class })], VOID, KfuncFlags::empty())
    };
    vec![
        row("irq_save", IrqRole::Save, IrqClass::Native),
        row("irq_restore", IrqRole::Restore, IrqClass::Native),
        row("lock_irq", IrqRole::Save, IrqClass::Lock),
        row("unlock_irq", IrqRole::Restore, IrqClass::Lock),
    ]
}
