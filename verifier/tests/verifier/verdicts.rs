//! Runs `tests/cases/<theme>/*.bpf`: program text with the expected verdict beside the line.
//!
//! | comment | means |
//! |---|---|
//! | `; entry: NAME` | which of the lab's entries the program is for (`op` without it) |
//! | `; rules: linux` | judged by the rules of Linux instead of Rust's |
//! | `; accept` | the program is accepted |
//! | `; reject: TEXT` beside an instruction | refused there, with TEXT in the classic line |
//! | `; reject: TEXT` on a line of its own | refused anywhere, with TEXT in the classic line |
//! | `; code: OSW0103` | with this code |
//! | `; global: NAME(PARAMETER, …)` | the function at label NAME is global (`globals.rs`) |
//! | `; flags: …`, `; license: …` | as in `directives.rs` |
//! | `==== NAME` | begins another program in the same file |

use std::fmt::Write as _;
use std::path::Path;

use opswap_bpf::Program;
use opswap_bpf::program::LoadFlags;
use opswap_verifier::limits::Pruning;
use opswap_verifier::{Category, Limits, verify_with};

use crate::lab::Lab;

/// One program of a file.
struct Case {
    name: String,
    text: String,
}

fn cases(file: &Path) -> Vec<Case> {
    let text = std::fs::read_to_string(file).expect("the file was just listed");
    let stem = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let mut cases = vec![Case { name: stem.clone(), text: String::new() }];
    for line in text.lines() {
        match line.strip_prefix("====") {
            Some(name) => cases.push(Case { name: format!("{stem}: {}", name.trim()), text: String::new() }),
            None => {
                let case = cases.last_mut().expect("there is a first");
                case.text.push_str(line);
                case.text.push('\n');
            }
        }
    }
    cases.retain(|case| case.text.contains("; accept") || case.text.contains("; reject:"));
    cases
}

/// The text behind a mark, up to the next comment.
fn mark<'t>(line: &'t str, mark: &str) -> Option<&'t str> {
    let (_, rest) = line.split_once(mark)?;
    Some(rest.split(" ; ").next().unwrap_or(rest).trim())
}

/// What is wrong with a case's verdict, if anything.
fn judge(lab: &Lab, case: &Case) -> Option<String> {
    let entry = case.text.lines().find_map(|line| mark(line, "; entry:")).unwrap_or("op");
    let code = case.text.lines().find_map(|line| mark(line, "; code:"));
    let expected = (1u32..).zip(case.text.lines()).find_map(|(number, line)| {
        let text = mark(line, "; reject:")?;
        let alone = line.trim_start().starts_with(';');
        Some((text, (!alone).then_some(number)))
    });
    let (program, lines) = lab.program(&case.name, entry, &case.text);
    if let Some(fault) = judge_pruning(lab, &program, expected.is_none()) {
        return Some(fault);
    }
    let (verdict, stats) = verify_with(program, lab, &Limits::default());
    match (verdict, expected) {
        (Ok(_), None) => None,
        (Ok(_), Some((text, _))) => Some(format!("accepted, but `{text}` was expected ({stats:?})")),
        (Err(rejection), None) => Some(format!("rejected at {}: {rejection}", rejection.at)),
        (Err(rejection), Some((text, line))) => {
            let at = lines.get(rejection.at.index()).copied();
            let found = rejection.to_string();
            let place = line.is_none_or(|line| at == Some(line));
            let code = code.is_none_or(|code| rejection.code() == code);
            (!found.contains(text) || !place || !code).then(|| {
                format!(
                    "rejected at line {} with `{found}` ({}), but `{text}` was expected at line {line:?}",
                    at.unwrap_or(0),
                    rejection.code()
                )
            })
        }
    }
}

/// The verdict must not depend on how often states are compared; without any pruning only the budget may be exceeded.
fn judge_pruning(lab: &Lab, program: &Program, accepted: bool) -> Option<String> {
    let mut often = program.clone();
    often.flags |= LoadFlags::TEST_STATE_FREQ;
    let (verdict, _) = verify_with(often, lab, &Limits::default());
    if verdict.is_ok() != accepted {
        return Some(format!("with states at every step: {:?}", verdict.err().map(|why| why.to_string())));
    }
    let limits = Limits { pruning: Pruning::Off, insns_processed: 100_000, ..Limits::default() };
    let (verdict, _) = verify_with(program.clone(), lab, &limits);
    let budget = verdict.as_ref().is_err_and(|why| why.category() == Category::Budget);
    if verdict.is_ok() != accepted && !budget {
        return Some(format!("without pruning: {:?}", verdict.err().map(|why| why.to_string())));
    }
    None
}

#[test]
fn every_case_gets_its_verdict() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
    let (rust, linux) = (Lab::new(), Lab::linux());
    let mut files: Vec<_> = std::fs::read_dir(root)
        .expect("the cases are part of the crate")
        .flatten()
        .flat_map(|theme| std::fs::read_dir(theme.path()).expect("themes are folders").flatten())
        .map(|file| file.path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "bpf"))
        .collect();
    files.sort();
    let mut wrong = String::new();
    let mut count = 0;
    for file in &files {
        for case in cases(file) {
            count += 1;
            let lab = if case.text.contains("; rules: linux") { &linux } else { &rust };
            if let Some(fault) = judge(lab, &case) {
                let _ = writeln!(wrong, "{}: {fault}", case.name);
            }
        }
    }
    assert!(count > 0, "no cases found");
    assert!(wrong.is_empty(), "of {count} cases:\n{wrong}");
}
