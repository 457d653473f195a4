//! The lab's functions that keep objects on the program's stack.

use opswap_bpf::btf::Signedness;
use opswap_bpf::insn::Size;
use opswap_bpf::proto::{
    ArgIdx, ArgKind, ArgProto, Demand, DynptrKind, DynptrMemory, HelperEffects, Intrinsic, IrqClass, IrqRole,
    IterRole, KfuncProto, MemAccess, MemInit, MemSize, Nullness, RetKind, RetProto, RetTrust, SizeRule,
};
use opswap_bpf::{BtfId, HelperId, HelperProto, KfuncFlags, TypeRef};

/// Types that they use.
pub(crate) struct Types {
    pub(crate) peer: BtfId,
    pub(crate) packet: BtfId,
    /// `struct bpf_iter_peers`, 16 bytes.
    pub(crate) peers: BtfId,
    /// `struct bpf_iter_num`, 8 bytes.
    pub(crate) num: BtfId,
}

fn arg(name: &str, kind: ArgKind) -> ArgProto {
    ArgProto { name: name.into(), kind, null: Nullness::NonNull }
}

fn number() -> ArgProto {
    arg("n", ArgKind::Scalar { size: Size::W, signed: Signedness::Unsigned })
}

fn iter(ty: BtfId, role: IterRole) -> ArgProto {
    arg("it", ArgKind::Iter { ty: TypeRef::host(ty), role })
}

fn dynptr(kind: DynptrKind) -> ArgProto {
    arg("dynptr", ArgKind::Dynptr(kind))
}

fn irq(role: IrqRole, class: IrqClass) -> ArgProto {
    arg("flags", ArgKind::IrqFlag { role, class })
}

const VOID: RetProto = RetProto { kind: RetKind::Void, null: Nullness::NonNull };
const INT: RetProto =
    RetProto { kind: RetKind::Scalar { size: Size::W, signed: Signedness::Signed }, null: Nullness::NonNull };

fn slice(size: MemSize, access: MemAccess) -> RetProto {
    RetProto { kind: RetKind::Memory { size, access, tie: Some(ArgIdx(0)) }, null: Nullness::Nullable }
}

