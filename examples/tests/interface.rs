//! Author's side of the examples: the interface file gives the application's own verdicts, and the generated header is enough to write
//! a program against.

use std::path::{Path, PathBuf};
use std::process::Command;

use examples::cong::CongOps;
use opswap::bpf::Btf;
use opswap::header::c_header;
use opswap::registry::Registry;
use opswap::{Builder, Object, Ruling, Runtime, Verdict};

/// The application: everything that the examples' library declares.
fn builder() -> Builder {
    Runtime::builder().standalone("syscall")
}

fn objects() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("bpf");
    let mut objects: Vec<PathBuf> = std::fs::read_dir(folder)
        .expect("it exists")
        .map(|entry| entry.expect("it is readable").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "o"))
        .collect();
    objects.sort();
    objects
}

/// All that can be said of a verdict, but for how long it took.
fn said(verdict: &Verdict) -> String {
    let ruling = match &verdict.ruling {
        Ruling::Accepted(_) => "accepted".to_owned(),
        Ruling::Rejected(rejection) => format!("rejected: {rejection:#}"),
        Ruling::Failed(error) => format!("failed: {error:?}"),
    };
    format!("{} in {}: {:?} {ruling}", verdict.program, verdict.section, verdict.stats)
}

#[test]
fn an_interface_file_gives_the_applications_verdicts() {
    let bytes = Registry::collect().expect("sound declarations").btf().to_bytes().expect("it can be written");
    let interface = Btf::parse(&bytes).expect("it can be read");
    let read = builder().build_with(Registry::from_interface(interface).expect("an interface file"));
    let application = builder().build().expect("sound declarations");
    let (mut accepted, mut rejected) = (0, 0);
    for object in objects() {
        let verdicts = |runtime: &Runtime| runtime.verify(object.as_path()).expect("an object");
        let (own, found) = (verdicts(&application), verdicts(&read));
        for verdict in &own {
            match &verdict.ruling {
                Ruling::Accepted(_) => accepted += 1,
                Ruling::Rejected(_) => rejected += 1,
                Ruling::Failed(_) => {}
            }
        }
        let said = |verdicts: &[Verdict]| verdicts.iter().map(said).collect::<Vec<_>>();
        assert_eq!(said(&own), said(&found), "{}", object.display());
    }
    assert!(accepted >= 10 && rejected >= 3, "{accepted} accepted, {rejected} rejected: too few to compare");
}

/// Written against the generated header alone.
const PROGRAM: &str = include_str!("header/generated.bpf.c");

#[test]
fn a_program_written_against_the_generated_header_is_accepted() {
    if Command::new("clang-19").arg("--version").output().is_err() {
        opswap_skips::skipped("clang-19 is not installed");
        return;
    }
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("generated-header");
    std::fs::create_dir_all(&folder).expect("the target folder is writable");
    let header = c_header(&Registry::collect().expect("sound declarations"));
    std::fs::write(folder.join("app.h"), header).expect("written");
    std::fs::write(folder.join("generated.bpf.c"), PROGRAM).expect("written");
    let clang = Command::new("clang-19")
        .args(["-target", "bpf", "-O2", "-g", "-mcpu=v3", "-Wall", "-Werror", "-c", "generated.bpf.c"])
        .current_dir(&folder)
        .output()
        .expect("it runs");
    assert!(clang.status.success(), "{}", String::from_utf8_lossy(&clang.stderr));

    let runtime = builder().build().expect("sound declarations");
    let object = folder.join("generated.bpf.o");
    let loaded: Object = runtime.load(object.as_path()).unwrap_or_else(|error| panic!("{error:?}"));
    loaded.struct_ops::<CongOps>("generated").unwrap_or_else(|error| panic!("{error:?}"));
    let interface = Registry::collect().expect("sound declarations");
    let interface = Registry::from_interface(Btf::clone(interface.btf())).expect("an interface");
    let verdicts = builder().build_with(interface).verify(object.as_path()).expect("an object");
    assert!(verdicts.iter().all(|verdict| matches!(verdict.ruling, Ruling::Accepted(_))), "{verdicts:?}");
}
