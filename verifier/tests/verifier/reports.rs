//! Whole reports: `tests/reports/*.bpf` against the `.txt` beside each. `BLESS=1` writes them anew.
//!
//! `; src: 31 p = packet_find(id);` beside an instruction gives it a line of C source.

use std::path::Path;
use std::sync::Arc;

use opswap_bpf::InsnIdx;
use opswap_bpf::program::SourceLine;
use opswap_verifier::{Limits, verify, verify_logged};

use crate::lab::Lab;

fn source_lines(text: &str, lines: &[u32]) -> Vec<SourceLine> {
    let file: Arc<str> = Arc::from("policy.bpf.c");
    let mut found = Vec::new();
    for (number, line) in (1u32..).zip(text.lines()) {
        let Some((_, source)) = line.split_once("; src: ") else { continue };
        let Some((source_line, code)) = source.split_once(' ') else { continue };
        let Some(slot) = lines.iter().position(|line| *line == number) else { continue };
        found.push(SourceLine {
            insn: InsnIdx(u32::try_from(slot).expect("small")),
            file: Arc::clone(&file),
            text: Arc::from(code),
            line: source_line.parse().expect("a line number"),
            column: 5,
        });
    }
    found
}

#[test]
fn reports_read_as_they_should() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reports");
    let lab = Lab::new();
    let bless = std::env::var_os("BLESS").is_some();
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .expect("the reports are part of the crate")
        .flatten()
        .map(|file| file.path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "bpf"))
        .collect();
    files.sort();
    assert!(!files.is_empty());
    for path in files {
        let text = std::fs::read_to_string(&path).expect("it was just listed");
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let entry = text.lines().find_map(|line| line.strip_prefix("; entry: ")).unwrap_or("op");
        let (mut program, lines) = lab.program(&name, entry, &text);
        program.lines = source_lines(&text, &lines);
        let rejection = verify(program, &lab).expect_err("these programs are refused");
        let report = format!("{rejection}\n\n{rejection:#}\n");
        let golden = path.with_extension("txt");
        if bless {
            std::fs::write(&golden, &report).expect("the folder is writable");
        }
        let expected = std::fs::read_to_string(&golden).unwrap_or_default();
        assert_eq!(report, expected, "{name} (BLESS=1 writes the new report)");
    }
}

#[test]
fn the_log_is_in_the_kernels_format() {
    let lab = Lab::new();
    let text = "r6 = *(u32 *)(r1 + 8)\nr6 &= 63\nr7 = -1\nif r6 == 7 goto out\nr10 = 1\nout:\nr0 = r6\nexit";
    let (program, _) = lab.program("log", "op", text);
    let (verdict, _, log) = verify_logged(program, &lab, &Limits::default());
    assert!(verdict.is_err());
    let lines: Vec<&str> = log.lines().collect();
    let expected = [
        "0: R1=ctx() R10=fp0",
        "0: (61) r6 = *(u32 *)(r1 +8)            ; R6_w=scalar(smin=0,smax=umax=0xffffffff,var_off=(0x0; 0xffffffff))",
        "1: (57) r6 &= 63                        ; R6_w=scalar(smin=smin32=0,smax=umax=smax32=umax32=63,var_off=(0x0; 0x3f))",
        "2: (b7) r7 = -1                         ; R7_w=-1",
    ];
    assert_eq!(lines[..4], expected, "{log}");
    assert!(log.contains("frame pointer is read only\nprocessed 5 insns"), "{log}");
}
