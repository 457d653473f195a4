//! The test bed: three hosts with contracts of every kind that typed programs can use, and what the generator is told of them.

use std::sync::Arc;

use opswap_bpf::btf::{IntEncoding, IntType, Member, Signedness};
use opswap_bpf::insn::{CallTarget, Size};
use opswap_bpf::map::{BPF_F_RDONLY_PROG, MapKind};
use opswap_bpf::proto::{
    ArgIdx, ArgKind, ArgProto, ContextArg, ContextField, ContextLayout, ContextValue, Demand, FieldAccess,
    FieldPolicy, HelperEffects, Intrinsic, LegacyLoads, MemAccess, MemInit, MemSize, NarrowAccess, Nullness,
    PacketRules, PointerPolicy, RetKind, RetProto, RetTrust, ReturnRule, SizeRule, Sleepable,
};
use opswap_bpf::random::{Callable, Features, Field, FieldGives, World};
use opswap_bpf::{
    Btf, BtfId, BtfSpace, BtfType, EntryProto, HelperId, HelperProto, KfuncFlags, KfuncId, KfuncProto,
    MapProto, ProgramKind, TypeRef,
};
use opswap_verifier::Host;
use opswap_verifier::host::{Policy, Unavailable};

const NON_NULL: Nullness = Nullness::NonNull;
const NULLABLE: Nullness = Nullness::Nullable;

/// Bytes of the plain context.
pub(crate) const BUFFER: u32 = 128;

/// The three kinds of entry.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    /// Plain memory, by Rust's rules.
    Buffer,
    /// Host objects and numbers, by Rust's rules.
    Objects,
    /// Fields and a packet, by Linux's rules.
    Packet,
}

impl Kind {
    pub(crate) const ALL: [Self; 3] = [Self::Buffer, Self::Objects, Self::Packet];
}

/// A host.
pub(crate) struct Bed {
    pub(crate) kind: Kind,
    pub(crate) types: Types,
    btf: Btf,
    pub(crate) kfuncs: Vec<KfuncProto>,
    pub(crate) helpers: Vec<HelperProto>,
    entry: EntryProto,
    pub(crate) maps: Vec<Arc<MapProto>>,
    fields: Vec<(BtfId, FieldPolicy)>,
}

/// The host's types.
#[derive(Clone, Copy)]
pub(crate) struct Types {
    pub(crate) flow: TypeRef,
    pub(crate) peer: TypeRef,
    pub(crate) packet: TypeRef,
}

fn number(size: Size) -> ArgKind {
    ArgKind::Scalar { size, signed: Signedness::Unsigned }
}

fn arg(name: &str, kind: ArgKind) -> ArgProto {
    ArgProto { name: name.into(), kind, null: NON_NULL }
}

fn bytes(name: &str, access: MemAccess, init: MemInit, len: u8) -> ArgProto {
    arg(name, ArgKind::Memory { size: MemSize::Arg(ArgIdx(len)), access, init })
}

const VOID: RetProto = RetProto { kind: RetKind::Void, null: NON_NULL };
const U32: RetProto =
    RetProto { kind: RetKind::Scalar { size: Size::W, signed: Signedness::Unsigned }, null: NON_NULL };
const S64: RetProto =
    RetProto { kind: RetKind::Scalar { size: Size::DW, signed: Signedness::Signed }, null: NON_NULL };

/// Offsets of the members of `flow`, by number.
const FLOW: [u32; 5] = [0, 4, 8, 16, 24];
/// Bytes of `flow`.
pub(crate) const FLOW_BYTES: u32 = 32;
/// Bytes of `peer`.
pub(crate) const PEER_BYTES: u32 = 8;
/// Bytes of `packet`.
pub(crate) const PACKET_BYTES: u32 = 16;
/// Where `flow` has its peer, and perhaps another one.
pub(crate) const FLOW_PEER: u32 = 16;
pub(crate) const FLOW_MAYBE: u32 = 24;
/// Where `packet` has the peer that it came from.
pub(crate) const PACKET_FROM: u32 = 8;

