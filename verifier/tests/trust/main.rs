//! Typed programs, verified with and without pruning and run under the eyes of a watcher: a bounded share of what
//! `cargo run --release -p opswap-verifier --example trust` does at length.

mod bed;
mod calls;
mod campaign;
mod heap;
mod watch;

use campaign::{Campaign, Counts, describe};

#[test]
fn typed_programs_do_what_the_verifier_believes() {
    let campaign = Campaign::new(2);
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
