//! Typed programs, verified with and without pruning and run under the eyes of a watcher: a bounded share of what
//! `cargo run --release -p opswap-verifier --example trust` does at length.

mod allocated;
mod bed;
mod calls;
mod campaign;
mod contracts;
mod deeds;
mod dynptrs;
mod fields;
mod heap;
mod kept;
mod on_stack;
mod watch;

use campaign::{Campaign, Counts, describe};
use opswap_bpf::insn::Reg;
use watch::Faith;

#[test]
fn typed_programs_do_what_the_verifier_believes() {
    let campaign = Campaign::new(2, Faith::Honest);
    let mut counts = Counts::default();
    for seed in 0..4_000 {
        if let Err(escape) = campaign.seed(seed, &mut counts) {
            panic!("{}", describe(&campaign, seed, &escape));
        }
    }
    println!("{counts}");
    assert!((35..=75).contains(&counts.rate()), "{counts}");
    assert!(counts.compared * 10 > counts.programs * 8, "{counts}");
    assert!(counts.reasons.len() > 30, "{:?}", counts.reasons);
}

/// A watcher that never reports anything would pass the test above.
#[test]
fn a_verifier_that_believes_too_much_is_caught() {
    for reg in Reg::ALL.into_iter().filter(|reg| *reg != Reg::FP) {
        let campaign = Campaign::new(2, Faith::Narrowed(reg));
        let mut counts = Counts::default();
        let caught = (0..4_000).find_map(|seed| campaign.seed(seed, &mut counts).err());
        println!("{reg}: {counts}: {}", caught.as_ref().map_or("nothing", |escape| &escape.what));
        assert!(caught.is_some_and(|escape| escape.what.contains("ESCAPE")), "{reg}: {counts}");
    }
}
