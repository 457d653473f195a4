//! What the examples print, compared with `tests/expected`. `BLESS=1` writes the expectations anew.
//!
//! Times and counts that depend on the machine, on the verifier or on the scheduler are replaced before the comparison.

use std::path::Path;
use std::process::{Command, Output};

/// Columns of the widest line.
const WIDTH: usize = 100;

fn run(program: &str) -> String {
    let Output { status, stdout, stderr } =
        Command::new(program).env_remove("NO_COLOR").output().expect("the example was built");
    let stdout = String::from_utf8(stdout).expect("it is UTF-8");
    assert!(status.success(), "{program} failed\n{stdout}\n{}", String::from_utf8_lossy(&stderr));
    for line in stdout.lines() {
        assert!(line.chars().count() <= WIDTH, "wider than {WIDTH} columns: {line}");
        assert_eq!(line, line.trim_end(), "blanks at the end of a line");
        assert!(!line.contains('\x1b'), "colour where no terminal is: {line}");
    }
    stdout
}

fn compare(name: &str, found: &str) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/expected").join(name);
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(&file, found).expect("the expectation can be written");
        return;
    }
    let expected = std::fs::read_to_string(&file).unwrap_or_default();
    for (number, (expected, found)) in expected.lines().zip(found.lines()).enumerate() {
        assert_eq!(found, expected, "{name}, line {}; BLESS=1 accepts the new output", number + 1);
    }
    assert_eq!(
        found.lines().count(),
        expected.lines().count(),
        "{name}: number of lines; BLESS=1 accepts it"
    );
}

/// Replaces every number of these lines by `#`.
fn without_numbers(line: &str) -> String {
    let mut words: Vec<String> = Vec::new();
    for word in line.split_whitespace() {
        let number = word.trim_end_matches([',', ';', ':']).parse::<f64>().is_ok();
        words.push(if number { "#".to_owned() } else { word.to_owned() });
    }
    words.join(" ")
}

#[test]
fn congestion() {
    let output = run(env!("CARGO_BIN_EXE_congestion"));
    let mut loading = false;
    let stable = output.lines().map(|line| {
        loading = line.starts_with("loaded") || (loading && !line.is_empty());
        let varies = (loading && !line.starts_with("loaded")) || line.contains("of virtual time took");
        if varies { without_numbers(line) } else { line.to_owned() }
    });
    let stable: Vec<String> = stable.collect();
    compare("congestion.txt", &(stable.join("\n") + "\n"));
}

#[test]
fn hello_kfunc() {
    let output = run(env!("CARGO_BIN_EXE_hello_kfunc"));
    assert_eq!(output, "hello, world\nhello, kfunc\nthe program returned 2\n");
}

#[test]
fn refcounted_object() {
    compare("refcounted_object.txt", &run(env!("CARGO_BIN_EXE_refcounted_object")));
}

#[test]
fn hot_replace() {
    // The program itself fails if a call is lost or counted twice.
    let output = run(env!("CARGO_BIN_EXE_hot_replace"));
    let stable: Vec<String> = output.lines().map(without_numbers).collect();
    compare("hot_replace.txt", &(stable.join("\n") + "\n"));
    let figures: Vec<u64> = output.split_whitespace().filter_map(|word| word.parse().ok()).collect();
    assert!(figures[2] > 0 && figures[3] > 0, "both policies answer calls: {output}");
}

#[test]
fn rejected() {
    let output = run(env!("CARGO_BIN_EXE_rejected"));
    // The first words of a rejection are Linux's, whatever else the report says.
    for message in [
        "R0 invalid mem access 'ptr_or_null_'",
        "R7 !read_ok",
        "only read is supported",
        "Unreleased reference",
    ] {
        assert!(output.contains(message), "`{message}` is missing:\n{output}");
    }
    compare("rejected.txt", &output);
}
