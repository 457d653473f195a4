//! Compile-fail cases, golden expansions and repository rules: see `tests/`. Here: the module that tests load.

use std::path::PathBuf;
use std::process::Command;

/// The library of `ui-tests/module`, built by the cargo and with the profile of the calling test.
///
/// # Panics
/// It cannot be built.
pub fn module_library() -> PathBuf {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["build", "--quiet", "--package", "ui-module"]).current_dir(env!("CARGO_MANIFEST_DIR"));
    if !cfg!(debug_assertions) {
        cargo.arg("--release");
    }
    let built = cargo.output().expect("cargo runs");
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    // Tests are run from `target/PROFILE/deps`.
    let test = std::env::current_exe().expect("a test has a file");
    test.ancestors().nth(2).expect("the profile's folder").join("libui_module.so")
}
