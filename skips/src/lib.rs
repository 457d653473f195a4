//! How a test says that it was skipped.
//!
//! The test harness captures what passing tests print with `println!`, so a test that found its tool missing would read as a
//! pass. [`skipped`] writes to standard error itself, past the harness: a run of `cargo test` shows each skip, and `.ci/run`
//! counts them.

#![forbid(unsafe_code)]

use std::fmt::Display;
use std::io::Write;
use std::panic::Location;

/// What every line about a skip begins with.
pub const MARK: &str = "SKIPPED";

/// Says that the calling test was skipped, and why: one line, `SKIPPED file:line: why`.
#[track_caller]
pub fn skipped(why: impl Display) {
    say(&mut std::io::stderr().lock(), &why, Location::caller());
}

fn say(out: &mut impl Write, why: &dyn Display, place: &Location<'_>) {
    // Where nobody listens there is nobody to tell.
    let _ = writeln!(out, "{MARK} {}:{}: {why}", place.file(), place.line());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_skip_is_one_line_with_its_place_and_reason() {
        let mut out = Vec::new();
        let place = Location::caller();
        say(&mut out, &"no compiler", place);
        let expected = format!("SKIPPED {}:{}: no compiler\n", file!(), place.line());
        assert_eq!(String::from_utf8(out).expect("text"), expected);
    }
}