fn types(btf: &mut Btf) -> Types {
    let mut int = |name: &str, size: u32| {
        let bits = u8::try_from(size * 8).expect("small");
        let encoding = IntEncoding::Unsigned;
        btf.push(BtfType::Int(IntType { name: name.into(), size, encoding, bit_offset: 0, bits }))
    };
    let (u32_, u64_) = (int("u32", 4), int("u64", 8));
    let member = |name: &str, ty, offset: u32| Member {
        name: name.into(),
        ty,
        bit_offset: offset * 8,
        bitfield_bits: 0,
    };
    let strukt = |name: &str, size, members| BtfType::Struct { name: name.into(), size, members };
    let peer = btf.push(strukt("peer", PEER_BYTES, vec![member("id", u32_, 0), member("hits", u32_, 4)]));
    let to_peer = btf.push(BtfType::Ptr { to: peer });
    let members = vec![member("len", u32_, 0), member("from", to_peer, PACKET_FROM)];
    let packet = btf.push(strukt("packet", PACKET_BYTES, members));
    let members = vec![
        member("cwnd", u32_, FLOW[0]),
        member("srtt", u32_, FLOW[1]),
        member("bytes", u64_, FLOW[2]),
        member("peer", to_peer, FLOW_PEER),
        member("maybe", to_peer, FLOW_MAYBE),
    ];
    let flow = btf.push(strukt("flow", FLOW_BYTES, members));
    Types { flow: TypeRef::host(flow), peer: TypeRef::host(peer), packet: TypeRef::host(packet) }
}

fn object(ty: TypeRef, demand: Demand) -> ArgKind {
    ArgKind::Object { ty, demand }
}

fn gives(ty: TypeRef, trust: RetTrust, null: Nullness) -> RetProto {
    RetProto { kind: RetKind::Object { ty, trust }, null }
}

/// The kfuncs; `calls.rs` carries them out by name.
fn kfuncs(types: &Types) -> Vec<KfuncProto> {
    let Types { flow, peer, packet } = *types;
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
    all
}

fn helpers() -> Vec<HelperProto> {
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
    vec![
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
    ]
}

fn maps() -> Vec<Arc<MapProto>> {
    let map = |name: &str, kind, key_size, value_size, max_entries, flags, frozen: Option<&[u8]>| {
        Arc::new(MapProto {
            name: name.into(),
            kind,
            key_size,
            value_size,
            max_entries,
            flags,
            key_type: BtfId(0),
            value_type: BtfId(0),
            fields: Vec::new(),
            inner: None,
            frozen: frozen.map(Arc::from),
        })
    };
    vec![
        map("counts", MapKind::Array, 4, 16, 8, 0, None),
        map(
            "rodata",
            MapKind::Array,
            4,
            16,
            1,
            BPF_F_RDONLY_PROG,
            Some(b"\x07\0\0\0\xff\xff\xff\xff\x10\0\0\0hi!\0"),
        ),
        map("flows", MapKind::Hash, 8, 48, 8, 0, None),
        map("records", MapKind::Ringbuf, 0, 0, 4096, 0, None),
    ]
}

fn entry(kind: Kind, types: &Types) -> EntryProto {
    let scalar = |size| ContextValue::Scalar { size, signed: Signedness::Unsigned };
    let slot = |name: &str, value, null| ContextArg { name: name.into(), value, null };
    let context = match kind {
        Kind::Buffer => ContextLayout::Buffer { size: BUFFER, access: MemAccess::ReadWrite },
        Kind::Objects => {
            let flow = ContextValue::Object { ty: types.flow, demand: Demand::Exclusive };
            let peer = ContextValue::Object { ty: types.peer, demand: Demand::Trusted };
            let signed = ContextValue::Scalar { size: Size::H, signed: Signedness::Signed };
            ContextLayout::Args(vec![
                slot("flow", flow, NON_NULL),
                slot("acked", scalar(Size::W), NON_NULL),
                slot("peer", peer, NULLABLE),
                slot("delta", signed, NON_NULL),
                slot("wide", scalar(Size::DW), NON_NULL),
            ])
        }
        Kind::Packet => {
            let (read, both) = (MemAccess::Read, MemAccess::ReadWrite);
            let (whole, parts) = (NarrowAccess::Forbidden, NarrowAccess::Allowed);
            let field = |offset, value, access, narrow| ContextField {
                offset,
                size: 4,
                value,
                null: NON_NULL,
                access,
                narrow,
            };
            ContextLayout::Fields(vec![
                field(0, scalar(Size::W), read, parts),
                field(4, scalar(Size::W), both, parts),
                field(8, scalar(Size::W), both, whole),
                field(12, ContextValue::PacketStart, read, whole),
                field(16, ContextValue::PacketEnd, read, whole),
                field(20, scalar(Size::W), read, parts),
            ])
        }
    };
    let ret = match kind {
        Kind::Packet => ReturnRule::Range { min: 0, max: 3 },
        Kind::Buffer | Kind::Objects => ReturnRule::Scalar { size: Size::DW, signed: Signedness::Unsigned },
    };
    EntryProto { name: "typed".into(), context, ret, sleepable: Sleepable::No, declared_at: None }
}

