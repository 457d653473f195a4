//! The registry as built from records written by hand.

use opswap_bpf::btf::BtfType;
use opswap_bpf::proto::{
    ArgKind, ContextLayout, ContextValue, Demand, FieldAccess, KfuncFlags, MemSize, Nullness, PointerPolicy,
    RetKind, RetTrust, StructOpsMemberKind,
};
use opswap_bpf::{Btf, OpIdx, ProgramKind, TypeRef};
use opswap_verifier::Host;
use opswap_verifier::host::Unavailable;

use super::tags::FLAG_TAGS;
use super::{Records, Registry, RegistryError};
use crate::declare::{
    AccessDecl, ArgDecl, ArgForm, ArgShape, DeclHeader, DeclKind, DemandDecl, IntForm, KfuncDecl, MemberDecl,
    NullDecl, OpsMemberDecl, OpsMemberForm, Place, PointerDecl, PresenceDecl, RetForm, RetShape, ShimAddr,
    SleepDecl, StructOpsDecl, Tie, TrustDecl, TypeDecl, TypeExpr, TypeForm, TypeKey, cfi_hash,
};
use crate::loader::{Import, Resolve};

const FLOW: TypeKey = TypeKey::of("app::Flow");
const PEER: TypeKey = TypeKey::of("app::Peer");
const U32: TypeExpr = TypeExpr::int(4, IntForm::Unsigned);

/// A macro, because the tag is a constant with the number in it.
macro_rules! place {
    ($line:literal) => {
        Place { module: "app", tag: concat!("at:src/app.rs:", $line), line: $line, column: 1 }
    };
}

const fn member(name: &'static str, offset: u32, size: u32, ty: TypeExpr, access: AccessDecl) -> MemberDecl {
    MemberDecl {
        name,
        offset,
        size,
        ty,
        access,
        pointer: PointerDecl::Untrusted,
        null: NullDecl::Nullable,
        tag: "",
    }
}

const FLOW_MEMBERS: &[MemberDecl] = &[
    member("cwnd", 0, 4, U32, AccessDecl::ReadWrite),
    member("history", 4, 12, U32.array(3), AccessDecl::ReadOnly),
    MemberDecl {
        pointer: PointerDecl::Borrowed,
        ..member("peer", 16, 8, TypeExpr::named(PEER).ptr(), AccessDecl::ReadOnly)
    },
    member("next", 24, 8, TypeExpr::named(FLOW).ptr(), AccessDecl::ReadOnly),
];

const fn structure(key: TypeKey, name: &'static str, size: u32, members: &'static [MemberDecl]) -> TypeDecl {
    TypeDecl {
        header: DeclHeader::new(DeclKind::Type, size_of::<TypeDecl>()),
        place: place!(1),
        key,
        name,
        doc: "",
        form: TypeForm::Struct,
        int: IntForm::Unsigned,
        size,
        align: 8,
        members,
        enumerators: &[],
    }
}

const TYPES: [TypeDecl; 2] = [
    structure(PEER, "peer", 4, &[member("id", 0, 4, U32, AccessDecl::ReadOnly)]),
    structure(FLOW, "flow", 32, FLOW_MEMBERS),
];

/// Never called: only its address is looked at.
extern "C" fn shim() {}

fn kfunc(name: &'static str, args: &'static [ArgDecl], ret: RetShape, tie: Tie) -> KfuncDecl {
    KfuncDecl {
        header: DeclHeader::new(DeclKind::Kfunc, size_of::<KfuncDecl>()),
        place: place!(10),
        name,
        doc_tag: "",
        flags: 0,
        tie,
        args,
        ret,
        programs: &[],
        sets: &[],
        filter: None,
        deprecated: "",
        shim: ShimAddr(shim),
    }
}

const fn object(key: TypeKey, demand: DemandDecl) -> ArgShape {
    let mut shape = ArgShape::new(ArgForm::Object, TypeExpr::named(key));
    shape.demand = demand;
    shape
}

const fn arg(name: &'static str, shape: ArgShape) -> ArgDecl {
    ArgDecl { name, shape }
}

const VOID: RetShape = RetShape::new(RetForm::Void, TypeExpr::VOID);

