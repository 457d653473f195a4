//! How long compiling takes and how much code comes out: `cargo run --release -p opswap-jit --example compile_speed`.
//!
//! Prints nanoseconds per instruction (the best of many runs) and bytes per instruction, for programs of three sizes and two
//! kinds: straight arithmetic with memory accesses, and the same with many branches.

use std::fmt::Write as _;
use std::time::Instant;

use opswap_bpf::btf::Signedness;
use opswap_bpf::insn::Size;
use opswap_bpf::proto::{
    ContextLayout, FieldAccess, FieldPolicy, KfuncProto, MemAccess, PointerPolicy, ReturnRule, Sleepable,
};
use opswap_bpf::{
    Btf, BtfSpace, EntryProto, HelperId, HelperProto, KfuncId, MapId, Program, ProgramKind, TypeRef, assemble,
};
use opswap_jit::{CodeAddr, DataAddr, Linker, compile};
use opswap_verifier::host::Unavailable;
use opswap_verifier::{Host, VerifiedProgram, verify};

/// Runs of which the best counts.
const RUNS: u32 = 100;

/// A host with one entry point: 64 bytes of plain memory in `R1`.
struct Bench(EntryProto);

impl Host for Bench {
    fn btf(&self, _: BtfSpace) -> Option<&Btf> {
        None
    }
    fn entry(&self, _: &ProgramKind) -> Option<&EntryProto> {
        Some(&self.0)
    }
    fn kfunc(&self, _: KfuncId, _: i16, _: &ProgramKind) -> Result<&KfuncProto, Unavailable> {
        Err(Unavailable::Unknown)
    }
    fn helper(&self, _: HelperId, _: &ProgramKind) -> Result<&HelperProto, Unavailable> {
        Err(Unavailable::Unknown)
    }
    fn field(&self, _: TypeRef, _: u32, _: &ProgramKind) -> FieldPolicy {
        FieldPolicy { access: FieldAccess::Hidden, pointer: PointerPolicy::Untrusted }
    }
}

impl Linker for Bench {
    fn kfunc(&self, _: KfuncId, _: i16) -> Option<CodeAddr> {
        None
    }
    fn helper(&self, _: HelperId) -> Option<CodeAddr> {
        None
    }
    fn map(&self, _: MapId) -> Option<DataAddr> {
        None
    }
    fn map_value(&self, _: MapId) -> Option<DataAddr> {
        None
    }
}

fn bench() -> Bench {
    Bench(EntryProto {
        name: "bench".to_owned(),
        context: ContextLayout::Memory { size: 64, access: MemAccess::ReadWrite },
        ret: ReturnRule::Scalar { size: Size::DW, signed: Signedness::Unsigned },
        sleepable: Sleepable::No,
        declared_at: None,
    })
}

/// About `insns` instructions. The branches compare constants, so that proving does not take longer than compiling.
fn program(insns: usize, branches: Branches) -> String {
    let mut text = String::from("r6 = r1\nr0 = 0\nr2 = 0\nr3 = 3\nr4 = 5\n");
    for block in 0..insns / 11 {
        match branches {
            Branches::None => text.push_str("r5 = r4\nr5 += r3\n"),
            Branches::Many => {
                let _ = write!(text, "if r3 == 7 goto l{block}\nif r3 != 3 goto l{block}\n");
            }
        }
        text.push_str("r0 += r3\nr4 ^= r0\nw2 <<= 3\n*(u64 *)(r10 - 8) = r4\nr5 = *(u32 *)(r6 + 16)\n");
        let _ = write!(text, "l{block}:\nr4 = r0\nr4 += 8\nr2 *= 7\nr0 |= r2\n");
    }
    text.push_str("exit");
    text
}

#[derive(Clone, Copy, Debug)]
enum Branches {
    None,
    Many,
}

fn measure(proved: &VerifiedProgram, host: &Bench) -> Result<(f64, usize), Box<dyn std::error::Error>> {
    let mut best = f64::MAX;
    let mut len = 0;
    for _ in 0..RUNS {
        let start = Instant::now();
        let executable = compile(proved, host)?;
        best = best.min(start.elapsed().as_secs_f64() * 1e9);
        len = executable.len();
    }
    Ok((best, len))
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let host = bench();
    println!("{:>8} {:>9} {:>12} {:>14} {:>15}", "insns", "branches", "µs", "ns per insn", "bytes per insn");
    for branches in [Branches::None, Branches::Many] {
        for size in [100, 1_000, 10_000] {
            let insns = assemble(&program(size, branches))?;
            let count = insns.len() as f64;
            let program = Program::bare("bench", ProgramKind::Named("bench".to_owned()), insns);
            let proved = verify(program, &host).map_err(|rejection| rejection.to_string())?;
            let (nanoseconds, bytes) = measure(&proved, &host)?;
            println!(
                "{count:>8} {:>9} {:>12.1} {:>14.1} {:>15.2}",
                format!("{branches:?}"),
                nanoseconds / 1e3,
                nanoseconds / count,
                bytes as f64 / count
            );
        }
    }
    Ok(())
}