impl Bed {
    pub(crate) fn new(kind: Kind) -> Self {
        let mut btf = Btf::new();
        let types = types(&mut btf);
        let plain = |access| FieldPolicy { access, pointer: PointerPolicy::Untrusted };
        let pointer =
            |null| FieldPolicy { access: FieldAccess::ReadOnly, pointer: PointerPolicy::Borrowed(null) };
        let policies = [
            plain(FieldAccess::ReadWrite),
            plain(FieldAccess::ReadWrite),
            plain(FieldAccess::ReadOnly),
            pointer(NON_NULL),
            pointer(NULLABLE),
        ];
        let fields = policies.into_iter().map(|policy| (types.flow.id, policy)).collect();
        let (kfuncs, helpers) = (kfuncs(&types), helpers());
        Self { kind, types, btf, kfuncs, helpers, entry: entry(kind, &types), maps: maps(), fields }
    }

    /// What the generator is told.
    pub(crate) fn world(&self, features: Features, statements: u32) -> World {
        let kfunc = |(id, proto): (u32, &KfuncProto)| Callable {
            target: CallTarget::Kfunc { id: KfuncId(id), module: 0 },
            args: proto.args.clone(),
            ret: proto.ret.clone(),
            flags: proto.flags,
            intrinsic: proto.intrinsic,
        };
        let helper = |proto: &HelperProto| Callable {
            target: CallTarget::Helper(proto.id),
            args: proto.args.clone(),
            ret: proto.ret.clone(),
            flags: proto.flags,
            intrinsic: proto.intrinsic,
        };
        let kfuncs = (0..).zip(&self.kfuncs).map(kfunc);
        let functions = kfuncs.chain(self.helpers.iter().map(helper)).collect();
        let field = |owner, offset, gives| Field { owner, offset, gives };
        let number = |bytes, writable| FieldGives::Number { bytes, writable };
        let pointer = |null| FieldGives::Pointer { ty: self.types.peer, null };
        let Types { flow, peer, packet } = self.types;
        let fields = vec![
            field(flow, 0, number(4, true)),
            field(flow, 4, number(4, true)),
            field(flow, 8, number(8, false)),
            field(flow, 16, pointer(NON_NULL)),
            field(flow, 24, pointer(NULLABLE)),
            field(peer, 0, number(4, false)),
            field(peer, 4, number(4, false)),
            field(packet, 0, number(4, false)),
            field(packet, 8, pointer(NULLABLE)),
        ];
        let returns = if self.kind == Kind::Packet { (0, 3) } else { (i32::MIN, i32::MAX) };
        World {
            context: self.entry.context.clone(),
            packet_writable: true,
            maps: self.maps.clone(),
            functions,
            fields,
            features,
            statements,
            returns,
        }
    }
}

impl Host for Bed {
    fn policy(&self) -> Policy {
        match self.kind {
            Kind::Packet => Policy::LINUX,
            Kind::Buffer | Kind::Objects => Policy::RUST,
        }
    }

    fn btf(&self, space: BtfSpace) -> Option<&Btf> {
        (space == BtfSpace::Host).then_some(&self.btf)
    }

    fn entry(&self, _: &ProgramKind) -> Option<&EntryProto> {
        Some(&self.entry)
    }

    fn kfunc(&self, id: KfuncId, _: i16, _: &ProgramKind) -> Result<&KfuncProto, Unavailable> {
        self.kfuncs.get(id.index()).ok_or(Unavailable::Unknown)
    }

    fn helper(&self, id: HelperId, _: &ProgramKind) -> Result<&HelperProto, Unavailable> {
        self.helpers.iter().find(|helper| helper.id == id).ok_or(Unavailable::Unknown)
    }

    fn field(&self, owner: TypeRef, member: u32, _: &ProgramKind) -> FieldPolicy {
        match self.fields.get(member as usize) {
            Some((of, policy)) if *of == owner.id => *policy,
            _ => FieldPolicy { access: FieldAccess::ReadOnly, pointer: PointerPolicy::Borrowed(NULLABLE) },
        }
    }

    fn packet(&self, _: &ProgramKind) -> PacketRules {
        match self.kind {
            Kind::Packet => PacketRules { direct: Some(MemAccess::ReadWrite), legacy: LegacyLoads::Refused },
            Kind::Buffer | Kind::Objects => PacketRules::NONE,
        }
    }
}
