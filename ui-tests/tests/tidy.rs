//! Repository rules as tests: layers, file sizes, module headers, unsafe code in its named places only.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Who may depend on whom. A new arrow is a decision: it is made here, where a review sees it.
const LAYERS: &[(&str, &[&str])] = &[
    ("bpf", &[]),
    ("macros", &[]),
    ("verifier", &["bpf"]),
    ("jit", &["bpf", "verifier"]),
    ("runtime", &["bpf", "verifier", "jit", "macros"]),
    ("linux", &["bpf", "verifier", "runtime"]),
    ("cli", &["runtime", "linux"]),
    ("examples", &["runtime"]),
    ("ui-tests", &["runtime"]),
    ("testmod", &["runtime"]),
    ("skips", &[]),
];

/// Crates that forbid unsafe code altogether.
const FORBID_UNSAFE: &[&str] = &["bpf", "macros", "verifier", "linux", "skips"];

/// The only files of libraries and tools that may contain unsafe code.
const UNSAFE_FILES: &[&str] = &[
    "cli/src/kernel.rs",
    "jit/src/code_memory.rs",
    "jit/src/tests/harness/machine.rs",
    "runtime/src/declare/kfunc.rs",
    "runtime/src/declare/linked.rs",
    "runtime/src/declare/table.rs",
    "runtime/src/enter.rs",
    "runtime/src/helpers.rs",
    "runtime/src/helpers/dynptr.rs",
    "runtime/src/helpers/map.rs",
    "runtime/src/helpers/system.rs",
    "runtime/src/helpers/trace.rs",
    "runtime/src/interpret.rs",
    "runtime/src/kernel/helpers.rs",
    "runtime/src/kernel/helpers/compute.rs",
    "runtime/src/kernel/helpers/control.rs",
    "runtime/src/kernel/host.rs",
    "runtime/src/maps/memory.rs",
    // A module: the symbol it exports, its allocator, the library it is.
    "runtime/src/module.rs",
    "runtime/src/module/abi.rs",
    "runtime/src/module/library.rs",
    "runtime/src/module/loaded.rs",
    "runtime/src/private/op.rs",
    "runtime/src/private/parts.rs",
    "runtime/src/private/raw.rs",
    "runtime/src/private/shim.rs",
    "runtime/src/types/special.rs",
    "runtime/src/program.rs",
    "runtime/src/run.rs",
    "runtime/src/struct_ops/hazard.rs",
    "runtime/src/struct_ops/pin.rs",
    "runtime/src/types/arg.rs",
    "runtime/src/types/btf.rs",
    "runtime/src/types/callback.rs",
    "runtime/src/types/checked.rs",
    "runtime/src/types/constant.rs",
    "runtime/src/types/dynptr.rs",
    "runtime/src/types/irq.rs",
    "runtime/src/types/iter.rs",
    "runtime/src/types/kernel.rs",
    "runtime/src/types/fields.rs",
    "runtime/src/types/given.rs",
    "runtime/src/types/kref.rs",
    "runtime/src/types/lent.rs",
    "runtime/src/types/memory.rs",
    "runtime/src/types/number.rs",
    "runtime/src/types/op.rs",
    "runtime/src/types/out.rs",
    "runtime/src/types/pod.rs",
    "runtime/src/types/pointee.rs",
    "runtime/src/types/raw.rs",
    "runtime/src/types/rcu.rs",
    "runtime/src/types/ret.rs",
    "runtime/src/types/rust_iter.rs",
    "runtime/src/types/uninit.rs",
];

/// Files longer than this are split.
const MAX_LINES: usize = 600;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("ui-tests lies in the workspace").to_path_buf()
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Every Rust file below `dir`, except what cargo or trybuild built.
fn rust_files(dir: &Path, found: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(dir) else { return };
    for entry in entries.map(|entry| entry.expect("readable folder").path()) {
        let name = entry.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if entry.is_dir() && !name.starts_with("target") && !name.starts_with('.') {
            rust_files(&entry, found);
        } else if name.ends_with(".rs") {
            found.push(entry);
        }
    }
}

