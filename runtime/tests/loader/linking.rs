//! The loader over real objects: what is found in them, and what a linked program looks like.

use crate::hosts::{FakeHost, object};
use opswap::loader::{Autoload, ExternKind, LinkKind, MapInit, MapOrigin, MapTarget, ObjectFile, Strength};
use opswap_bpf::display::Listing;
use opswap_bpf::map::{MapKind, SpecialField};
use opswap_bpf::program::{License, Linkage};
use opswap_bpf::proto::Sleepable;
use opswap_bpf::{Btf, BtfSpace, BtfType, Program, ProgramKind, TypeRef};

fn parse(name: &str) -> ObjectFile {
    ObjectFile::parse(&object(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn link(object: &ObjectFile, name: &str, host: &FakeHost) -> Program {
    let index = object.programs().iter().position(|program| program.name == name).expect("program exists");
    let kind = ProgramKind::Named(object.programs()[index].section.clone());
    object.link(index, kind, host).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// Calls, addresses and references of a linked program, as `slot: text`.
fn references(program: &Program) -> Vec<String> {
    let text = Listing(&program.insns).to_string();
    let interesting = ["call", "map", "func", "host_var", "ll"];
    text.lines()
        .map(str::trim)
        .filter(|line| interesting.iter().any(|word| line.contains(word)))
        .map(str::to_owned)
        .collect()
}

#[test]
fn programs_are_found_with_their_sections() {
    let object = parse("full.bpf.o");
    let found: Vec<_> = object
        .programs()
        .iter()
        .map(|program| {
            (&*program.name, &*program.section, program.autoload, program.sleepable, program.slots)
        })
        .collect();
    assert_eq!(
        found,
        [
            ("use_maps", "test/maps", Autoload::Yes, Sleepable::No, 22),
            ("use_callback", "test.s/callback", Autoload::OnRequest, Sleepable::Yes, 13),
            ("weigh", "struct_ops/weigh", Autoload::Yes, Sleepable::No, 17),
            ("setup", "struct_ops.s/setup", Autoload::Yes, Sleepable::Yes, 14),
        ]
    );
    assert_eq!(object.license(), License::Gpl);
    assert!(object.programs()[2].is_struct_ops() && !object.programs()[0].is_struct_ops());
}

#[test]
fn maps_come_from_declarations_and_from_global_data() {
    let object = parse("full.bpf.o");
    let found: Vec<_> = object
        .maps()
        .iter()
        .map(|map| {
            let proto = &map.proto;
            (&*proto.name, proto.kind, proto.key_size, proto.value_size, proto.max_entries, map.origin)
        })
        .collect();
    assert_eq!(
        found,
        [
            ("first", MapKind::Array, 4, 16, 4, MapOrigin::Declared),
            ("second", MapKind::Array, 4, 16, 4, MapOrigin::Declared),
            ("nested", MapKind::ArrayOfMaps, 4, 4, 3, MapOrigin::Declared),
            ("flows", MapKind::Hash, 4, 16, 128, MapOrigin::Declared),
            (".rodata", MapKind::Array, 4, 4, 1, MapOrigin::Rodata),
            (".data", MapKind::Array, 4, 8, 1, MapOrigin::Data),
            (".data.tuning", MapKind::Array, 4, 4, 1, MapOrigin::Data),
            (".bss", MapKind::Array, 4, 12, 1, MapOrigin::Bss),
        ]
    );
    let nested = &object.maps()[2];
    assert_eq!(
        nested.entries,
        [MapInit { index: 0, value: MapTarget::Map(0) }, MapInit { index: 2, value: MapTarget::Map(1) }]
    );
    assert_eq!(
        nested.proto.inner.as_ref().map(|inner| (inner.kind, inner.value_size)),
        Some((MapKind::Array, 16))
    );
    let rodata = &object.maps()[4];
    assert_eq!(rodata.proto.frozen.as_deref(), Some(&40u32.to_le_bytes()[..]));
    assert_eq!(object.maps()[5].initial.as_deref(), Some(&7u64.to_le_bytes()[..]));
    let btf = object.btf().expect("compiled with -g");
    assert_eq!(btf.name_of(object.maps()[3].proto.value_type), "value");
}

#[test]
fn tables_name_their_programs() {
    let object = parse("full.bpf.o");
    let tables = object.struct_ops();
    assert_eq!(tables.len(), 2);
    let found: Vec<_> = tables
        .iter()
        .map(|table| {
            let ops: Vec<_> =
                table.ops.iter().map(|op| (op.offset, &*object.programs()[op.program].name)).collect();
            (&*table.name, &*table.type_name, table.link, table.data[8], ops)
        })
        .collect();
    assert_eq!(
        found,
        [
            ("fair", "sched_ops", LinkKind::Link, 5, vec![(0, "weigh"), (16, "setup")]),
            ("plain", "sched_ops", LinkKind::Map, 0, vec![(0, "weigh")]),
        ]
    );
    assert_eq!(&tables[0].data[24..28], b"fair");
}

#[test]
fn imports_know_their_kind_and_strength() {
    let object = parse("full.bpf.o");
    let found: Vec<_> =
        object.externs().iter().map(|import| (&*import.name, import.kind, import.strength)).collect();
    assert_eq!(
        found,
        [
            ("task_poke", ExternKind::Kfunc, Strength::Weak),
            ("task_weight", ExternKind::Kfunc, Strength::Strong),
            ("host_cpus", ExternKind::Variable, Strength::Strong),
        ]
    );
}

#[test]
fn a_linked_program_holds_what_it_reaches() {
    let object = parse("full.bpf.o");
    let program = link(&object, "use_maps", &FakeHost::full());
    assert_eq!(
        references(&program),
        [
            "0: r1 = map_value[4] + 0",
            "6: r1 = map[3]",
            "8: call helper#1",
            "11: r1 = map_value[6] + 0",
            "18: call +3",
            "23: call +4",
            "26: call +4",
            "29: call +1",
            "32: r2 = map_value[7] + 8",
            "38: r1 = map_value[5] + 0",
        ]
    );
    let subprogs: Vec<_> =
        program.subprogs.iter().map(|subprog| (subprog.start.0, &*subprog.name, subprog.linkage)).collect();
    assert_eq!(
        subprogs,
        [
            (0, "use_maps", Linkage::Global),
            (22, "thrice", Linkage::Static),
            (28, "twice", Linkage::Global),
            (31, "add", Linkage::Static),
        ]
    );
    let line = program.source_line(opswap_bpf::InsnIdx(15)).expect("compiled with -g");
    assert_eq!((line.line, line.text.trim(), &*line.file), (78, "value->hits += tuned;", "full.bpf.c"));
}

#[test]
fn a_callback_is_an_address_of_a_subprogram() {
    let object = parse("full.bpf.o");
    let program = link(&object, "use_callback", &FakeHost::default());
    let references = references(&program);
    assert_eq!(references[0], "1: r2 = func +11");
    assert_eq!(program.subprogs[1].start.0, 13);
    assert_eq!(program.subprogs[1].name, "count");
    assert!(program.flags.contains(opswap_bpf::program::LoadFlags::SLEEPABLE));
}

#[test]
fn imports_are_served_by_the_host() {
    let object = parse("full.bpf.o");
    let with_both = link(&object, "weigh", &FakeHost::full());
    assert_eq!(
        references(&with_both),
        ["1: r1 = 0x1 ll", "5: call kfunc#1", "8: call kfunc#2", "9: r1 = host_var[100]"]
    );
    let without_weak = FakeHost { kfuncs: vec!["task_weight"], ..FakeHost::full() };
    let program = link(&object, "weigh", &without_weak);
    assert_eq!(
        references(&program),
        ["1: r1 = 0x0 ll", "5: call helper#2002000000", "8: call kfunc#0", "9: r1 = host_var[100]"]
    );
    let nothing = FakeHost { variables: vec!["host_cpus"], ..FakeHost::default() };
    let error =
        object.link(2, ProgramKind::Named("struct_ops/weigh".into()), &nothing).expect_err("no kfunc");
    assert_eq!(
        error.to_string(),
        "program `weigh`, insn8: `task_weight`: the host has no such kfunc; none is registered: is the crate \
         that declares it linked (`use that_crate as _;`)?"
    );
}

#[test]
fn an_object_without_btf_links() {
    let object = parse("bare.bpf.o");
    assert!(object.btf().is_none());
    assert_eq!(object.license(), License::Other);
    let names: Vec<_> = object.programs().iter().map(|program| &*program.name).collect();
    assert_eq!(names, ["first", "second"]);
    let program = link(&object, "second", &FakeHost::default());
    assert!(program.lines.is_empty());
    assert!(program.subprogs.iter().all(|subprog| subprog.linkage == Linkage::Static));
    assert_eq!(program.subprogs.len(), 2);
}

#[test]
fn there_is_no_program_beyond_the_last() {
    let object = parse("bare.bpf.o");
    let error = object.link(9, ProgramKind::Named("x".into()), &FakeHost::default()).expect_err("no program");
    assert_eq!(error.to_string(), "there is no program 9: the object has 2");
}

#[test]
fn special_fields_are_found_by_type_and_tag() {
    let object = parse("fields.bpf.o");
    let btf = object.btf().expect("compiled with -g");
    let describe = |map: usize| -> Vec<String> {
        let fields = &object.maps()[map].proto.fields;
        fields
            .iter()
            .map(|field| {
                let what = if let SpecialField::Kptr { ty, kind } = field.field {
                    format!("{kind:?} kptr to {}", btf.name_of(ty.id))
                } else if let SpecialField::ListHead { contains, node_offset }
                | SpecialField::RbRoot { contains, node_offset } = field.field
                {
                    format!("{} through {node_offset}", btf.name_of(contains))
                } else {
                    format!("{:?}", field.field)
                };
                format!("{}+{}: {what}", field.offset, field.size)
            })
            .collect()
    };
    assert_eq!(
        describe(0),
        [
            "0+8: Referenced kptr to task",
            "8+8: Unreferenced kptr to task",
            "16+8: Unreferenced kptr to task",
            "28+4: SpinLock",
            "32+16: Timer",
        ]
    );
    assert_eq!(describe(1), ["0+16: item through 8", "16+4: SpinLock", "24+16: item through 32"]);
    assert_eq!(object.maps()[1].proto.flags & opswap_bpf::map::BPF_F_MMAPABLE, 0, "locks are not shared");
}

#[test]
fn kptrs_point_to_the_hosts_types_once_linked() {
    let object = parse("fields.bpf.o");
    let mut types = Btf::new();
    let task = types.push(BtfType::Struct { name: "task".into(), size: 64, members: Vec::new() });
    let host = FakeHost { types: Some(types), ..FakeHost::default() };
    let program = link(&object, "fields", &host);
    let SpecialField::Kptr { ty, .. } = program.maps[0].fields[0].field else { panic!("a kptr comes first") };
    assert_eq!(ty, TypeRef::host(task));
    let without = link(&object, "fields", &FakeHost::default());
    let SpecialField::Kptr { ty, .. } = without.maps[0].fields[0].field else { panic!("a kptr comes first") };
    assert_eq!(ty.space, BtfSpace::Program);
}
