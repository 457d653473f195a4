//! A small host to verify against: one flow, its peer, packets that are acquired and released, maps.
//!
//! | file | owns |
//! |---|---|
//! | `entries` | what programs are for |
//! | `flow` | functions of flows, peers and packets |
//! | `lent` | functions that lend memory and objects, or take the context and maps |
//! | `linux` | helpers with Linux's names, and their maps |
//! | `network` | programs that are given network packets |
//! | `fields` | maps with special fields, and functions for these |
//! | `objects` | types of programs, and functions for their objects, lists and trees |
//! | `faulty` | contracts that contradict themselves |

mod entries;
mod faulty;
mod fields;
mod flow;
mod lent;
mod linux;
mod network;
mod objects;

use std::sync::Arc;

use opswap_bpf::asm::Names;
use opswap_bpf::btf::{IntEncoding, IntType, Member, Signedness};
use opswap_bpf::insn::{CallTarget, Size};
use opswap_bpf::map::{BPF_F_RDONLY_PROG, MapKind};
use opswap_bpf::proto::{
    ArgIdx, ArgKind, ArgProto, DeclaredAt, Demand, FieldAccess, FieldPolicy, HelperEffects, Intrinsic,
    KfuncProto, MemAccess, MemInit, MemSize, Nullness, PacketRules, PointerPolicy, RecordProto, RetKind,
    RetProto, RetTrust, SizeRule,
};
use opswap_bpf::{
    Btf, BtfId, BtfSpace, BtfType, EntryProto, HelperId, HelperProto, KfuncFlags, KfuncId, MapId, MapProto,
    Program, ProgramKind, RecordId, TypeRef,
};
use opswap_verifier::Host;
use opswap_verifier::host::{Policy, Unavailable};

use crate::lab_objects;

const NON_NULL: Nullness = Nullness::NonNull;
const NULLABLE: Nullness = Nullness::Nullable;

/// The host.
pub(crate) struct Lab {
    btf: Btf,
    kfuncs: Vec<KfuncProto>,
    helpers: Vec<HelperProto>,
    maps: Vec<Arc<MapProto>>,
    entries: Vec<EntryProto>,
    /// Of each struct with rules its members' rules, in their order.
    fields: Vec<(BtfId, FieldPolicy)>,
    policy: Policy,
    socket: RecordProto,
    /// What a map of the kind of `seen` is to programs.
    map_object: TypeRef,
}

