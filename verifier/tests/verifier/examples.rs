//! The examples of `opswap explain`: each refused program is refused for its code, each repaired one is accepted; the whole report of
//! each code stands in `tests/reports/codes/`. `BLESS=1` writes them anew.

use std::collections::BTreeSet;
use std::path::Path;

use opswap_verifier::reject::{CAUSES, examples};
use opswap_verifier::{Limits, Rejection, verify_with};

use crate::lab::Lab;

/// Why codes about objects on the stack have none.
const OBJECTS: &str = "the small host of the examples keeps no objects on the stack";

/// Why codes about special fields have none.
const FIELDS: &str = "the small host of the examples has no special fields";

/// Codes without an example, and why.
const WITHOUT: &[(&str, &str)] = &[
    ("OSW0105", "the small host lends no read-only memory"),
    ("OSW0106", "it has no write-only map"),
    ("OSW0107", "only with BPF_F_STRICT_ALIGNMENT"),
    ("OSW0116", "only where a host refuses what Linux allows to privileged loaders"),
    ("OSW0117", "map keys are lent to callbacks of Linux helpers only"),
    ("OSW0119", "the small host has no map with special fields"),
    ("OSW0140", "the small host has no packets"),
    ("OSW0141", "the small host has no packets"),
    ("OSW0142", "it has no records"),
    ("OSW0217", "it has no fields whose addresses are hidden"),
    ("OSW0340", "it has no tail calls"),
    ("OSW0341", "only helpers of Linux ask for it"),
    ("OSW0342", "the small host has no packets"),
    ("OSW0346", "a contradiction in a contract of the host"),
    ("OSW0403", "it has no kfunc that takes RCU pointers"),
    ("OSW0406", "its objects have no hidden parts with types of their own"),
    ("OSW0407", "it has no kfunc that takes the context"),
    ("OSW0411", "it has no kfunc that refuses empty buffers"),
    ("OSW0415", "it has no kfunc that takes maps of one shape"),
    ("OSW0416", "only helpers of Linux ask for it"),
    ("OSW0417", "only helpers of Linux ask for it"),
    ("OSW0422", "a contradiction in a contract of the host"),
    ("OSW0423", "only helpers of Linux ask for it"),
    ("OSW0428", "callbacks with a range of results are those of Linux helpers"),
    ("OSW0440", "the small host has no packets"),
    ("OSW0441", "only helpers of Linux ask for it"),
    ("OSW0504", "no assembler writes half an instruction"),
    ("OSW0517", "contracts of the host that contradict its types"),
    ("OSW0518", "contracts of the host that contradict its types"),
    ("OSW0603", "it has no kfunc that needs an RCU section"),
    ("OSW0703", "what is not supported changes from version to version"),
    ("OSW0740", "the small host has no packets"),
    ("OSW0741", "only helpers of Linux ask for it"),
    ("OSW0742", "the small host has no packets"),
    ("OSW0801", "a program of more than a million instructions"),
    ("OSW0802", "a program of hundreds of functions"),
    ("OSW0804", "a program of thousands of branches"),
    ("OSW0360", "functions in text have no BTF prototype"),
    ("OSW0361", "functions in text have no BTF prototype"),
    ("OSW0160", "Linux only: the maps of other hosts are no objects to look into"),
    ("OSW0161", "Linux only: the maps of other hosts are no objects to look into"),
    ("OSW0460", "functions in text have no BTF prototype"),
    ("OSW0461", "functions in text have no BTF prototype"),
    ("OSW0462", "functions in text have no BTF prototype"),
    ("OSW0660", "functions in text have no BTF prototype"),
    ("OSW0760", "Linux only: a hook that is disabled"),
    ("OSW0170", FIELDS),
    ("OSW0370", FIELDS),
    ("OSW0470", FIELDS),
    ("OSW0670", FIELDS),
    ("OSW0671", "the small host has no exceptions"),
    ("OSW0150", OBJECTS),
    ("OSW0350", OBJECTS),
    ("OSW0351", OBJECTS),
    ("OSW0352", OBJECTS),
    ("OSW0353", OBJECTS),
    ("OSW0450", OBJECTS),
    ("OSW0451", OBJECTS),
    ("OSW0452", OBJECTS),
    ("OSW0453", OBJECTS),
    ("OSW0454", OBJECTS),
    ("OSW0455", OBJECTS),
    ("OSW0456", OBJECTS),
    ("OSW0650", OBJECTS),
    ("OSW0901", "a bug"),
];

fn verdict(lab: &Lab, code: &str, entry: Option<&str>, text: &str) -> Result<(), Rejection> {
    let (program, _) = lab.program(code, entry.unwrap_or("op"), text);
    verify_with(program, lab, &Limits::default()).0.map(drop)
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
fn every_code_has_an_example_or_a_reason_why_not() {
    let with: BTreeSet<String> = examples().map(|(code, _)| code.to_owned()).collect();
    let without: BTreeSet<String> = WITHOUT.iter().map(|(code, _)| (*code).to_owned()).collect();
    let known: BTreeSet<String> = CAUSES.iter().map(|cause| cause.code()).collect();
    let both: Vec<&String> = with.intersection(&without).collect();
    assert!(both.is_empty(), "{both:?} have an example");
    let listed: BTreeSet<String> = with.union(&without).cloned().collect();
    let missing: Vec<&String> = known.difference(&listed).collect();
    let unknown: Vec<&String> = listed.difference(&known).collect();
    assert!(missing.is_empty() && unknown.is_empty(), "missing {missing:?}, unknown {unknown:?}");
    println!("{} codes, {} with an example", known.len(), with.len());
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
