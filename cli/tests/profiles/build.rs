//! Builds of the example application and of a library, in every way that people build.

use std::path::{Path, PathBuf};
use std::process::Command;

/// A profile.
pub(crate) struct Profile {
    pub(crate) name: &'static str,
    /// Arguments of `cargo build`.
    args: &'static [&'static str],
    /// Variables for cargo.
    env: &'static [(&'static str, &'static str)],
}

pub(crate) const PROFILES: [Profile; 3] = [
    Profile { name: "debug", args: &[], env: &[] },
    Profile { name: "release", args: &["--release"], env: &[] },
    Profile {
        name: "thin-lto",
        args: &["--release"],
        env: &[("CARGO_PROFILE_RELEASE_LTO", "thin"), ("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16")],
    },
];

/// How a file is linked, by the type in its ELF header.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Linked {
    /// `ET_EXEC`: at a fixed address.
    Fixed = 2,
    /// `ET_DYN`: a position-independent executable, or a library.
    Anywhere = 3,
}

impl Linked {
    fn of(file: &Path) -> Self {
        let bytes = std::fs::read(file).expect("built");
        match bytes[0x10] {
            2 => Self::Fixed,
            3 => Self::Anywhere,
            other => panic!("{}: type {other}", file.display()),
        }
    }
}

/// What one profile builds.
pub(crate) struct Built {
    /// The example application.
    pub(crate) executable: PathBuf,
    /// The same at a fixed address, if it was asked for.
    pub(crate) fixed: Option<PathBuf>,
    /// A shared library.
    pub(crate) library: PathBuf,
}

/// Whether to build the executable for a fixed address as well: it is linked once more.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fixed {
    Too,
    No,
}

/// Builds into `target`, or where cargo builds anyway.
pub(crate) fn build(profile: &Profile, target: Option<&Path>, fixed: Fixed) -> Built {
    let executable = ["-p", "examples", "--bin", "congestion"];
    cargo(profile, target, "build", &executable);
    cargo(profile, target, "build", &["-p", "ui-module"]);
    let folder = folder(profile, target);
    let built = Built {
        executable: folder.join("congestion"),
        fixed: (fixed == Fixed::Too).then(|| folder.join("congestion.fixed")),
        library: folder.join("libui_module.so"),
    };
    assert_eq!(Linked::of(&built.executable), Linked::Anywhere);
    assert_eq!(Linked::of(&built.library), Linked::Anywhere);
    if let Some(fixed) = &built.fixed {
        // cargo gives both the same name.
        let kept = folder.join("congestion.kept");
        std::fs::rename(&built.executable, &kept).expect("built");
        let flags = ["--", "-C", "relocation-model=static"];
        cargo(profile, target, "rustc", &[&executable[..], &flags].concat());
        std::fs::rename(&built.executable, fixed).expect("built");
        std::fs::rename(&kept, &built.executable).expect("kept");
        assert_eq!(Linked::of(fixed), Linked::Fixed);
    }
    built
}

fn cargo(profile: &Profile, target: Option<&Path>, command: &str, args: &[&str]) {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.arg(command).arg("--quiet").args(profile.args);
    if let Some(target) = target {
        cargo.arg("--target-dir").arg(target);
    }
    cargo.args(args).current_dir(env!("CARGO_MANIFEST_DIR")).envs(profile.env.iter().copied());
    let built = cargo.output().expect("cargo runs");
    let complaint = String::from_utf8_lossy(&built.stderr);
    assert!(built.status.success(), "{} {command} {args:?}: {complaint}", profile.name);
}

/// Where cargo puts what it builds.
fn folder(profile: &Profile, target: Option<&Path>) -> PathBuf {
    let name = if profile.args.contains(&"--release") { "release" } else { "debug" };
    match target {
        Some(target) => target.join(name),
        // The command that is tested lies there, too.
        None => {
            let own = Path::new(env!("CARGO_BIN_EXE_opswap"));
            own.parent().and_then(Path::parent).expect("target/PROFILE").join(name)
        }
    }
}

/// A copy without symbols.
pub(crate) fn stripped(file: &Path, how: &str) -> PathBuf {
    let copy = PathBuf::from(format!("{}.{how}", file.display()));
    let done = Command::new("strip").arg(format!("--{how}")).arg("-o").arg(&copy).arg(file).status();
    assert!(done.expect("binutils").success());
    copy
}

/// A copy without section headers, as some packers leave it: what is read lies in named sections.
pub(crate) fn without_sections(file: &Path) -> PathBuf {
    let mut bytes = std::fs::read(file).expect("built");
    // e_shoff; then e_shnum and e_shstrndx.
    bytes[0x28..0x30].fill(0);
    bytes[0x3c..0x40].fill(0);
    let copy = PathBuf::from(format!("{}.sectionless", file.display()));
    std::fs::write(&copy, bytes).expect("written");
    copy
}
