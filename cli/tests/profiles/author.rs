//! The author of a program has the three commands' output and nothing else: the header compiles, a program written against it is
//! accepted, and the interface file gives the binary's verdicts on every object of the examples.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::said::{Said, opswap, text};

/// Written against the header of the examples.
const PROGRAM: &str = include_str!("../../../examples/tests/header/generated.bpf.c");

/// Every object of the examples and of the module's tests.
fn objects() -> Vec<PathBuf> {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace");
    let mut objects: Vec<PathBuf> = ["examples/bpf", "ui-tests/module/bpf"]
        .iter()
        .flat_map(|folder| std::fs::read_dir(workspace.join(folder)).expect("it exists"))
        .map(|entry| entry.expect("it is readable").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "o"))
        .collect();
    objects.sort();
    objects
}

/// Verdicts on an object, but for how long they took.
fn verdicts(object: &Path, host: &Path) -> Vec<String> {
    let output = opswap(&["verify", text(object), "--host", text(host), "--json"]);
    assert!(matches!(output.status.code(), Some(0 | 1)), "{}", String::from_utf8_lossy(&output.stderr));
    let rows = String::from_utf8(output.stdout).expect("text");
    rows.lines().map(|row| row.split("\"verify_us\"").next().unwrap_or_default().to_owned()).collect()
}

/// The interface file gives the binary's verdicts; gives how many there are, and how many of them accept.
pub(crate) fn same_verdicts(binary: &Path, said: &Said) -> (usize, usize) {
    let (mut all, mut accepted) = (0, 0);
    for object in objects() {
        let own = verdicts(&object, binary);
        assert_eq!(own, verdicts(&object, &said.file), "{}", object.display());
        all += own.len();
        accepted += own.iter().filter(|row| row.contains("\"verdict\":\"accept\"")).count();
    }
    (all, accepted)
}

/// Whether there is a compiler for programs.
pub(crate) fn clang() -> bool {
    let found = Command::new("clang-19").arg("--version").output().is_ok();
    if !found {
        opswap_skips::skipped("the header was not compiled: clang-19 is not installed");
    }
    found
}

fn compile(folder: &Path, source: &str) -> PathBuf {
    std::fs::write(folder.join("app.bpf.c"), source).expect("written");
    let object = folder.join("app.bpf.o");
    let args = ["-target", "bpf", "-O2", "-g", "-mcpu=v3", "-Wall", "-Werror", "-c", "app.bpf.c", "-o"];
    let clang = Command::new("clang-19").args(args).arg(&object).current_dir(folder).output();
    let clang = clang.expect("it runs");
    assert!(clang.status.success(), "{}", String::from_utf8_lossy(&clang.stderr));
    object
}

/// The header compiles by itself.
pub(crate) fn header_compiles(folder: &Path, said: &Said) {
    std::fs::write(folder.join("app.h"), &said.header).expect("written");
    compile(folder, "#include \"app.h\"\n");
}

/// A program that has nothing but the header of the examples is accepted.
pub(crate) fn program_is_accepted(folder: &Path, binary: &Path, said: &Said) {
    std::fs::write(folder.join("app.h"), &said.header).expect("written");
    let object = compile(folder, PROGRAM);
    for host in [binary, &said.file] {
        let rows = verdicts(&object, host);
        assert_eq!(rows.len(), 2, "{rows:?}");
        assert!(rows.iter().all(|row| row.contains("\"verdict\":\"accept\"")), "{rows:?}");
    }
}
