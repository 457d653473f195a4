//! Attacks from the host's side: declarations from elsewhere, limits without measure, values that are none.

use std::sync::Arc;

use opswap::registry::Registry;
use opswap::{KRef, Limits, LoadError, RunError, Runtime, Slot, TableError, UpdateMode};
use opswap_bpf::map::{BPF_F_RDONLY_PROG, MapKind, MapProto};
use opswap_bpf::{Btf, BtfId, ProgramKind};

use crate::app::{AttackOps, Flow, Leaf, Overlay};
use crate::lab::{SIZE, alone, program, run};

fn object() -> std::path::PathBuf {
    std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/objects/attack.bpf.o")
}

fn flow() -> Flow {
    Flow {
        number: 0,
        node: Some(crate::app::Node::new(1, None)),
        protected: None,
        raw: std::ptr::without_provenance(4096),
        overlay: Overlay { number: 4096 },
        bytes: [0; 16],
        flag: true,
        boxed: Box::new(Leaf::default()),
    }
}

fn slot() -> Slot<AttackOps> {
    Slot::new(AttackOps { on: |_, number| number, give: |node| node })
}

#[test]
fn a_table_of_the_own_declarations_attaches() {
    let object = Runtime::new().expect("the declarations agree").load(object()).expect("it is right");
    let slot = slot();
    let _link = object.struct_ops::<AttackOps>("attack").expect("it is there").attach(&slot).expect("free");
    let mut flow = flow();
    assert_eq!(slot.pin().on(&mut flow, 9), 1);
    assert_eq!(flow.number, 1);
    let given = slot.pin().give(flow.node.clone());
    assert!(given.as_ref().zip(flow.node.as_ref()).is_some_and(|(given, node)| KRef::ptr_eq(given, node)));
}

#[test]
fn a_table_proved_against_other_declarations_does_not() {
    // An interface file may say anything of a type: here it says the truth, but who knows.
    let own = Registry::collect().expect("the declarations agree");
    let read = Registry::from_interface(Btf::clone(own.btf())).expect("what was written can be read");
    let object = Runtime::builder().build_with(read).load(object()).expect("good for verifying");
    let error = object.struct_ops::<AttackOps>("attack").expect_err("not for slots");
    let LoadError::Table { reason, .. } = error else { panic!("{error}") };
    assert!(matches!(*reason, TableError::NotLinked { .. }), "{reason}");
}

#[test]
fn no_limit_lets_a_program_leave_its_threads_stack() {
    let limits = Limits { stack_bytes: 1 << 30, call_frames: 1 << 20, ..Limits::default() };
    let runtime =
        Runtime::builder().limits(limits).entry("alone", alone()).build().expect("the declarations agree");
    for text in ["*(u64 *)(r10 - 520) = 1\nr0 = 0\nexit", "r0 = 0\ncall -2\nexit"] {
        let program = program(ProgramKind::Named("alone".into()), text);
        let error = runtime.load_program(program).expect_err("too much stack");
        assert!(matches!(error, LoadError::Rejected { .. }), "{error}");
    }
}

#[test]
fn words_at_an_odd_address_end_the_run() {
    let text = "r1 = 1\n*(u64 *)(r10 - 8) = r1\n*(u64 *)(r10 - 16) = r1\nr1 = r10\nr1 += -15\nr2 = 8\ncall words_sum\nexit";
    let fault = run(text).expect_err("misaligned");
    assert!(matches!(fault, RunError::BadArgument { .. }), "{fault}");
}

#[test]
fn part_of_a_word_ends_the_run() {
    let text = "r2 = 12\ncall words_sum\nexit";
    let fault = run(text).expect_err("one word and a half");
    assert!(matches!(fault, RunError::BadArgument { .. }), "{fault}");
    assert_eq!(run(&format!("r2 = {SIZE}\ncall words_sum\nexit")), Ok(0));
}

#[test]
fn contents_that_never_change_are_what_the_program_says() {
    let map = |kind, entries, contents: &[u8]| MapProto {
        name: "constants".to_owned(),
        kind,
        key_size: 4,
        value_size: 16,
        max_entries: entries,
        flags: BPF_F_RDONLY_PROG,
        key_type: BtfId(0),
        value_type: BtfId(0),
        fields: Vec::new(),
        inner: None,
        frozen: Some(contents.into()),
    };
    let runtime = Runtime::builder().entry("alone", alone()).build().expect("the declarations agree");
    let load = |map| {
        // The verifier reckons with the contents: here the offset is 8.
        let text = "r1 = map_value[0]\nr2 = *(u8 *)(r1 + 0)\nr1 += r2\nr0 = *(u8 *)(r1 + 0)\nexit";
        let mut program = program(ProgramKind::Named("alone".into()), text);
        program.maps = vec![Arc::new(map)];
        runtime.load_program(program)
    };
    let program = load(map(MapKind::Array, 1, &[8; 16])).expect("the contents are known");
    assert_eq!(program.run(&mut [0; SIZE as usize]), Ok(8));
    let changed = program.maps()[0].update(&[0; 4], &[255; 16], UpdateMode::Any);
    assert!(changed.is_err(), "the host changes them no more either");
    for wrong in
        [map(MapKind::Array, 1, &[8; 15]), map(MapKind::Array, 2, &[8; 16]), map(MapKind::Hash, 1, &[8; 16])]
    {
        assert!(matches!(load(wrong), Err(LoadError::Map { .. })));
    }
}
