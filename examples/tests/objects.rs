//! The committed objects are what clang makes of the C beside them. Needs `clang-19`; says so where there is none.

use std::path::{Path, PathBuf};
use std::process::Command;

use object::{Object, ObjectSection};

const CLANG: &str = "clang-19";

fn bpf_directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("bpf")
}

/// Name and bytes of every section that a loader looks at: debug information names the compiler's vendor, so it may differ.
fn loaded_sections(file: &Path) -> Vec<(String, Vec<u8>)> {
    let bytes = std::fs::read(file).unwrap_or_else(|error| panic!("cannot read {}: {error}", file.display()));
    let elf = object::File::parse(&*bytes).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    elf.sections()
        .filter_map(|section| {
            let name = section.name().ok()?.to_owned();
            let skipped = name.contains(".debug") || name == ".strtab" || name == ".symtab";
            (!skipped).then(|| (name, section.data().unwrap_or_default().to_vec()))
        })
        .collect()
}

#[test]
fn committed_objects_are_what_the_sources_compile_to() {
    if Command::new(CLANG).arg("--version").output().is_err() {
        opswap_skips::skipped(format_args!("{CLANG} is not installed"));
        return;
    }
    let out = Path::new(env!("CARGO_TARGET_TMPDIR")).join("bpf-objects");
    std::fs::create_dir_all(&out).expect("the target directory is writable");
    let built = Command::new("sh")
        .arg(bpf_directory().join("build.sh"))
        .arg(&out)
        .env("CLANG", CLANG)
        .output()
        .expect("there is a shell");
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    assert!(built.stderr.is_empty(), "warnings:\n{}", String::from_utf8_lossy(&built.stderr));

    let mut compared = 0;
    for entry in std::fs::read_dir(bpf_directory()).expect("it exists") {
        let source = entry.expect("it is readable").path();
        let Some(stem) = source.to_str().and_then(|path| path.strip_suffix(".bpf.c")) else { continue };
        let committed = PathBuf::from(format!("{stem}.bpf.o"));
        let fresh = out.join(committed.file_name().expect("it has a name"));
        let (old, new) = (loaded_sections(&committed), loaded_sections(&fresh));
        for ((name, old), (_, new)) in old.iter().zip(&new) {
            assert_eq!(old, new, "{}: {name} differs; run examples/bpf/build.sh", committed.display());
        }
        assert_eq!(
            old.len(),
            new.len(),
            "{}: other sections; run examples/bpf/build.sh",
            committed.display()
        );
        compared += 1;
    }
    assert!(compared >= 4, "only {compared} sources were found");
}
