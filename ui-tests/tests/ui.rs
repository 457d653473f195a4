//! Compile-fail and pass cases: one mistake a file, named after the mistake; the messages beside it (`TRYBUILD=overwrite` renews them).
//!
//! Messages belong to one compiler, the one in `rust-toolchain.toml`; with another the cases are skipped.

use std::process::Command;

const PINNED: &str = "rustc 1.95.";

#[test]
fn mistakes_are_explained_and_everything_else_compiles() {
    let version =
        Command::new(std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into())).arg("--version").output();
    let version = String::from_utf8(version.expect("cargo found rustc").stdout).expect("a version is text");
    if !version.starts_with(PINNED) {
        opswap_skips::skipped(format_args!("the messages are those of {PINNED}x, this is {version}"));
        return;
    }
    let cases = trybuild::TestCases::new();
    cases.pass("tests/pass/*.rs");
    cases.compile_fail("tests/ui/*/*.rs");
}
