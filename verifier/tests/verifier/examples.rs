//! The examples of `opswap explain`: each refused program is refused for its code, each repaired one is accepted; the whole report of
//! each code stands in `tests/reports/codes/`. `BLESS=1` writes them anew.

use std::collections::BTreeSet;
use std::path::Path;

use opswap_verifier::reject::{CAUSES, declarations, examples};
use opswap_verifier::{Rejection, verify_with};

use crate::directives;
use crate::lab::Lab;

fn verdict(lab: &Lab, code: &str, entry: Option<&str>, text: &str) -> Result<(), Rejection> {
    let (program, _) = lab.program(code, entry.unwrap_or("op"), text);
    verify_with(program, lab, &directives::limits(text)).0.map(drop)
}

#[test]
fn every_example_is_refused_for_its_code_and_accepted_when_repaired() {
    let lab = Lab::new();
    let mut wrong = Vec::new();
    for (code, example) in examples() {
        match verdict(&lab, code, example.entry, example.rejected) {
            Ok(()) => wrong.push(format!("{code}: accepted")),
            Err(rejection) if rejection.code() != code => {
                wrong.push(format!(
                    "{code}: refused for {} at {}: {rejection}",
                    rejection.code(),
                    rejection.at
                ));
            }
            Err(_) => {}
        }
        if let Err(rejection) = verdict(&lab, code, example.repaired_entry, example.repaired) {
            wrong.push(format!("{code}: the repaired program is refused at {}: {rejection}", rejection.at));
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn every_code_has_an_example() {
    let with: BTreeSet<String> = examples().map(|(code, _)| code.to_owned()).collect();
    let known: BTreeSet<String> = CAUSES.iter().map(|cause| cause.code()).collect();
    let missing: Vec<&String> = known.difference(&with).collect();
    let unknown: Vec<&String> = with.difference(&known).collect();
    assert!(missing.is_empty() && unknown.is_empty(), "missing {missing:?}, unknown {unknown:?}");
    println!("{} codes, each with an example", known.len());
}

/// What an example calls, and what it is for, is declared for those who read it.
#[test]
fn every_function_of_an_example_is_declared() {
    let mut missing = BTreeSet::new();
    for (code, example) in examples() {
        let declared: Vec<&str> = declarations(&example).collect();
        for text in [example.rejected, example.repaired] {
            let labels: Vec<&str> = text.lines().filter_map(|line| line.trim().strip_suffix(':')).collect();
            let lines = text.lines().filter_map(|line| line.trim().strip_prefix("call "));
            let called = lines.filter_map(|rest| rest.split_whitespace().next());
            // Linux's helpers are in Linux's documentation.
            let own = called.filter(|name| !name.contains(['#', '+']) && !name.starts_with("bpf_"));
            for name in own.filter(|name| !labels.contains(name)) {
                if !declared.iter().any(|line| line.starts_with(&format!("{name}("))) {
                    missing.insert(format!("{code}: {name}"));
                }
            }
        }
    }
    assert!(missing.is_empty(), "without a line in src/reject/examples/host.txt: {missing:?}");
}

#[test]
fn the_report_of_each_code_reads_as_it_should() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reports/codes");
    let bless = std::env::var_os("BLESS").is_some();
    let lab = Lab::new();
    let mut different = Vec::new();
    for (code, example) in examples() {
        let Err(rejection) = verdict(&lab, code, example.entry, example.rejected) else { continue };
        let report = format!("{rejection}\n\n{rejection:#}\n");
        let golden = folder.join(format!("{code}.txt"));
        if bless {
            std::fs::create_dir_all(&folder).expect("the folder is writable");
            std::fs::write(&golden, &report).expect("the folder is writable");
        }
        if std::fs::read_to_string(&golden).unwrap_or_default() != report {
            different.push(format!("{code}:\n{report}"));
        }
    }
    assert!(different.is_empty(), "BLESS=1 writes the new reports\n{}", different.join("\n"));
}

/// `docs/reports.md` shows reports as they are.
#[test]
fn the_documented_reports_are_the_real_ones() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let docs = std::fs::read_to_string(root.join("../docs/reports.md")).expect("part of the repository");
    let sections: Vec<&str> = docs.split("\n## ").skip(1).collect();
    assert!(sections.len() >= 10, "{} reports", sections.len());
    for section in sections {
        let (code, rest) = section.split_once('\n').expect("a title");
        let golden = std::fs::read_to_string(root.join(format!("tests/reports/codes/{code}.txt")));
        let golden = golden.unwrap_or_else(|error| panic!("{code}: {error}"));
        let (line, report) = golden.split_once("\n\n").expect("a line and a report");
        assert!(rest.contains(&format!("`{line}`")), "{code}: the line is `{line}`");
        assert!(
            rest.contains(&format!("```text\n{}\n```", report.trim_end())),
            "{code}: the report is\n{report}"
        );
    }
}
