//! What a program's text says of the program as a whole.
//!
//! | comment | means |
//! |---|---|
//! | `; flags: strict_alignment …` | load flags |
//! | `; license: NAME` | the licence; anything but `GPL` is not compatible with it |
//! | `; limits: insns=N branches=N slots=N subprogs=N` | budgets other than the ordinary ones |
//! | `; global: …`, `; static: …` | prototypes of functions (`globals.rs`) |

use opswap_bpf::Program;
use opswap_bpf::program::{License, LoadFlags};
use opswap_verifier::Limits;

/// The words behind a directive.
fn words<'t>(text: &'t str, name: &'static str) -> impl Iterator<Item = &'t str> {
    let lines = text.lines().filter_map(move |line| line.trim().strip_prefix("; ")?.strip_prefix(name));
    lines.flat_map(str::split_whitespace)
}

/// Sets what the text says of the program.
pub(crate) fn apply(program: &mut Program, text: &str) {
    for flag in words(text, "flags:") {
        let name = flag.to_ascii_uppercase();
        program.flags |= LoadFlags::from_name(&name).unwrap_or_else(|| panic!("no load flag {flag}"));
    }
    if let Some(license) = words(text, "license:").next() {
        program.license = if license == "GPL" { License::Gpl } else { License::Other };
    }
}

/// The budgets.
pub(crate) fn limits(text: &str) -> Limits {
    let mut limits = Limits::default();
    for word in words(text, "limits:") {
        let (name, value) = word.split_once('=').expect("NAME=VALUE");
        let value = value.parse().expect("a number");
        match name {
            "insns" => limits.insns_processed = value,
            "branches" => limits.jump_sequence = value,
            "slots" => limits.program_slots = value,
            "subprogs" => limits.subprogs = value,
            other => panic!("no budget {other}"),
        }
    }
    limits
}
