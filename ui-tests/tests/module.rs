//! Modules at run time: loaded, used, refused while in use, unloaded; and libraries that are refused before anything of them runs.
//!
//! Modules belong to the process, so each test takes its turn.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};

use opswap::bpf::Btf;
use opswap::registry::Registry;
use opswap::{LoadError, Module, ModuleError, Object, RunError, Runtime};
use ui_library as _;

static TURN: Mutex<()> = Mutex::new(());

fn turn() -> MutexGuard<'static, ()> {
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

static LIBRARY: LazyLock<PathBuf> = LazyLock::new(ui_tests::module_library);

fn module() -> Module {
    // SAFETY: it is `ui-tests/module`, which uses opswap's macros, starts no thread and leaves nothing behind.
    unsafe { Module::load(&*LIBRARY) }.unwrap_or_else(|error| panic!("{error}"))
}

fn refused(path: &Path) -> ModuleError {
    // SAFETY: it is refused.
    unsafe { Module::load(path) }.expect_err("refused")
}

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("module/bpf").join(name)
}

fn runtime() -> Runtime {
    let builder = Runtime::builder().standalone("run").standalone("secret");
    builder.build().unwrap_or_else(|error| panic!("{error}"))
}

fn run(runtime: &Runtime, name: &str) -> Result<u64, RunError> {
    let program = runtime.load_one(file("calls.bpf.o"), name);
    program.unwrap_or_else(|error| panic!("{name}: {error:?}")).run(&mut [])
}

fn object(runtime: &Runtime, name: &str) -> Object {
    runtime.load(file(name)).unwrap_or_else(|error| panic!("{name}: {error:?}"))
}

/// Whether the library is still in this process's memory.
/// Whether the library's code is there. A panic's backtrace maps the file too, to read symbols, and keeps it.
fn is_mapped() -> bool {
    let maps = std::fs::read_to_string("/proc/self/maps").expect("this is Linux");
    let code = |line: &str| line.split_whitespace().nth(1).is_some_and(|rights| rights.contains('x'));
    maps.lines().any(|line| line.contains("libui_module.so") && code(line))
}

#[test]
fn programs_call_a_modules_functions() {
    let _turn = turn();
    let module = module();
    assert_eq!((module.name(), module.users()), ("ui", 0));
    assert_eq!(Module::all().len(), 1);
    let runtime = runtime();
    assert_eq!(run(&runtime, "add"), Ok(42));
    assert_eq!(run(&runtime, "own"), Ok(3));
    assert_eq!(run(&runtime, "both"), Ok(42));
    assert_eq!(run(&runtime, "score"), Ok(10));
    assert_eq!(run(&runtime, "filtered"), Ok(7));
    let secret = runtime.load_one(file("calls.bpf.o"), "whisper");
    assert!(matches!(secret, Err(LoadError::Rejected { .. })), "the module's filter refuses it");
    let panicked = RunError::KfuncPanicked { kfunc: "module_panic".into(), message: "number 5".into() };
    assert_eq!(run(&runtime, "leaves_early"), Err(panicked));
    module.unload().expect("no program is left");
}

#[test]
fn a_runtime_sees_what_was_loaded_before_it() {
    let _turn = turn();
    let before = runtime();
    let module = module();
    let without = Runtime::builder().standalone("run").modules([]).build().expect("sound declarations");
    for runtime in [before, without] {
        let refused = runtime.load_one(file("calls.bpf.o"), "add").expect_err("not declared");
        assert!(format!("{refused:?}").contains("module_add"), "{refused:?}");
        assert_eq!(run(&runtime, "own"), Ok(3));
    }
    let with = Runtime::builder().standalone("run").modules([module.clone()]).build();
    assert_eq!(run(&with.expect("sound declarations"), "add"), Ok(42));
    module.unload().expect("no program is left");
}

#[test]
fn who_uses_a_module_holds_it() {
    let _turn = turn();
    let module = module();
    let runtime = runtime();
    let program = runtime.load_one(file("calls.bpf.o"), "add").expect("accepted");
    let other = runtime.load_one(file("calls.bpf.o"), "own").expect("accepted");
    assert_eq!(module.users(), 1, "a program that calls only the application's functions does not count");
    match module.unload() {
        Err(ModuleError::InUse { name, users: 1 }) if name == "ui" => {}
        other => panic!("{other:?}"),
    }
    assert_eq!(program.run(&mut []), Ok(42), "it stays as it was");
    drop((program, other));
    module.unload().expect("no program is left");
    assert!(!is_mapped(), "the library is closed");
    assert!(Module::all().is_empty());
    assert!(matches!(module.unload(), Err(ModuleError::Unloaded { .. })));

    // The runtime that saw it does not find it any more, and still serves the rest.
    let gone = runtime.load_one(file("calls.bpf.o"), "add").expect_err("gone");
    assert!(format!("{gone:?}").contains("module_add"), "{gone:?}");
    assert_eq!(run(&runtime, "own"), Ok(3));
}

