//! The BTF of every example, read from the built file, before Linux's own tools.

mod judge;

use std::path::Path;

use opswap::registry::Registry;

/// The examples that declare something.
const BINARIES: [(&str, &str); 4] = [
    ("congestion", env!("CARGO_BIN_EXE_congestion")),
    ("hello_kfunc", env!("CARGO_BIN_EXE_hello_kfunc")),
    ("hot_replace", env!("CARGO_BIN_EXE_hot_replace")),
    ("refcounted_object", env!("CARGO_BIN_EXE_refcounted_object")),
];

#[test]
fn linuxs_tools_read_the_btf_of_every_example() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("tools");
    let (mut asked, mut skipped) = (0, 0);
    for (name, file) in BINARIES {
        let bytes = std::fs::read(file).expect("cargo built it");
        let registry = Registry::from_binary(&bytes).unwrap_or_else(|error| panic!("{name}: {error:?}"));
        let btf = registry.btf().to_bytes().expect("it can be written");
        let judged = judge::judge(&folder, name, &btf);
        (asked, skipped) = (asked + judged.0, skipped + judged.1);
    }
    println!("{asked} checks made, {skipped} skipped");
}