fn member(name: &str, ty: BtfId, offset: u32) -> Member {
    Member { name: name.into(), ty, bit_offset: offset * 8, bitfield_bits: 0 }
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

fn len(rule: SizeRule) -> ArgProto {
    arg("len", ArgKind::Size { rule })
}

/// A function: name, arguments, result, flags, meaning.
type Row = (&'static str, Vec<ArgProto>, RetProto, KfuncFlags, Option<Intrinsic>);

/// Functions as this file of the host declares them, one every ten lines.
fn declared(file: &str, rows: Vec<Row>) -> Vec<KfuncProto> {
    let lines = (1u32..).map(|at| DeclaredAt { file: file.into(), line: 10 * at });
    let kfunc = |((name, args, ret, flags, intrinsic), place): (Row, DeclaredAt)| KfuncProto {
        name: name.into(),
        args,
        ret,
        flags,
        func: TypeRef::host(BtfId(0)),
        intrinsic,
        declared_at: Some(place),
    };
    rows.into_iter().zip(lines).map(kfunc).collect()
}

const VOID: RetProto = RetProto { kind: RetKind::Void, null: NON_NULL };
const U32: RetProto =
    RetProto { kind: RetKind::Scalar { size: Size::W, signed: Signedness::Unsigned }, null: NON_NULL };

impl Lab {
    /// Builds the host.
    pub(crate) fn new() -> Self {
        let mut btf = Btf::new();
        let int = |name: &str, size| {
            let encoding = IntEncoding::Unsigned;
            let bits = u8::try_from(size * 8).expect("small");
            BtfType::Int(IntType { name: name.into(), size, encoding, bit_offset: 0, bits })
        };
        let u32_ = btf.push(int("u32", 4));
        let u64_ = btf.push(int("u64", 8));
        let strukt = |name: &str, size, members| BtfType::Struct { name: name.into(), size, members };
        let peer = btf.push(strukt("peer", 8, vec![member("id", u32_, 0), member("hits", u32_, 4)]));
        let inner = btf.push(strukt("inner", 8, vec![member("a", u32_, 0), member("b", u32_, 4)]));
        let peer_ptr = btf.push(BtfType::Ptr { to: peer });
        let anything = btf.push(BtfType::Ptr { to: BtfId(0) });
        let members =
            vec![member("len", u32_, 0), member("from", peer_ptr, 8), member("private", anything, 16)];
        let packet = btf.push(strukt("packet", 24, members));
        let members = vec![
            member("cwnd", u32_, 0),
            member("srtt", u32_, 4),
            member("bytes", u64_, 8),
            member("peer", peer_ptr, 16),
            member("inner", inner, 24),
            member("cell", u32_, 32),
            member("secret", u32_, 36),
            member("maybe", peer_ptr, 40),
            member("raw", peer_ptr, 48),
        ];
        let flow = btf.push(strukt("flow", 56, members));
        let plain = |access| FieldPolicy { access, pointer: PointerPolicy::Untrusted };
        let pointer = |pointer| FieldPolicy { access: FieldAccess::ReadOnly, pointer };
        let words = |count| (0..count).map(|at| member("opaque", u64_, 8 * at)).collect();
        let peers = btf.push(strukt("bpf_iter_peers", 16, words(2)));
        let num = btf.push(strukt("bpf_iter_num", 8, words(1)));
        let policies = [
            plain(FieldAccess::ReadWrite),
            plain(FieldAccess::ReadWrite),
            plain(FieldAccess::ReadOnly),
            pointer(PointerPolicy::Borrowed(NON_NULL)),
            plain(FieldAccess::ReadWrite),
            plain(FieldAccess::Shared),
            plain(FieldAccess::Hidden),
            pointer(PointerPolicy::Borrowed(NULLABLE)),
            pointer(PointerPolicy::Untrusted),
        ];
        let account = lent::Account::add(&mut btf, u32_);
        let words = vec![member("id", u32_, 0), member("max_entries", u32_, 4)];
        let map_object = TypeRef::host(btf.push(strukt("bpf_map", 8, words)));
        let mut fields: Vec<_> = policies.into_iter().map(|policy| (flow, policy)).collect();
        fields.extend(account.fields());
        let types = Types { flow, peer, packet, inner };
        let on_stack = lab_objects::kfuncs(&lab_objects::Types { peer, packet, peers, num });
        let lent = lent::kfuncs(&types, &account);
        let own = vec![lookup(), update(), lab_objects::from_mem()];
        Self {
            btf,
            kfuncs: [flow::kfuncs(&types), on_stack, objects::kfuncs(), lent, faulty::kfuncs(u32_)].concat(),
            helpers: [own, fields::helpers(), linux::helpers(peer)].concat(),
            maps: [maps(), fields::maps(packet, peer), linux::maps()].concat(),
            entries: [entries::entries(&types), network::entries()].concat(),
            fields,
            policy: Policy::RUST,
            socket: network::socket(),
            map_object,
        }
    }

    /// The same host with the rules of Linux.
    pub(crate) fn linux() -> Self {
        Self { policy: Policy::LINUX, ..Self::new() }
    }

    /// A program of this text for the entry with this name.
    pub(crate) fn program(&self, name: &str, entry: &str, text: &str) -> (Program, Vec<u32>) {
        let assembly = opswap_bpf::asm::assemble_with(text, self)
            .unwrap_or_else(|error| panic!("{name}: cannot assemble: {error}"));
        let mut program = Program::bare(name, ProgramKind::Named(entry.into()), assembly.insns);
        program.maps = self.maps.clone();
        program.btf = Some(Arc::new(objects::types()));
        crate::directives::apply(&mut program, text);
        crate::globals::declare(&mut program, text, &assembly.labels);
        (program, assembly.lines)
    }
}

struct Types {
    flow: BtfId,
    peer: BtfId,
    packet: BtfId,
    inner: BtfId,
}

fn object(ty: BtfId, demand: Demand) -> ArgKind {
    ArgKind::Object { ty: TypeRef::host(ty), demand }
}

fn returns(ty: BtfId, trust: RetTrust, null: Nullness) -> RetProto {
    RetProto { kind: RetKind::Object { ty: TypeRef::host(ty), trust }, null }
}

fn lookup() -> HelperProto {
    HelperProto {
        id: HelperId(1),
        name: "bpf_map_lookup_elem".into(),
        args: vec![arg("map", ArgKind::Map { shape: None }), arg("key", ArgKind::MapKey)],
        ret: RetProto { kind: RetKind::MapValue, null: NULLABLE },
        flags: KfuncFlags::RET_NULL,
        intrinsic: Some(Intrinsic::MapLookup),
        effects: HelperEffects::empty(),
        maps: None,
    }
}

fn update() -> HelperProto {
    let value = arg("value", ArgKind::MapValue { access: MemAccess::Read });
    let signed = Signedness::Signed;
    HelperProto {
        id: HelperId(2),
        name: "bpf_map_update_elem".into(),
        args: vec![
            arg("map", ArgKind::Map { shape: None }),
            arg("key", ArgKind::MapKey),
            value,
            arg("flags", ArgKind::Any),
        ],
        ret: RetProto { kind: RetKind::Scalar { size: Size::DW, signed }, null: NON_NULL },
        flags: KfuncFlags::empty(),
        intrinsic: Some(Intrinsic::MapUpdate),
        effects: HelperEffects::empty(),
        maps: None,
    }
}

fn maps() -> Vec<Arc<MapProto>> {
    let map = |name: &str, kind, value_size, max_entries, flags, frozen: Option<&[u8]>| {
        Arc::new(MapProto {
            name: name.into(),
            kind,
            key_size: 4,
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
    let text = b"\x07\0\0\0hi\0x";
    vec![
        map("counts", MapKind::Array, 16, 8, 0, None),
        map("rodata", MapKind::Array, 8, 1, BPF_F_RDONLY_PROG, Some(text)),
        map("bss", MapKind::Array, 64, 1, 0, None),
        map("flows", MapKind::Hash, 48, 8, 0, None),
        Arc::new(MapProto { key_size: 0, ..(*map("arena", MapKind::Arena, 0, 2, 0, None)).clone() }),
    ]
}

impl Names for Lab {
    fn call(&self, name: &str) -> Option<CallTarget> {
        if let Some(helper) = self.helpers.iter().find(|helper| helper.name == name) {
            return Some(CallTarget::Helper(helper.id));
        }
        let at = self.kfuncs.iter().position(|kfunc| kfunc.name == name)?;
        Some(CallTarget::Kfunc { id: KfuncId(u32::try_from(at).ok()?), module: 0 })
    }

    fn map(&self, name: &str) -> Option<MapId> {
        let at = self.maps.iter().position(|map| map.name == name)?;
        Some(MapId(u32::try_from(at).ok()?))
    }
}

impl Host for Lab {
    fn policy(&self) -> Policy {
        self.policy
    }

    fn btf(&self, space: BtfSpace) -> Option<&Btf> {
        (space == BtfSpace::Host).then_some(&self.btf)
    }

    fn entry(&self, kind: &ProgramKind) -> Option<&EntryProto> {
        match kind {
            ProgramKind::Named(name) => self.entries.iter().find(|entry| entry.name == *name),
            ProgramKind::StructOps { .. } => None,
        }
    }

    fn kfunc(&self, id: KfuncId, _module: i16, _kind: &ProgramKind) -> Result<&KfuncProto, Unavailable> {
        self.kfuncs.get(id.index()).ok_or(Unavailable::Unknown)
    }

    fn helper(&self, id: HelperId, _kind: &ProgramKind) -> Result<&HelperProto, Unavailable> {
        self.helpers.iter().find(|helper| helper.id == id).ok_or(Unavailable::Unknown)
    }

    fn release_of(&self, ty: TypeRef, _kind: &ProgramKind) -> Option<&KfuncProto> {
        let takes = |arg: &ArgProto| arg.kind == ArgKind::Object { ty, demand: Demand::Owned };
        self.kfuncs.iter().find(|kfunc| kfunc.args.first().is_some_and(takes))
    }

    fn field(&self, owner: TypeRef, member: u32, _kind: &ProgramKind) -> FieldPolicy {
        let mut rules = self.fields.iter().filter(|(ty, _)| *ty == owner.id);
        let any = FieldPolicy { access: FieldAccess::ReadWrite, pointer: PointerPolicy::Borrowed(NULLABLE) };
        rules.nth(member as usize).map_or(any, |(_, rule)| *rule)
    }

    fn record(&self, id: RecordId) -> Option<&RecordProto> {
        (id == network::SOCK).then_some(&self.socket)
    }

    fn packet(&self, kind: &ProgramKind) -> PacketRules {
        network::rules(kind)
    }

    fn map_object(&self, kind: MapKind) -> Option<TypeRef> {
        (kind == MapKind::LruHash).then_some(self.map_object)
    }

    fn refuses(&self, program: &Program) -> Option<String> {
        let kind = &program.kind;
        let retired = matches!(kind, ProgramKind::Named(name) if name == "retired");
        retired.then(|| "attach_btf_id 7 points to disabled hook".to_owned())
    }
}

/// The lab with one entry of its own for every kind of program.
pub(crate) struct WithEntry<'a> {
    pub(crate) lab: &'a Lab,
    pub(crate) entry: EntryProto,
}

impl Host for WithEntry<'_> {
    fn btf(&self, space: BtfSpace) -> Option<&Btf> {
        self.lab.btf(space)
    }

    fn entry(&self, _kind: &ProgramKind) -> Option<&EntryProto> {
        Some(&self.entry)
    }

    fn kfunc(&self, id: KfuncId, module: i16, kind: &ProgramKind) -> Result<&KfuncProto, Unavailable> {
        self.lab.kfunc(id, module, kind)
    }

    fn helper(&self, id: HelperId, kind: &ProgramKind) -> Result<&HelperProto, Unavailable> {
        self.lab.helper(id, kind)
    }

    fn field(&self, owner: TypeRef, member: u32, kind: &ProgramKind) -> FieldPolicy {
        self.lab.field(owner, member, kind)
    }
}
