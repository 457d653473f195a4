//! A small host to verify against: one flow, its peer, packets that are acquired and released, maps.
//!
//! | file | owns |
//! |---|---|
//! | `lent` | functions that lend memory and objects, or take the context and maps |
//! | `linux` | helpers with Linux's names, and their maps |
//! | `network` | programs that are given network packets |
//! | `fields` | maps with special fields, and functions for these |
//! | `objects` | types of programs, and functions for their objects, lists and trees |
//! | `faulty` | contracts that contradict themselves |

mod faulty;
mod fields;
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
    ArgIdx, ArgKind, ArgProto, ContextArg, ContextField, ContextLayout, ContextValue, DeclaredAt, Demand,
    FieldAccess, FieldPolicy, HelperEffects, Intrinsic, KfuncProto, MemAccess, MemInit, MemSize,
    NarrowAccess, Nullness, PacketRules, PointerPolicy, RecordProto, RetKind, RetProto, RetTrust, ReturnRule,
    SizeRule, Sleepable,
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
            kfuncs: [kfuncs(&types), on_stack, objects::kfuncs(), lent, faulty::kfuncs(u32_)].concat(),
            helpers: [own, fields::helpers(), linux::helpers()].concat(),
            maps: [maps(), fields::maps(packet, peer), linux::maps()].concat(),
            entries: [entries(&types), network::entries()].concat(),
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

fn kfuncs(types: &Types) -> Vec<KfuncProto> {
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

fn entries(types: &Types) -> Vec<EntryProto> {
    let dw = ReturnRule::Scalar { size: Size::DW, signed: Signedness::Unsigned };
    let object = |name: &str, ty, demand, null| ContextArg {
        name: name.into(),
        value: ContextValue::Object { ty: TypeRef::host(ty), demand },
        null,
    };
    let number = |name: &str, size, signed| ContextArg {
        name: name.into(),
        value: ContextValue::Scalar { size, signed },
        null: NON_NULL,
    };
    let op = vec![
        object("flow", types.flow, Demand::Exclusive, NON_NULL),
        number("acked", Size::W, Signedness::Unsigned),
        object("peer", types.peer, Demand::Trusted, NULLABLE),
        number("delta", Size::H, Signedness::Signed),
    ];
    let owned = vec![object("packet", types.packet, Demand::Owned, NON_NULL)];
    let maybe = vec![object("packet", types.packet, Demand::Owned, NULLABLE)];
    let field = |offset, size, access, narrow| ContextField {
        offset,
        size,
        value: ContextValue::Scalar { size: Size::W, signed: Signedness::Unsigned },
        null: NON_NULL,
        access,
        narrow,
    };
    let fields = vec![
        field(0, 4, MemAccess::Read, NarrowAccess::Allowed),
        field(4, 4, MemAccess::ReadWrite, NarrowAccess::Forbidden),
    ];
    let entry = |name: &str, context, ret, sleepable| EntryProto {
        name: name.into(),
        context,
        ret,
        sleepable,
        declared_at: Some(DeclaredAt { file: "lab/src/ops.rs".into(), line: 7 }),
    };
    let rw = MemAccess::ReadWrite;
    let packet = TypeRef::host(types.packet);
    vec![
        entry("op", ContextLayout::Args(op.clone()), dw.clone(), Sleepable::No),
        entry("op_sleepable", ContextLayout::Args(op), dw.clone(), Sleepable::Yes),
        entry("memory", ContextLayout::Memory { size: 64, access: rw }, dw.clone(), Sleepable::No),
        entry("buffer", ContextLayout::Buffer { size: 32, access: rw }, dw.clone(), Sleepable::No),
        entry("fields", ContextLayout::Fields(fields), dw.clone(), Sleepable::No),
        entry("void", ContextLayout::None, ReturnRule::Void, Sleepable::No),
        entry("bool", ContextLayout::None, ReturnRule::Range { min: 0, max: 1 }, Sleepable::No),
        entry("take", ContextLayout::Args(owned.clone()), ReturnRule::Void, Sleepable::No),
        entry("take_maybe", ContextLayout::Args(maybe), ReturnRule::Void, Sleepable::No),
        entry("give", ContextLayout::None, ReturnRule::Owned { ty: packet, null: NON_NULL }, Sleepable::No),
        entry(
            "give_maybe",
            ContextLayout::None,
            ReturnRule::Owned { ty: packet, null: NULLABLE },
            Sleepable::No,
        ),
    ]
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
