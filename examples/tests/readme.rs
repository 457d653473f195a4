//! The README shows what is there: its code stands in the examples, its output is what they print.

use std::path::Path;

/// Fenced blocks of a Markdown file: language and lines.
fn blocks(text: &str) -> Vec<(String, Vec<&str>)> {
    let mut blocks: Vec<(String, Vec<&str>)> = Vec::new();
    let mut inside = false;
    for line in text.lines() {
        match line.strip_prefix("```") {
            Some(_) if inside => inside = false,
            Some(language) => {
                inside = true;
                blocks.push((language.to_owned(), Vec::new()));
            }
            None if inside => blocks.last_mut().expect("a fence began it").1.push(line),
            None => {}
        }
    }
    blocks
}

fn read(path: &str) -> String {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

/// Every line of `excerpt`, apart from its indentation, stands in one of the files.
fn assert_taken_from(excerpt: &[&str], files: &[&str]) {
    let source: Vec<String> = files.iter().map(|file| read(file)).collect();
    for line in excerpt.iter().map(|line| line.trim()).filter(|line| !line.is_empty() && !line.contains('…'))
    {
        let found = source.iter().flat_map(|text| text.lines()).any(|other| other.trim() == line);
        assert!(found, "README.md shows `{line}`, which is not in {files:?}");
    }
}

#[test]
fn the_readme_shows_what_is_there() {
    let readme = read("../README.md");
    let blocks = blocks(&readme);
    let of = |language: &str, part: &str| {
        let found =
            blocks.iter().find(|(of, lines)| of == language && lines.iter().any(|line| line.contains(part)));
        found.map(|(_, lines)| lines.as_slice()).unwrap_or_else(|| panic!("no {language} block has `{part}`"))
    };
    assert_taken_from(of("rust", "#[kfunc"), &["src/cong.rs", "src/flow.rs", "src/kfuncs.rs"]);
    assert_taken_from(of("c", "SEC("), &["bpf/reno.bpf.c", "bpf/cong.h"]);
    for part in ["congestion window, packets", "error[OSW"] {
        let excerpt = of("text", part).join("\n");
        let whole = read("tests/expected/congestion.txt");
        assert!(
            whole.contains(&excerpt),
            "README.md's output is not in tests/expected/congestion.txt:\n{excerpt}"
        );
    }
    for command in ["cargo run --release -p examples --bin congestion", "cargo test --workspace"] {
        assert!(of("console", command).iter().any(|line| line.trim_start_matches("$ ") == command));
    }
}