/// A name, arguments, a result, flags and a meaning.
type Row = (&'static str, Vec<ArgProto>, RetProto, KfuncFlags, Option<Intrinsic>);

/// All of them.
pub(crate) fn kfuncs(types: &Types) -> Vec<KfuncProto> {
    let rows = iterators(types).into_iter().chain(dynptrs(types)).chain(irqs());
    let proto = |(name, args, ret, flags, intrinsic): Row| KfuncProto {
        name: name.into(),
        args,
        ret,
        flags,
        func: TypeRef::host(BtfId(0)),
        intrinsic,
        declared_at: None,
    };
    rows.map(proto).collect()
}

fn iterators(types: &Types) -> Vec<Row> {
    let Types { peer, packet, peers, num } = *types;
    let none = KfuncFlags::empty();
    let next = KfuncFlags::ITER_NEXT | KfuncFlags::RET_NULL;
    let element = RetProto {
        kind: RetKind::Object { ty: TypeRef::host(peer), trust: RetTrust::Borrowed(ArgIdx(0)) },
        null: Nullness::Nullable,
    };
    let of = arg("packet", ArgKind::Object { ty: TypeRef::host(packet), demand: Demand::Trusted });
    vec![
        ("peers_new", vec![iter(peers, IterRole::New), number()], INT, KfuncFlags::ITER_NEW, None),
        ("peers_of", vec![iter(peers, IterRole::New), of], INT, KfuncFlags::ITER_NEW, None),
        (
            "peers_new_rcu",
            vec![iter(peers, IterRole::New)],
            INT,
            KfuncFlags::ITER_NEW | KfuncFlags::RCU_PROTECTED,
            None,
        ),
        ("peers_next", vec![iter(peers, IterRole::Next)], element, next, None),
        ("peers_left", vec![iter(peers, IterRole::Use)], INT, none, None),
        ("peers_destroy", vec![iter(peers, IterRole::Destroy)], VOID, KfuncFlags::ITER_DESTROY, None),
        ("num_new", vec![iter(num, IterRole::New), number(), number()], INT, KfuncFlags::ITER_NEW, None),
        ("num_next", vec![iter(num, IterRole::Next)], slice(MemSize::Fixed(4), MemAccess::Read), next, None),
        ("num_destroy", vec![iter(num, IterRole::Destroy)], VOID, KfuncFlags::ITER_DESTROY, None),
    ]
}

fn memory() -> ArgProto {
    let (size, access) = (MemSize::Arg(ArgIdx(1)), MemAccess::Write);
    arg("data", ArgKind::Memory { size, access, init: MemInit::Provided })
}

fn len() -> ArgProto {
    arg("len", ArgKind::Size { rule: SizeRule::AnyOrZero })
}

/// `dyn_from_mem`, which is a helper: it keeps an address, not a Rust reference.
pub(crate) fn from_mem() -> HelperProto {
    HelperProto {
        id: HelperId(197),
        name: "dyn_from_mem".into(),
        args: vec![memory(), len(), dynptr(DynptrKind::Uninit(DynptrMemory::Local))],
        ret: INT,
        flags: KfuncFlags::empty(),
        effects: HelperEffects::empty(),
        maps: None,
        intrinsic: Some(Intrinsic::DynptrFromMem),
    }
}

fn dynptrs(types: &Types) -> Vec<Row> {
    let none = KfuncFlags::empty();
    let null = KfuncFlags::RET_NULL;
    let uninit = |memory| dynptr(DynptrKind::Uninit(memory));
    let constant = || arg("len", ArgKind::Const { size: Size::DW });
    let of = arg("packet", ArgKind::Object { ty: TypeRef::host(types.packet), demand: Demand::Trusted });
    let data = slice(MemSize::Arg(ArgIdx(1)), MemAccess::ReadWrite);
    let buffer = || ArgProto {
        null: Nullness::Nullable,
        ..arg(
            "buffer",
            ArgKind::Memory {
                size: MemSize::Arg(ArgIdx(3)),
                access: MemAccess::Write,
                init: MemInit::Provided,
            },
        )
    };
    let sliced = || {
        let len = arg("len", ArgKind::Size { rule: SizeRule::Constant });
        vec![dynptr(DynptrKind::Read), number(), buffer(), len]
    };
    let part = Some(Intrinsic::DynptrSlice);
    vec![
        ("dyn_of_packet", vec![of, uninit(DynptrMemory::Host)], INT, none, None),
        ("dyn_reserve", vec![number(), uninit(DynptrMemory::Ringbuf)], INT, none, None),
        ("dyn_submit", vec![dynptr(DynptrKind::Owned)], VOID, KfuncFlags::RELEASE, None),
        (
            "dyn_clone",
            vec![dynptr(DynptrKind::Read), dynptr(DynptrKind::CloneOf(ArgIdx(0)))],
            INT,
            none,
            None,
        ),
        ("dyn_size", vec![dynptr(DynptrKind::Read)], INT, none, None),
        ("dyn_adjust", vec![dynptr(DynptrKind::ReadWrite), number()], INT, none, None),
        ("dyn_equal", vec![dynptr(DynptrKind::Read), dynptr(DynptrKind::Read)], INT, none, None),
        ("dyn_merge", vec![dynptr(DynptrKind::ReadWrite), dynptr(DynptrKind::Read)], INT, none, None),
        ("dyn_read", vec![memory(), len(), dynptr(DynptrKind::Read)], INT, none, None),
        ("dyn_slice", sliced(), slice(MemSize::Arg(ArgIdx(3)), MemAccess::Read), null, part),
        ("dyn_slice_mut", sliced(), slice(MemSize::Arg(ArgIdx(3)), MemAccess::ReadWrite), null, part),
        ("dyn_data", vec![dynptr(DynptrKind::Read), constant()], data, null, Some(Intrinsic::DynptrData)),
    ]
}

fn irqs() -> Vec<Row> {
    let none = KfuncFlags::empty();
    let row = |name, role, class| (name, vec![irq(role, class)], VOID, none, None);
    vec![
        row("irq_save", IrqRole::Save, IrqClass::Native),
        row("irq_restore", IrqRole::Restore, IrqClass::Native),
        row("lock_irq", IrqRole::Save, IrqClass::Lock),
        row("unlock_irq", IrqRole::Restore, IrqClass::Lock),
    ]
}
