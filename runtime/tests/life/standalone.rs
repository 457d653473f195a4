//! Programs that run on their own, compiled and interpreted.

use std::sync::{Arc, Mutex};

use opswap::{Engine, Object, RunError, Runtime};
use opswap_bpf::EntryProto;
use opswap_bpf::insn::Size;
use opswap_bpf::proto::{ContextLayout, MemAccess, ReturnRule, Sleepable};

fn entry() -> EntryProto {
    EntryProto {
        name: "memory".to_owned(),
        context: ContextLayout::Memory { size: 16, access: MemAccess::ReadWrite },
        ret: ReturnRule::Scalar { size: Size::DW, signed: opswap_bpf::btf::Signedness::Unsigned },
        sleepable: Sleepable::No,
        declared_at: None,
    }
}

type Lines = Arc<Mutex<Vec<String>>>;

fn load() -> (Object, Lines) {
    let lines = Lines::default();
    let log = Arc::clone(&lines);
    let runtime = Runtime::builder()
        .entry("memory", entry())
        .logger(move |line| log.lock().expect("no panic").push(line.to_owned()))
        .build()
        .expect("the declarations agree");
    let object = runtime.load(crate::app::path("plain.bpf.o"));
    (object.unwrap_or_else(|error| panic!("{}", crate::app::chain(&error))), lines)
}

fn context(a: u64, b: u64) -> [u8; 16] {
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&a.to_ne_bytes());
    bytes[8..].copy_from_slice(&b.to_ne_bytes());
    bytes
}

const ENGINES: [Engine; 2] = [Engine::Jit, Engine::Interpreter];

#[test]
fn both_engines_change_the_context_and_return_a_value() {
    let (object, _) = load();
    let add = object.program("add").expect("it is in the object");
    for engine in ENGINES {
        let mut memory = context(40, 2);
        assert_eq!(add.run_with(engine, &mut memory), Ok(42), "{engine:?}");
        assert_eq!(memory, context(40, 42), "{engine:?}");
    }
    assert_eq!(add.run(&mut context(u64::MAX, 3)), Ok(2));
}

#[test]
fn both_engines_use_the_same_maps() {
    let (object, _) = load();
    let (fill, table) =
        (object.program("fill").expect("it is there"), object.map("table").expect("it is there"));
    // Room for two: the third update fails, then the first key goes.
    let full = u64::from_ne_bytes((-i64::from(libc::E2BIG)).to_ne_bytes());
    assert_eq!(fill.run_with(Engine::Jit, &mut context(5, 0)), Ok(full));
    assert_eq!(table.keys(), [6_u64.to_ne_bytes()]);
    assert_eq!(table.lookup(&6_u64.to_ne_bytes()), Ok(Some(60_u64.to_ne_bytes().to_vec())));
    // 6 is there still, so 6 and 7 fit and 8 does not.
    assert_eq!(fill.run_with(Engine::Interpreter, &mut context(6, 0)), Ok(full));
    assert_eq!(table.keys(), [7_u64.to_ne_bytes()]);
}

#[test]
fn lines_of_programs_reach_the_logger() {
    let (object, lines) = load();
    let say = object.program("say").expect("it is in the object");
    for engine in ENGINES {
        assert_eq!(say.run_with(engine, &mut context(u64::MAX, 0xbeef)), Ok(29), "{engine:?}");
    }
    let expected = "a=18446744073709551615 b=beef";
    assert_eq!(*lines.lock().expect("no panic"), [expected, expected]);
}

#[test]
fn time_does_not_go_backwards() {
    let (object, _) = load();
    let later = object.program("later").expect("it is in the object");
    for engine in ENGINES {
        assert_eq!(later.run_with(engine, &mut context(0, 0)), Ok(1), "{engine:?}");
    }
}

#[test]
fn a_context_of_another_size_is_refused() {
    let (object, _) = load();
    let add = object.program("add").expect("it is in the object");
    for size in [0, 15, 17] {
        let error = add.run(&mut vec![0; size]).expect_err("the program was verified for 16 bytes");
        let expected = RunError::WrongContext { program: "add".to_owned(), expected: 16, found: size };
        assert_eq!(error, expected);
    }
}

#[test]
fn an_operation_does_not_run_on_its_own() {
    let object = crate::app::filter();
    let one = object.program("one_classify").expect("it is in the object");
    let error = one.run(&mut [0; 16]).expect_err("it needs a packet");
    assert_eq!(error, RunError::NotStandalone { program: "one_classify".to_owned() });
    assert!(!one.machine_code().is_empty() && one.stats().insns_processed > 0);
}
