//! `inspect`, `header` and `interface` say the same of one program, however it was built: debug, release, thin LTO, position-independent
//! or not, stripped or not, executable or shared library.
//!
//! Building takes minutes, so this runs on request:
//!
//! ```text
//! $ cargo test --release -p opswap-cli --test profiles -- --ignored --nocapture
//! ```

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn opswap(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_opswap")).args(args).output().expect("the command runs")
}

/// What a build is, beside the program.
struct Build {
    name: &'static str,
    release: bool,
    /// Variables for cargo.
    env: &'static [(&'static str, &'static str)],
}

const BUILDS: [Build; 4] = [
    Build { name: "debug", release: false, env: &[] },
    Build { name: "release", release: true, env: &[] },
    Build { name: "thin-lto", release: true, env: &[("CARGO_PROFILE_RELEASE_LTO", "thin")] },
    Build {
        name: "static-address",
        release: true,
        env: &[("RUSTFLAGS", "-C relocation-model=static"), ("CARGO_PROFILE_RELEASE_DEBUG", "none")],
    },
];

/// Builds a package and gives the file that cargo put into the profile's folder.
fn build(build: &Build, args: &[&str], file: &str) -> PathBuf {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("profiles").join(build.name);
    let mut cargo = Command::new(env!("CARGO"));
    cargo.arg("build").arg("--quiet").args(args).arg("--target-dir").arg(&target);
    cargo.current_dir(env!("CARGO_MANIFEST_DIR")).envs(build.env.iter().copied());
    if build.release {
        cargo.arg("--release");
    }
    let built = cargo.output().expect("cargo runs");
    assert!(built.status.success(), "{}: {}", build.name, String::from_utf8_lossy(&built.stderr));
    target.join(if build.release { "release" } else { "debug" }).join(file)
}

/// What the three commands say.
#[derive(PartialEq, Debug)]
struct Said {
    inspect: String,
    header: String,
    interface: Vec<u8>,
}

fn said(file: &Path) -> Said {
    let path = file.to_str().expect("a plain path");
    let text = |command: &[&str]| {
        let output = opswap(command);
        assert!(output.status.success(), "{path}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("text")
    };
    let interface = format!("{path}.btf");
    text(&["interface", path, "-o", &interface]);
    Said {
        inspect: text(&["inspect", path, "--json"]),
        header: text(&["header", path]),
        interface: std::fs::read(interface).expect("written"),
    }
}

/// A copy without symbols.
fn stripped(file: &Path, how: &str) -> PathBuf {
    let copy = file.with_extension(format!("stripped{how}"));
    let done = Command::new("strip").arg(how).arg("-o").arg(&copy).arg(file).status().expect("binutils");
    assert!(done.success());
    copy
}

/// A copy without section headers, as some packers leave it: what is read lies in named sections.
fn without_sections(file: &Path) -> PathBuf {
    let mut bytes = std::fs::read(file).expect("built");
    // e_shoff; then e_shnum and e_shstrndx.
    bytes[0x28..0x30].fill(0);
    bytes[0x3c..0x40].fill(0);
    let copy = file.with_extension("sectionless");
    std::fs::write(&copy, bytes).expect("written");
    copy
}

/// One program, built in every way: the first build is what the others are compared with.
fn same_of_every_build(args: &[&str], file: &str, kfunc: &str) {
    let mut first = None;
    for way in &BUILDS {
        let built = build(way, args, file);
        let mut files = vec![built.clone()];
        files.extend(["--strip-debug", "--strip-unneeded", "--strip-all"].map(|how| stripped(&built, how)));
        for file in files {
            let found = said(&file);
            assert!(found.inspect.contains(&format!("\"{kfunc}\"")), "{}: {}", file.display(), found.inspect);
            let expected = first.get_or_insert(found);
            assert!(*expected == said(&file), "{} says something else", file.display());
            println!("same: {}", file.display());
        }
        let bare = without_sections(&built);
        let refused = opswap(&["inspect", bare.to_str().expect("a plain path")]);
        let message = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert_eq!(refused.status.code(), Some(2), "{message}");
        assert!(message.lines().count() == 1 && message.contains("section"), "{message}");
    }
}

#[test]
#[ignore = "builds the examples in four ways: minutes"]
fn an_executable_says_the_same_however_it_was_built() {
    same_of_every_build(&["-p", "examples", "--bin", "congestion"], "congestion", "cong_path_get");
}

#[test]
#[ignore = "builds a library in four ways: minutes"]
fn a_shared_library_says_the_same_however_it_was_built() {
    // A library is position-independent: the last way differs in other respects.
    same_of_every_build(&["-p", "ui-module"], "libui_module.so", "module_add");
}
