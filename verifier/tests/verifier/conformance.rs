//! Every vector of the ISA conformance suite is accepted under the rules of RFC 9669, but for those that must be refused.
//!
//! The vectors are not part of the repository: `OPSWAP_CONFORMANCE_DIR`, or `../shared/conformance` beside it.

use std::path::{Path, PathBuf};

use opswap_bpf::btf::Signedness;
use opswap_bpf::insn::{CallTarget, Size};
use opswap_bpf::proto::{ContextLayout, EntryProto, MemAccess, ReturnRule, Sleepable};
use opswap_bpf::{Insn, Program, ProgramKind, decode};
use opswap_verifier::limits::{ImmediateRules, UnreachableCode};
use opswap_verifier::{Limits, verify_with};

use crate::lab::{Lab, WithEntry};

fn folder() -> PathBuf {
    std::env::var_os("OPSWAP_CONFORMANCE_DIR")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/conformance"), PathBuf::from)
}

/// The string in a field of a flat JSON object.
fn field<'t>(line: &'t str, name: &str) -> Option<&'t str> {
    let (_, rest) = line.split_once(&format!("\"{name}\": \""))?;
    rest.split('"').next()
}

fn bytes(hex: &str) -> Vec<u8> {
    let digit = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).expect("the vectors are hexadecimal");
    (0..hex.len() / 2).map(|at| digit(at * 2)).collect()
}

/// Calls of helpers and through registers belong to no host here.
fn needs_more_than_the_isa(insns: &[Insn]) -> bool {
    let beyond =
        |insn: &Insn| matches!(insn, Insn::CallReg { .. } | Insn::Call { target: CallTarget::Helper(_) });
    insns.iter().any(beyond)
}

#[test]
fn vectors_are_accepted() {
    let Ok(vectors) = std::fs::read_to_string(folder().join("encoded.jsonl")) else {
        opswap_skips::skipped(format_args!("no conformance vectors at {}", folder().display()));
        return;
    };
    let lab = Lab::new();
    let limits = Limits {
        immediates: ImmediateRules::Rfc9669,
        unreachable: UnreachableCode::Allowed,
        ..Limits::default()
    };
    let (mut accepted, mut refused) = (0, Vec::new());
    for line in vectors.lines() {
        let name = field(line, "name").unwrap_or_default();
        let size = field(line, "memory").unwrap_or_default().len() / 2;
        let code = bytes(field(line, "program").unwrap_or_default());
        let Ok(insns) = decode(&code) else { continue };
        if needs_more_than_the_isa(&insns) {
            continue;
        }
        let entry = EntryProto {
            name: "conformance".into(),
            context: ContextLayout::Buffer {
                size: u32::try_from(size).expect("vectors are small"),
                access: MemAccess::ReadWrite,
            },
            ret: ReturnRule::Scalar { size: Size::DW, signed: Signedness::Unsigned },
            sleepable: Sleepable::No,
            declared_at: None,
        };
        let host = WithEntry { lab: &lab, entry };
        let program = Program::bare(name, ProgramKind::Named("conformance".into()), insns);
        match verify_with(program, &host, &limits).0 {
            Ok(_) => accepted += 1,
            Err(rejection) => refused.push(format!("{name}: {} at {}", rejection, rejection.at)),
        }
    }
    println!("{accepted} accepted, {} refused:\n{}", refused.len(), refused.join("\n"));
    assert!(accepted >= 280, "only {accepted} accepted:\n{}", refused.join("\n"));
}
