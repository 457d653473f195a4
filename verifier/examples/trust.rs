//! Layers B and C at length: typed programs against what the verifier believes, with and without pruning.
//!
//! `cargo run --release -p opswap-verifier --example trust -- FIRST COUNT [RUNS [REGISTER]]` judges the programs of `COUNT` seeds from
//! `FIRST` on, each accepted one with `RUNS` inputs (4). Prints the counts, the histogram of rejections, how many accepted programs
//! called what, and the first escapes with the shortest programs that show them; with a count of 1, the whole program. Ranges of seeds
//! can follow each other in any order. With the number of a register, the recorded states are made wrong in it on purpose, and there
//! must be escapes.

#[path = "../tests/trust/allocated.rs"]
mod allocated;
#[path = "../tests/trust/bed.rs"]
mod bed;
#[path = "../tests/trust/calls.rs"]
mod calls;
#[path = "../tests/trust/campaign.rs"]
mod campaign;
#[path = "../tests/trust/contracts.rs"]
mod contracts;
#[path = "../tests/trust/deeds.rs"]
mod deeds;
#[path = "../tests/trust/dynptrs.rs"]
mod dynptrs;
#[path = "../tests/trust/fields.rs"]
mod fields;
#[path = "../tests/trust/heap.rs"]
mod heap;
#[path = "../tests/trust/kept.rs"]
mod kept;
#[path = "../tests/trust/on_stack.rs"]
mod on_stack;
#[path = "../tests/trust/watch.rs"]
mod watch;

use std::process::ExitCode;
use std::time::Instant;

use opswap_bpf::insn::Reg;

use campaign::{Campaign, Counts, describe};
use watch::Faith;

fn main() -> ExitCode {
    let numbers: Option<Vec<u64>> = std::env::args().skip(1).map(|word| word.parse().ok()).collect();
    let (first, count, runs, faith) = match numbers.as_deref() {
        Some([first, count]) => (*first, *count, 4, Faith::Honest),
        Some([first, count, runs]) => (*first, *count, *runs, Faith::Honest),
        Some([first, count, runs, reg]) => {
            let reg = usize::try_from(*reg).ok().and_then(|reg| Reg::ALL.get(reg)).copied();
            (*first, *count, *runs, Faith::Narrowed(reg.unwrap_or(Reg::R0)))
        }
        Some(_) | None => {
            eprintln!("expected FIRST COUNT [RUNS [REGISTER]], numbers");
            return ExitCode::from(2);
        }
    };
    let campaign = Campaign::new(runs, faith);
    if count == 1 {
        println!("{}", opswap_bpf::display::Listing(&campaign.program(first)));
    }
    let mut counts = Counts::default();
    let start = Instant::now();
    let mut escapes = 0;
    for seed in first..first.saturating_add(count) {
        if let Err(escape) = campaign.seed(seed, &mut counts) {
            escapes += 1;
            if escapes <= 5 {
                println!("{}\n", describe(&campaign, seed, &escape));
            } else {
                println!("{}", escape.what);
            }
        }
        if (seed + 1 - first).is_multiple_of(100_000) {
            eprintln!("{} seeds, {escapes} escapes, {:?}: {counts}", seed + 1 - first, start.elapsed());
        }
    }
    let mut reasons: Vec<_> = counts.reasons.iter().collect();
    reasons.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
    for (reason, count) in reasons {
        println!("{count:>9} {reason}");
    }
    println!("called by accepted programs:");
    counts.called.iter().for_each(|(name, count)| println!("{count:>9} {name}"));
    println!("seeds {first} to {}: {counts}; {escapes} escapes; {:?}", first + count - 1, start.elapsed());
    if escapes == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