fn all_rust_files() -> Vec<PathBuf> {
    let mut found = Vec::new();
    rust_files(&root(), &mut found);
    assert!(found.len() > 30, "the walk found only {} files", found.len());
    found.sort();
    found
}

fn relative(path: &Path) -> String {
    path.strip_prefix(root()).expect("below the root").to_string_lossy().into_owned()
}

/// The folders of workspace crates named in a table of a manifest.
fn arrows(manifest: &str, table: &str) -> BTreeSet<String> {
    let mut inside = false;
    let mut found = BTreeSet::new();
    for line in manifest.lines() {
        if line.starts_with('[') {
            inside = line.trim() == table;
        } else if inside {
            let name = line.split(['.', ' ', '=']).next().unwrap_or_default();
            if name == "opswap" {
                found.insert("runtime".to_owned());
            } else if let Some(folder) = name.strip_prefix("opswap-") {
                found.insert(folder.to_owned());
            }
        }
    }
    found
}

#[test]
fn dependencies_point_downwards_only() {
    for (folder, allowed) in LAYERS {
        let manifest = read(&root().join(folder).join("Cargo.toml"));
        for arrow in arrows(&manifest, "[dependencies]") {
            assert!(
                allowed.contains(&arrow.as_str()),
                "{folder} depends on {arrow}: not an arrow of ARCHITECTURE.md"
            );
        }
    }
}

#[test]
fn every_member_has_a_layer() {
    let manifest = read(&root().join("Cargo.toml"));
    let members =
        manifest.split("members").nth(1).and_then(|rest| rest.split(']').next()).expect("a workspace");
    for member in members.split('"').skip(1).step_by(2) {
        let known = LAYERS.iter().any(|(folder, _)| member == *folder || member.starts_with("ui-tests/"));
        assert!(known, "{member} is not in LAYERS");
    }
}

#[test]
fn no_file_is_too_long() {
    for path in all_rust_files() {
        let lines = read(&path).lines().count();
        assert!(lines <= MAX_LINES, "{}: {lines} lines, at most {MAX_LINES}: split it", relative(&path));
    }
}

#[test]
fn every_module_says_what_it_owns() {
    for path in all_rust_files() {
        let name = relative(&path);
        let one_mistake_each = name.starts_with("ui-tests/tests/ui/") || name.contains("/expected/");
        if !one_mistake_each {
            assert!(
                read(&path).starts_with("//!"),
                "{name}: the first line says what the file owns (`//! …`)"
            );
        }
    }
}

#[test]
fn unsafe_code_is_forbidden_where_the_design_says_so() {
    for folder in FORBID_UNSAFE {
        let lib = read(&root().join(folder).join("src/lib.rs"));
        assert!(
            lib.contains("#![forbid(unsafe_code)]"),
            "{folder}/src/lib.rs: `#![forbid(unsafe_code)]` is missing"
        );
    }
}

/// What `println!` prints in a test that passes is never seen.
#[test]
fn tests_that_are_skipped_say_so_past_the_harness() {
    let tests = all_rust_files().into_iter().filter(|path| relative(path).contains("/tests"));
    for path in tests {
        let text = read(&path).to_lowercase();
        let silent = text.lines().position(|line| line.contains("println!(\"skipped"));
        if let Some(line) = silent {
            panic!("{}:{}: call opswap_skips::skipped instead", relative(&path), line + 1);
        }
    }
}

#[test]
fn unsafe_code_stays_in_its_named_files() {
    for path in all_rust_files() {
        let name = relative(&path);
        let library =
            ["jit/src/", "runtime/src/", "cli/src/", "examples/src/"].iter().any(|dir| name.starts_with(dir));
        let test = name.contains("/tests/") || name.ends_with("/tests.rs");
        if !library || test || UNSAFE_FILES.contains(&name.as_str()) {
            continue;
        }
        for (at, line) in read(&path).lines().enumerate() {
            let code = line.split("//").next().unwrap_or_default();
            let found = ["unsafe {", "unsafe fn", "unsafe impl", "unsafe trait", "unsafe extern"]
                .iter()
                .any(|form| code.contains(form));
            assert!(
                !found,
                "{name}:{}: unsafe code outside the files named in ui-tests/tests/tidy.rs",
                at + 1
            );
        }
    }
}