#[test]
fn objects_are_attached_to_a_modules_slot() {
    let _turn = turn();
    let module = module();
    let runtime = runtime();
    let scores = object(&runtime, "scores.bpf.o");
    let held = module.users();
    assert!(held > 0, "an object with a table of the module holds it");
    let link = module.attach(&scores, "scores").unwrap_or_else(|error| panic!("{error}"));
    assert!(link.is_attached());
    assert_eq!(run(&runtime, "score"), Ok(20), "the program answers");
    assert_eq!(link.calls().program, 1);
    assert!(matches!(module.attach(&scores, "scores"), Err(ModuleError::Attach { .. })), "the slot is held");
    drop(scores);
    assert!(matches!(module.unload(), Err(ModuleError::InUse { .. })), "the link holds it");
    assert_eq!(run(&runtime, "score"), Ok(20));
    drop(link);
    assert_eq!(run(&runtime, "score"), Ok(10), "the default answers again");
    assert_eq!(module.users(), 0);
    module.unload().expect("nothing is left");
}

#[test]
fn types_continue_those_of_the_application() {
    let _turn = turn();
    let own = Registry::collect().expect("sound declarations");
    let module = module();
    let split = module.btf();
    let base = split.base().expect("it continues another");
    assert!(**base == **own.btf(), "the application's types");
    let tally = split.find_struct("Tally").expect("a type of the module");
    assert!(tally.index() >= base.len());
    let counter = base.find_struct("Counter").expect("a type of the application");
    assert!(split.iter().all(|(id, ty)| id == counter || ty.name() != Some("Counter")), "not declared again");
    // A real split BTF, as tools read them.
    let bytes = split.to_bytes().expect("it can be written");
    let read = Btf::parse_split(base.clone(), &bytes).expect("it can be read");
    assert!(read == *split);

    let both = Registry::collect().expect("sound declarations");
    let of = |name: &str| {
        let id = both.kfunc_named(name).expect("declared");
        both.kfuncs()[id.index()].module().map(str::to_owned)
    };
    let id = both.kfunc_named("module_registered").expect("declared");
    assert_eq!(both.kfuncs()[id.index()].sets(), ["module_set"], "the module's initcall ran");
    assert_eq!((of("module_add").as_deref(), of("counter_add")), (Some("ui"), None));
    module.unload().expect("nothing is left");
}

#[test]
fn a_module_is_loaded_once_and_may_come_back() {
    let _turn = turn();
    let first = module();
    let second = refused(&LIBRARY);
    assert!(matches!(&second, ModuleError::AlreadyLoaded { name } if name == "ui"), "{second}");
    first.unload().expect("nothing is left");
    let again = module();
    assert_eq!(run(&runtime(), "add"), Ok(42));
    again.unload().expect("nothing is left");
}

/// A copy of the module in which the bytes behind `marker` are changed.
fn patched(name: &str, marker: &[u8], at: usize, change: impl Fn(u8) -> u8) -> PathBuf {
    let mut bytes = std::fs::read(&*LIBRARY).expect("built");
    let places: Vec<usize> = bytes
        .windows(marker.len())
        .enumerate()
        .filter(|(_, window)| *window == marker)
        .map(|(at, _)| at)
        .collect();
    assert!(!places.is_empty(), "the library has no {marker:?}");
    for place in places {
        bytes[place + at] = change(bytes[place + at]);
    }
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::write(&path, bytes).expect("the target folder is writable");
    path
}

#[test]
fn a_library_of_another_make_is_refused_before_it_is_opened() {
    let _turn = turn();
    // The magic, then the ABI's number.
    let other_abi = patched("other_abi.so", b"OPSWAPMD\x01\0\0\0", 8, |abi| abi + 1);
    let message = refused(&other_abi).to_string();
    assert!(message.contains("(module ABI 2)") && message.contains("(module ABI 1)"), "{message}");

    let compiler = patched("other_compiler.so", b"), rustc 1.", 10, |digit| digit ^ 1);
    let message = refused(&compiler).to_string();
    assert!(matches!(refused(&compiler), ModuleError::Abi { .. }), "{message}");
    assert!(message.contains("build both with one compiler"), "{message}");

    let maps = std::fs::read_to_string("/proc/self/maps").expect("this is Linux");
    assert!(!maps.contains("other_abi.so") && !maps.contains("other_compiler.so"), "nothing of them ran");
}

#[test]
fn what_is_no_module_is_refused() {
    let _turn = turn();
    let missing = refused(Path::new("/nowhere/module.so"));
    assert!(matches!(missing, ModuleError::Read { .. }), "{missing}");
    let text = refused(&file("calls.bpf.c"));
    assert!(matches!(text, ModuleError::NotALibrary { .. }), "{text}");
    let nameless = patched("nameless.so", b"\0opswap_module\0", 1, |_| b'X');
    let nameless = refused(&nameless);
    assert!(matches!(nameless, ModuleError::NotAModule { .. }), "{nameless}");
    assert!(nameless.to_string().contains("opswap::module!"), "{nameless}");
}

#[test]
fn the_committed_objects_are_what_their_sources_compile_to() {
    if Command::new("clang-19").arg("--version").output().is_err() {
        opswap_skips::skipped("clang-19 is not installed");
        return;
    }
    let out = Path::new(env!("CARGO_TARGET_TMPDIR")).join("module-bpf");
    std::fs::create_dir_all(&out).expect("the target folder is writable");
    let built = Command::new("sh").arg(file("build.sh")).arg(&out).output().expect("there is a shell");
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    for name in ["calls.bpf.o", "scores.bpf.o"] {
        let fresh = std::fs::read(out.join(name)).expect("an object");
        assert!(fresh == std::fs::read(file(name)).expect("an object"), "run ui-tests/module/bpf/build.sh");
    }
}
