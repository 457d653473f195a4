//! Machine code as text: each file in `golden/` has a program on top and its code below. `BLESS=1 cargo test` writes the code
//! anew. Compiled for a machine with BMI2 whatever this one has, so that the files are the same everywhere.

use std::fmt::Write as _;
use std::path::Path;

use opswap_bpf::{InsnIdx, assemble};

use crate::cpu::{Bmi2, Cpu};
use crate::disasm::disassemble;
use crate::opt::Level;
use crate::tests::harness::machine::{address, record};
use crate::tests::harness::{TestLinker, buffer_entry, compile_checked, prove};

const DIVIDER: &str = "; ---- x86-64 ----\n";
/// Bytes of memory in `R1`.
const BUFFER: u32 = 128;

/// The code of a program; addresses of host functions are left out, since they differ from run to run.
fn code(program: &str) -> String {
    let insns = assemble(program).unwrap_or_else(|error| panic!("{error}"));
    let linker = TestLinker { functions: vec![address(record)], arities: vec![1], cfi_hash: 0x1234_5678 };
    let proved =
        prove(&insns, buffer_entry(BUFFER), &linker.arities).unwrap_or_else(|error| panic!("{error}"));
    let way = (Cpu { bmi2: Bmi2::Present }, Level::Full);
    let executable = compile_checked(&proved, &linker, way);
    let mut text = String::new();
    let mut shown = None;
    let entry = (executable.entry().0 - executable.bytes().as_ptr() as usize) as u32;
    for line in disassemble(&executable).iter().filter(|line| line.offset >= entry) {
        if line.slot != shown {
            shown = line.slot;
            if let Some(InsnIdx(slot)) = shown {
                let _ = writeln!(text, "; {slot}: {}", insns[slot as usize]);
            }
        }
        let _ = writeln!(text, ";   {:4x}  {}", line.offset, without_addresses(&line.text));
    }
    text
}

fn without_addresses(text: &str) -> String {
    let is_address = |word: &str| word.strip_prefix("0x").is_some_and(|digits| digits.len() > 9);
    let words: Vec<&str> = text.split(' ').map(|word| if is_address(word) { "HOST" } else { word }).collect();
    words.join(" ")
}

#[test]
fn code_of_the_golden_programs() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("golden");
    let bless = std::env::var_os("BLESS").is_some();
    let mut seen = 0;
    for file in std::fs::read_dir(&folder).expect("the golden programs are part of the repository") {
        let path = file.expect("a readable folder").path();
        let text = std::fs::read_to_string(&path).expect("a readable file");
        let program = text.split(DIVIDER).next().unwrap_or_default();
        let expected = format!("{program}{DIVIDER}{}", code(program));
        if bless {
            std::fs::write(&path, &expected).expect("a writable file");
        } else {
            assert!(text == expected, "{}: BLESS=1 accepts this:\n{expected}", path.display());
        }
        seen += 1;
    }
    assert!(seen >= 7, "only {seen} golden programs");
}
