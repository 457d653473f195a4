//! `inspect`, `header` and `interface` say the same of one program, however it was built: debug, release, thin LTO, position-independent
//! or not, stripped or not, executable or shared library; and what they say is all that the author of a program needs.
//!
//! The builds of this very profile are looked at always. The others take minutes, so they are on request:
//!
//! ```text
//! $ .ci/profiles
//! ```

mod author;
mod build;
mod said;

use std::path::{Path, PathBuf};

use build::{Built, Fixed, PROFILES, build, stripped, without_sections};
use said::{Said, opswap, text};

/// What a file must declare for the test to mean something.
const IN_EXECUTABLE: &str = "\"cong_path_get\"";
const IN_LIBRARY: &str = "\"module_add\"";

/// A folder for what this test writes.
fn scratch(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("profiles").join(name);
    std::fs::create_dir_all(&folder).expect("the target folder is writable");
    folder
}

/// All that one build says, by `original` and whatever was stripped of it, is the same.
fn said_by(file: &Path, declares: &str) -> Said {
    let said = Said::of(file);
    assert!(said.inspect.contains(declares), "{}: {}", file.display(), said.inspect);
    for how in ["strip-debug", "strip-unneeded", "strip-all"] {
        let copy = stripped(file, how);
        assert!(said.equals(&Said::of(&copy)), "{} says something else", copy.display());
    }
    let bare = without_sections(file);
    let refused = opswap(&["inspect", text(&bare)]);
    let message = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert_eq!(refused.status.code(), Some(2), "{message}");
    assert!(message.lines().count() == 1 && message.contains("section"), "{message}");
    said
}

/// What an author does with the executable and with the library.
fn serves_authors(name: &str, built: &Built, executable: &Said, library: &Said) {
    let folder = scratch(name);
    let (all, accepted) = author::same_verdicts(&built.executable, executable);
    assert!(accepted >= 10 && all - accepted >= 3, "{accepted} of {all} accepted: too few to compare");
    let of_library = author::same_verdicts(&built.library, library);
    if author::clang() {
        author::header_compiles(&folder, library);
        author::program_is_accepted(&folder, &built.executable, executable);
    }
    println!("{name}: {all} verdicts by the executable, {} by the library", of_library.0);
}

#[test]
fn the_commands_serve_authors_with_the_builds_of_this_profile() {
    let at = usize::from(!cfg!(debug_assertions));
    let built = build(&PROFILES[at], None, Fixed::No);
    let (executable, library) = (Said::of(&built.executable), Said::of(&built.library));
    assert!(executable.inspect.contains(IN_EXECUTABLE), "{}", executable.inspect);
    assert!(library.inspect.contains(IN_LIBRARY), "{}", library.inspect);
    serves_authors(PROFILES[at].name, &built, &executable, &library);
}

#[test]
#[ignore = "builds the examples and a library in three profiles: many minutes (.ci/profiles)"]
fn every_build_says_the_same_and_serves_authors() {
    let mut first: Option<(Said, Said)> = None;
    for profile in &PROFILES {
        let target = scratch("builds").join(profile.name);
        let built = build(profile, Some(&target), Fixed::Too);
        let executable = said_by(&built.executable, IN_EXECUTABLE);
        let library = said_by(&built.library, IN_LIBRARY);
        let fixed = built.fixed.as_deref().map(|file| said_by(file, IN_EXECUTABLE));
        assert!(fixed.is_none_or(|fixed| fixed.equals(&executable)), "{}: at a fixed address", profile.name);
        serves_authors(profile.name, &built, &executable, &library);
        let (of_executable, of_library) = first.get_or_insert((executable, library));
        assert!(of_executable.equals(&Said::of(&built.executable)), "{}: the executable", profile.name);
        assert!(of_library.equals(&Said::of(&built.library)), "{}: the library", profile.name);
        println!("{}: executable at any and at a fixed address, library: same", profile.name);
        // A profile's builds take gigabytes.
        std::fs::remove_dir_all(&target).expect("nobody else uses it");
    }
}