fn peer_kfuncs() -> [KfuncDecl; 3] {
    const BYTES: ArgShape = {
        let mut shape = ArgShape::new(ArgForm::Slice, TypeExpr::int(1, IntForm::Unsigned));
        shape.regs = 2;
        shape.bytes = 1;
        shape
    };
    let mut owned = RetShape::new(RetForm::Object, TypeExpr::named(PEER)).nullable();
    owned.trust = TrustDecl::Owned;
    let borrowed = RetShape::new(RetForm::Object, TypeExpr::named(PEER));
    [
        kfunc("peer_release", &[const { arg("peer", object(PEER, DemandDecl::Owned)) }], VOID, Tie::NONE),
        kfunc("peer_acquire", &[const { arg("flow", object(FLOW, DemandDecl::Trusted)) }], owned, Tie::NONE),
        kfunc(
            "peer_of",
            &[const { arg("note", BYTES) }, const { arg("flow", object(FLOW, DemandDecl::Exclusive)) }],
            borrowed,
            Tie::arg(1),
        ),
    ]
}

const OPS: [StructOpsDecl; 1] = [StructOpsDecl {
    header: DeclHeader::new(DeclKind::StructOps, size_of::<StructOpsDecl>()),
    place: place!(20),
    key: TypeKey::of("app::Ops"),
    name: "cong_ops",
    doc: "congestion control",
    size: 24,
    align: 8,
    members: &[
        OpsMemberDecl {
            name: "on_ack",
            doc: "",
            offset: 0,
            size: 8,
            form: OpsMemberForm::Op,
            presence: PresenceDecl::Required,
            sleep: SleepDecl::Atomic,
            op: 0,
            cfi_hash: cfi_hash(&[object(FLOW, DemandDecl::Exclusive)], &VOID),
            ty: TypeExpr::VOID,
            args: &[arg("flow", object(FLOW, DemandDecl::Exclusive))],
            ret: VOID,
            stub: None,
        },
        OpsMemberDecl {
            name: "name",
            doc: "",
            offset: 8,
            size: 16,
            form: OpsMemberForm::Data,
            presence: PresenceDecl::Required,
            sleep: SleepDecl::Atomic,
            op: 0,
            cfi_hash: 0,
            ty: TypeExpr::int(1, IntForm::Char).array(16),
            args: &[],
            ret: VOID,
            stub: None,
        },
    ],
}];

fn registry(kfuncs: &[KfuncDecl]) -> Result<Registry, RegistryError> {
    Registry::new(Records { kfuncs, tables: &OPS, types: &TYPES })
}

#[test]
fn link_order_does_not_matter() {
    let mut kfuncs = peer_kfuncs();
    let one = registry(&kfuncs).expect("sound declarations");
    kfuncs.reverse();
    let other = registry(&kfuncs).expect("sound declarations");
    let names: Vec<_> = one.kfuncs().iter().map(|kfunc| kfunc.proto.name.as_str()).collect();
    assert_eq!(names, ["peer_acquire", "peer_of", "peer_release"]);
    assert_eq!(one.btf().to_bytes().expect("a BTF"), other.btf().to_bytes().expect("a BTF"));
}

#[test]
fn the_types_are_a_valid_btf() {
    let registry = registry(&peer_kfuncs()).expect("sound declarations");
    registry.btf().validate().expect("valid");
    let bytes = registry.btf().to_bytes().expect("a BTF");
    let read = Btf::parse(&bytes).expect("readable");
    assert_eq!(read.len(), registry.btf().len());
    let flow = read.find_struct("flow").expect("declared");
    assert_eq!(read.size_of(flow), Some(32));
    assert!(read.find_struct("bpf_struct_ops_cong_ops").is_some());
    assert!(read.find_func("cong_ops__on_ack").is_some());
    let acquire = read.find_func("peer_acquire").expect("declared");
    assert_eq!(
        read.decl_tags(acquire, None),
        ["bpf_kfunc", "kfunc:acquire", "kfunc:ret_null", "ret:object owned nullable", "at:src/app.rs:10"]
    );
}

