//! The test bed: three hosts with contracts of every kind that typed programs can use, and what the generator is told of them.

use std::sync::Arc;

use opswap_bpf::btf::{IntEncoding, IntType, Member, Signedness};
use opswap_bpf::insn::{CallTarget, Size};
use opswap_bpf::proto::{
    ContextArg, ContextField, ContextLayout, ContextValue, Demand, FieldAccess, FieldPolicy, LegacyLoads,
    MemAccess, NarrowAccess, PacketRules, PointerPolicy, ReturnRule, Sleepable,
};
use opswap_bpf::random::{Callable, Features, Field, FieldGives, World, plain_maps};
use opswap_bpf::{
    Btf, BtfId, BtfSpace, BtfType, EntryProto, HelperId, HelperProto, KfuncId, KfuncProto, MapProto,
    ProgramKind, TypeRef,
};
use opswap_verifier::Host;
use opswap_verifier::host::{Policy, Unavailable};

use crate::contracts::{NON_NULL, NULLABLE, helpers, kfuncs};

/// Bytes of the plain context.
pub(crate) const BUFFER: u32 = 128;

/// The three kinds of entry.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    /// Plain memory, by Rust's rules.
    Buffer,
    /// Host objects and numbers, by Rust's rules; the program may sleep.
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
    /// The programs' types.
    pub(crate) own: Arc<Btf>,
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
    /// States of iterators: over peers, over numbers, over packets.
    pub(crate) peers: TypeRef,
    pub(crate) num: TypeRef,
    pub(crate) packets: TypeRef,
}

impl Types {
    /// The iterators' states and their bytes.
    pub(crate) fn iterators(&self) -> [(TypeRef, u32); 3] {
        [(self.peers, 16), (self.num, 8), (self.packets, 24)]
    }
}

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
    let mut state = |name, size| TypeRef::host(btf.push(strukt(name, size, Vec::new())));
    let [peers, num, packets] =
        [state("bpf_iter_peers", 16), state("bpf_iter_num", 8), state("bpf_iter_packets", 24)];
    let [flow, peer, packet] = [flow, peer, packet].map(TypeRef::host);
    Types { flow, peer, packet, peers, num, packets }
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
    let sleepable = if kind == Kind::Objects { Sleepable::Yes } else { Sleepable::No };
    EntryProto { name: "typed".into(), context, ret, sleepable, declared_at: None }
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
        let maps = plain_maps().into_iter().chain(crate::fields::maps(&types)).collect();
        let own = Arc::new(crate::allocated::types());
        Self { kind, types, btf, own, kfuncs, helpers, entry: entry(kind, &types), maps, fields }
    }

    /// What the generator is told.
    pub(crate) fn world(&self, features: Features, statements: u32, slips: u32) -> World {
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
        let Types { flow, peer, packet, .. } = self.types;
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
            iterators: self.types.iterators().to_vec(),
            structs: crate::allocated::structs(),
            sleepable: self.entry.sleepable,
            slips,
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

    fn rcu_kptr(&self, ty: TypeRef) -> bool {
        ty == self.types.packet
    }

    fn packet(&self, _: &ProgramKind) -> PacketRules {
        match self.kind {
            Kind::Packet => PacketRules { direct: Some(MemAccess::ReadWrite), legacy: LegacyLoads::Refused },
            Kind::Buffer | Kind::Objects => PacketRules::NONE,
        }
    }
}
