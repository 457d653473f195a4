//! The committed objects are what their sources compile to, where clang is present.

use std::path::Path;
use std::process::Command;

use object::read::elf::{FileHeader, SectionHeader};
use object::{LittleEndian, elf};

/// Contents of the sections that say what a program does: code, data, maps, tables, licence.
fn sections(bytes: &[u8]) -> Vec<(String, Vec<u8>)> {
    let header = elf::FileHeader64::<LittleEndian>::parse(bytes).expect("an ELF header");
    let table = header.sections(LittleEndian, bytes).expect("section headers");
    table
        .iter()
        .filter(|section| section.sh_flags(LittleEndian).0 & elf::SHF_ALLOC.0 != 0)
        .map(|section| {
            let name = table.section_name(LittleEndian, section).expect("a name");
            let data = section.data(LittleEndian, bytes).expect("contents");
            (String::from_utf8_lossy(name).into_owned(), data.to_vec())
        })
        .collect()
}

#[test]
fn committed_objects_match_their_sources() {
    let clang = std::env::var("CLANG").unwrap_or_else(|_| "clang-19".into());
    let version = Command::new(&clang).arg("--version").output();
    if !version.is_ok_and(|output| String::from_utf8_lossy(&output.stdout).contains("version 19.")) {
        opswap_skips::skipped(format_args!("{clang} (version 19) is not installed"));
        return;
    }
    let objects = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/objects");
    let out = Path::new(env!("CARGO_TARGET_TMPDIR")).join("loader-objects");
    std::fs::create_dir_all(&out).expect("a directory for the output");
    let built = Command::new(objects.join("build.sh")).arg(&out).env("CLANG", &clang).status();
    assert!(built.expect("the script runs").success(), "the sources do not compile");
    let mut names: Vec<String> = std::fs::read_dir(&out)
        .expect("the script writes there")
        .filter_map(|entry| entry.expect("readable").file_name().into_string().ok())
        .collect();
    names.sort();
    assert!(names.len() >= 15, "only {names:?}");
    for name in &names {
        let fresh = std::fs::read(out.join(name)).expect("the script writes it");
        assert_eq!(
            sections(&fresh),
            sections(&crate::hosts::object(name)),
            "{name}: run tests/objects/build.sh"
        );
    }
}