#[test]
fn signatures_become_contracts() {
    let registry = registry(&peer_kfuncs()).expect("sound declarations");
    let kind = ProgramKind::Named("test".to_owned());
    let proto = |name| {
        Host::kfunc(&registry, registry.kfunc_named(name).expect("declared"), 0, &kind).expect("callable")
    };

    let peer = TypeRef::host(registry.btf().find_struct("peer").expect("declared"));
    let acquire = proto("peer_acquire");
    assert_eq!(acquire.flags, KfuncFlags::ACQUIRE | KfuncFlags::RET_NULL);
    assert_eq!(acquire.ret.kind, RetKind::Object { ty: peer, trust: RetTrust::Owned });
    assert_eq!(acquire.ret.null, Nullness::Nullable);

    let release = proto("peer_release");
    assert_eq!(release.flags, KfuncFlags::RELEASE);
    assert_eq!(release.args[0].kind, ArgKind::Object { ty: peer, demand: Demand::Owned });

    // The slice takes two registers, so the tie to the second Rust argument is one to the third register.
    let of = proto("peer_of");
    assert_eq!(of.args.len(), 3);
    assert!(matches!(of.args[0].kind, ArgKind::Memory { size: MemSize::Arg(at), .. } if at.0 == 1));
    assert!(matches!(of.ret.kind, RetKind::Object { trust: RetTrust::Borrowed(at), .. } if at.0 == 2));
}

#[test]
fn tables_become_entries() {
    let registry = registry(&[]).expect("sound declarations");
    let kind = ProgramKind::StructOps { ops: "cong_ops".to_owned(), op: OpIdx(0) };
    let entry = Host::entry(&registry, &kind).expect("declared");
    assert_eq!(entry.name, "cong_ops::on_ack");
    let ContextLayout::Args(args) = &entry.context else { panic!("{:?}", entry.context) };
    assert!(matches!(args[0].value, ContextValue::Object { demand: Demand::Exclusive, .. }));
    let table = registry.struct_ops_named("cong_ops").expect("declared");
    assert_eq!(table.members[1].kind, StructOpsMemberKind::Data);
    let BtfType::Struct { members, .. } = registry.btf().resolve(table.ty.id) else { panic!("a struct") };
    assert_eq!(members[1].bit_offset, 64);
}

#[test]
fn fields_have_policies() {
    let registry = registry(&[]).expect("sound declarations");
    let kind = ProgramKind::Named("test".to_owned());
    let flow = TypeRef::host(registry.btf().find_struct("flow").expect("declared"));
    assert_eq!(registry.field(flow, 0, &kind).access, FieldAccess::ReadWrite);
    assert_eq!(registry.field(flow, 2, &kind).pointer, PointerPolicy::Borrowed(Nullness::Nullable));
    assert_eq!(registry.field(flow, 3, &kind).pointer, PointerPolicy::Untrusted);
    assert_eq!(registry.field(flow, 9, &kind).access, FieldAccess::Hidden);
}

#[test]
fn duplicates_name_both_places() {
    let [first, ..] = peer_kfuncs();
    let second = KfuncDecl { place: place!(99), ..first };
    let error = registry(&[second, first]).expect_err("two of one name").to_string();
    assert!(error.contains("`peer_release`: one at src/app.rs:10:1, one at src/app.rs:99:1"), "{error}");
}

#[test]
fn a_type_of_an_unlinked_crate_is_explained() {
    let error =
        Registry::new(Records { kfuncs: &peer_kfuncs(), tables: &[], types: &[] }).expect_err("no types");
    assert!(error.to_string().contains("is its crate linked? add `use that_crate as _;`"), "{error}");
}

#[test]
fn an_unknown_kfunc_gets_the_near_miss_and_what_there_is() {
    let registry = registry(&peer_kfuncs()).expect("sound declarations");
    let import = Import { name: "peer_aquire", ty: opswap_bpf::BtfId(0), btf: None };
    let error = Resolve::kfunc(&registry, import).expect_err("a slip").to_string();
    assert!(error.contains("did you mean `peer_acquire`?"), "{error}");
    assert!(error.contains("`peer_of`"), "{error}");
}

#[test]
fn programs_lists_are_kept() {
    let [mut release, ..] = peer_kfuncs();
    release.programs = &["struct_ops"];
    let registry = registry(&[release]).expect("sound declarations");
    let id = registry.kfunc_named("peer_release").expect("declared");
    let ops = ProgramKind::StructOps { ops: "cong_ops".to_owned(), op: OpIdx(0) };
    assert!(Host::kfunc(&registry, id, 0, &ops).is_ok());
    let other = ProgramKind::Named("xdp".to_owned());
    assert_eq!(Host::kfunc(&registry, id, 0, &other), Err(Unavailable::WrongProgramKind));
}

