//! Contracts of functions that keep objects on the program's stack: iterators, dynptrs, saved interrupt states.

use opswap_bpf::insn::Size;
use opswap_bpf::proto::{
    ArgIdx, ArgKind, ArgProto, Demand, DynptrKind, DynptrMemory, Intrinsic, IrqClass, IrqRole, IterRole,
    MemAccess, MemInit, MemSize, RetKind, RetProto, RetTrust, SizeRule,
};
use opswap_bpf::{BtfId, KfuncFlags, KfuncProto, TypeRef};

use crate::bed::Types;
use crate::contracts::{NULLABLE, S64, U32, VOID, arg, bytes, number};

/// A name, arguments, a result, flags.
type Row = (&'static str, Vec<ArgProto>, RetProto, KfuncFlags, Option<Intrinsic>);

/// All of them; `deeds.rs` carries them out by name.
pub(crate) fn kfuncs(types: &Types) -> Vec<KfuncProto> {
    let proto = |(name, args, ret, flags, intrinsic): Row| KfuncProto {
        name: name.into(),
        args,
        ret,
        flags,
        func: TypeRef::host(BtfId(0)),
        intrinsic,
        declared_at: None,
    };
    let plain = iterators(types).into_iter().chain(interrupts());
    let plain = plain.map(|(name, args, ret, flags)| (name, args, ret, flags, None));
    plain.chain(dynptrs(types)).map(proto).collect()
}

type Plain = (&'static str, Vec<ArgProto>, RetProto, KfuncFlags);

fn iterators(types: &Types) -> Vec<Plain> {
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

fn dynptrs(types: &Types) -> Vec<Row> {
    let none = KfuncFlags::empty();
    let dynptr = |kind| arg("dynptr", ArgKind::Dynptr(kind));
    let read = || dynptr(DynptrKind::Read);
    let n = || arg("n", number(Size::W));
    let of = arg("packet", ArgKind::Object { ty: types.packet, demand: Demand::Trusted });
    let host = dynptr(DynptrKind::Uninit(DynptrMemory::Host));
    let record = dynptr(DynptrKind::Uninit(DynptrMemory::Ringbuf));
    let out = bytes("data", MemAccess::Write, MemInit::Provided, 1);
    let len = |rule| arg("len", ArgKind::Size { rule });
    let slice = |size, access| RetProto {
        kind: RetKind::Memory { size: MemSize::Arg(ArgIdx(size)), access, tie: Some(ArgIdx(0)) },
        null: NULLABLE,
    };
    let buffer = ArgProto { null: NULLABLE, ..bytes("buffer", MemAccess::Write, MemInit::Provided, 3) };
    let sliced = vec![read(), n(), buffer, len(SizeRule::Constant)];
    let constant = arg("len", ArgKind::Const { size: Size::DW });
    let written =
        vec![read(), n(), bytes("data", MemAccess::Read, MemInit::Required, 3), len(SizeRule::AnyOrZero)];
    let owned = || vec![dynptr(DynptrKind::Owned)];
    let both = |kind| vec![dynptr(kind), read()];
    let copy = vec![read(), dynptr(DynptrKind::CloneOf(ArgIdx(0)))];
    let null = KfuncFlags::RET_NULL;
    vec![
        ("dyn_of_packet", vec![of, host], S64, none, None),
        ("dyn_reserve", vec![n(), record], S64, none, None),
        ("dyn_submit", owned(), VOID, KfuncFlags::RELEASE, None),
        ("dyn_discard", owned(), VOID, KfuncFlags::RELEASE, None),
        ("dyn_clone", copy, S64, none, None),
        ("dyn_size", vec![read()], U32, none, None),
        ("dyn_adjust", vec![dynptr(DynptrKind::ReadWrite), n()], S64, none, None),
        ("dyn_equal", both(DynptrKind::Read), U32, none, None),
        ("dyn_merge", both(DynptrKind::ReadWrite), S64, none, None),
        ("dyn_read", vec![out, len(SizeRule::AnyOrZero), read()], S64, none, None),
        ("dyn_write", written, S64, none, Some(Intrinsic::DynptrWrite)),
        ("dyn_slice", sliced, slice(3, MemAccess::Read), null, Some(Intrinsic::DynptrSlice)),
        (
            "dyn_data",
            vec![read(), constant],
            slice(1, MemAccess::ReadWrite),
            null,
            Some(Intrinsic::DynptrData),
        ),
    ]
}

fn interrupts() -> Vec<Plain> {
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
