//! The catalogue of known bugs (`docs/soundness.md`): every row from 1 to 75 names tests that exist, or says why it does not apply.

use std::path::{Path, PathBuf};

/// Rows that the catalogue must have, in this order.
const ROWS: usize = 75;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("ui-tests lies in the workspace").to_path_buf()
}

/// The texts between back quotes that name a test.
fn tests_named(cell: &str) -> Vec<(&str, &str)> {
    cell.split('`').skip(1).step_by(2).filter_map(|quoted| quoted.split_once("::")).collect()
}

/// What is wrong with a reference, if anything.
fn fault(file: &str, name: &str) -> Option<String> {
    let path = if file.ends_with(".bpf") {
        root().join("verifier/tests/cases").join(file)
    } else {
        root().join(file)
    };
    let Ok(text) = std::fs::read_to_string(&path) else { return Some(format!("there is no {file}")) };
    let found = if file.ends_with(".bpf") {
        text.lines().any(|line| line.strip_prefix("====").is_some_and(|case| case.trim() == name))
    } else {
        text.contains(&format!("fn {name}("))
    };
    (!found).then(|| format!("{file} has no `{name}`"))
}

#[test]
fn every_row_names_tests_that_exist() {
    let text =
        std::fs::read_to_string(root().join("docs/soundness.md")).expect("the catalogue is part of the docs");
    let mut faults = Vec::new();
    let mut next = 1;
    for line in text.lines().filter(|line| line.starts_with("| ")) {
        let cells: Vec<&str> = line.trim_matches('|').split(" | ").map(str::trim).collect();
        let Some(number) = cells.first().and_then(|cell| cell.parse::<usize>().ok()) else { continue };
        if number != next {
            faults.push(format!("row {number} stands where row {next} should"));
        }
        next = number + 1;
        let covered = cells.last().copied().unwrap_or_default();
        let named = tests_named(covered);
        if named.is_empty() && !covered.starts_with("not applicable because ") {
            faults.push(format!("row {number} names no test"));
        }
        faults.extend(
            named
                .iter()
                .filter_map(|(file, name)| fault(file, name))
                .map(|what| format!("row {number}: {what}")),
        );
    }
    if next != ROWS + 1 {
        faults.push(format!("the last row is {}, not {ROWS}", next - 1));
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}