#[test]
fn an_interface_file_is_the_whole_contract() {
    let mut kfuncs = peer_kfuncs();
    kfuncs[0].programs = &["struct_ops", "xdp"];
    let original = registry(&kfuncs).expect("sound declarations");
    let bytes = original.btf().to_bytes().expect("a BTF");
    let read = Registry::from_interface(Btf::parse(&bytes).expect("readable")).expect("an interface file");
    for (a, b) in original.kfuncs().iter().zip(read.kfuncs()) {
        assert_eq!(a.proto, b.proto);
    }
    assert_eq!(read.kfuncs().len(), 3);
    for (a, b) in original.tables().iter().zip(read.tables()) {
        assert_eq!(a.proto, b.proto);
    }
    assert_eq!(read.tables().len(), 1);
    let flow = original.btf().find_struct("flow").expect("declared");
    assert_eq!(original.policies[&flow], read.policies[&flow]);
    let release = read.kfunc_named("peer_release").expect("declared");
    assert_eq!(read.kfunc_addr(release), None);
    let tracing = ProgramKind::Named("fentry/x".to_owned());
    assert_eq!(Host::kfunc(&read, release, 0, &tracing), Err(Unavailable::WrongProgramKind));
}

#[test]
fn two_types_of_one_rust_name_are_not_confused() {
    // Local types of two functions share their module's path.
    const SMALL: TypeDecl = structure(PEER, "small", 4, &[member("id", 0, 4, U32, AccessDecl::ReadOnly)]);
    const LARGE: TypeDecl = structure(PEER, "large", 64, &[member("id", 60, 4, U32, AccessDecl::ReadOnly)]);
    let error =
        Registry::new(Records { kfuncs: &[], tables: &[], types: &[SMALL, LARGE] }).expect_err("one key");
    assert!(error.to_string().contains("the same Rust name in the same module"), "{error}");
}

#[test]
fn the_kfunc_that_releases_is_the_one_that_needs_least() {
    let both = &[
        const { arg("peer", object(PEER, DemandDecl::Owned)) },
        const { arg("other", object(PEER, DemandDecl::Owned)) },
    ];
    let second = &[
        const { arg("flow", object(FLOW, DemandDecl::Owned)) },
        const { arg("n", object(PEER, DemandDecl::Trusted)) },
    ];
    let mut kfuncs = peer_kfuncs().to_vec();
    kfuncs.extend([kfunc("a_release", both, VOID, Tie::NONE), kfunc("flow_done", second, VOID, Tie::NONE)]);
    let mut hidden =
        kfunc("a_private", &[const { arg("peer", object(PEER, DemandDecl::Owned)) }], VOID, Tie::NONE);
    hidden.programs = &["tracing"];
    kfuncs.push(hidden);
    let registry = registry(&kfuncs).expect("sound declarations");
    let kind = ProgramKind::StructOps { ops: "cong_ops".into(), op: OpIdx(0) };
    let releases = |name: &str, kind: &ProgramKind| {
        let ty = TypeRef::host(registry.btf().find_struct(name).expect("it is declared"));
        registry.release_of(ty, kind).map(|proto| proto.name.clone())
    };
    assert_eq!(releases("peer", &kind).as_deref(), Some("peer_release"));
    assert_eq!(releases("flow", &kind).as_deref(), Some("flow_done"));
    assert_eq!(releases("peer", &ProgramKind::Named("tracing".into())).as_deref(), Some("a_private"));
    assert_eq!(releases("cong_ops", &kind), None);
}

#[test]
fn declarations_that_nobody_vouches_for_cannot_be_called() {
    let registry = registry(&peer_kfuncs()).expect("sound declarations");
    let id = registry.kfunc_named("peer_of").expect("it is declared");
    assert_eq!(registry.kfunc_addr(id), None);
}

#[test]
fn every_flag_has_its_word_as_tag() {
    let words: Vec<_> = KfuncFlags::all().iter_names().map(|(word, flag)| (flag, word)).collect();
    assert_eq!(words.len(), FLAG_TAGS.len());
    for (flag, tag) in FLAG_TAGS {
        let word = words.iter().find(|(other, _)| other == flag).map(|(_, word)| word.to_lowercase());
        assert_eq!(tag.strip_prefix("kfunc:"), word.as_deref());
    }
}
