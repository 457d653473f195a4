//! Says which compiler and which sources this build of the crate is made of: modules that are loaded at run time must be of the same
//! make (`src/module/abi.rs`).

use std::path::{Path, PathBuf};
use std::process::Command;

/// The crates whose types cross the border between an application and a module, where they lie side by side.
const SOURCES: [&str; 4] = ["src", "../bpf/src", "../verifier/src", "../jit/src"];

fn main() {
    let rustc = std::env::var("RUSTC").unwrap_or_else(|_| "rustc".to_owned());
    let output = Command::new(rustc).arg("-V").output();
    let version = output.ok().and_then(|output| String::from_utf8(output.stdout).ok()).unwrap_or_default();
    let mut files = Vec::new();
    for folder in SOURCES {
        if Path::new(folder).is_dir() {
            println!("cargo::rerun-if-changed={folder}");
            collect(Path::new(folder), &mut files);
        }
    }
    files.sort();
    println!("cargo::rustc-env=OPSWAP_RUSTC={}", version.trim());
    println!("cargo::rustc-env=OPSWAP_SOURCES={:016x}", hash(&files));
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

/// FNV-1a over the files' names and contents.
fn hash(files: &[PathBuf]) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for file in files {
        let content = std::fs::read(file).unwrap_or_default();
        for byte in file.to_string_lossy().bytes().chain(content) {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }
    hash
}
