//! The emulated network obeys its own laws, whatever the algorithm, and the algorithms behave as their RFCs say.

use std::time::Duration;

use examples::cong::{CongOps, Control, Native};
use examples::flow::{Flow, Path};
use examples::link::LinkConfig;
use examples::native;
use examples::trace::Trace;
use examples::transfer::Transfer;
use opswap::KRef;

fn path() -> LinkConfig {
    LinkConfig { loss_one_in: 0, ..LinkConfig::ACCESS }
}

fn run(config: LinkConfig, ops: CongOps, seconds: u64) -> Transfer {
    let end = Duration::from_secs(seconds);
    let mut control = Native(ops);
    let mut transfer =
        Transfer::new(config, Flow::new(Some(KRef::new(Path::default()))), Trace::new(end, 100));
    control.init(transfer.flow_mut());
    transfer.take_over("native");
    transfer.run_until(end, &mut control);
    transfer
}

fn every_algorithm() -> [(&'static str, CongOps); 3] {
    [("reno", native::reno()), ("cubic", native::cubic()), ("dctcp", native::dctcp())]
}

fn mean_wait_ms(transfer: &Transfer) -> f64 {
    transfer.trace().periods()[0].mean_wait_ms()
}

/// Highest and lowest window of the second half, when slow start is long over.
fn settled_windows(transfer: &Transfer) -> (u32, u32) {
    let bins = transfer.trace().bins();
    let late = &bins[bins.len() / 2..];
    let top = late.iter().map(|bin| bin.window_max).max().expect("there are bins");
    let low = late.iter().map(|bin| bin.window_min).min().expect("there are bins");
    (top, low)
}

#[test]
fn packets_are_conserved_and_limits_hold() {
    for (name, ops) in every_algorithm() {
        for seed in 0..20 {
            let config = LinkConfig { loss_one_in: 2_000, seed, ..path() };
            let transfer = run(config.clone(), ops.clone(), 10);
            let counts = transfer.link().counts();
            let gone = counts.delivered + counts.overflowed + counts.lost;
            assert_eq!(counts.sent, gone + transfer.link().in_link() as u64, "{name}, seed {seed}");
            assert_eq!(counts.delivered, transfer.trace().periods()[0].delivered() as u64);
            assert_eq!(counts.marked, transfer.trace().periods()[0].marked);
            assert_eq!(counts.overflowed, transfer.trace().periods()[0].dropped);
            assert!(counts.longest_queue <= config.queue_limit, "{name}, seed {seed}");
            let rate = transfer.trace().periods()[0].mbit_per_s(config.packet_bytes);
            assert!(rate <= 20.0 && rate > 8.0, "{name}, seed {seed}: {rate} Mbit/s");
            assert!(counts.lost > 0, "the losses of this test must happen");
        }
    }
}

#[test]
fn a_run_repeats_exactly() {
    for (_, ops) in every_algorithm() {
        let once = || run(LinkConfig { loss_one_in: 5_000, ..path() }, ops.clone(), 5);
        assert_eq!(once().trace().bins(), once().trace().bins());
    }
}

#[test]
fn reno_saws_between_half_and_full() {
    let transfer = run(path(), native::reno(), 30);
    let (top, low) = settled_windows(&transfer);
    // Path and queue hold 66 + 60 packets: more overflows, half of that is where the next tooth begins.
    assert!((126..=130).contains(&top), "top of the teeth: {top}");
    assert!((62..=65).contains(&low), "bottom of the teeth: {low}");
    // One packet more each round trip of 40 to 75 ms: a tooth of 64 packets takes about 3.7 s, so 8 in 30 s.
    let losses = transfer.flow().path.as_ref().expect("it has one").losses();
    assert!((7..=10).contains(&losses), "{losses} teeth");
}

#[test]
fn cubic_stays_near_the_window_of_the_last_loss() {
    let transfer = run(path(), native::cubic(), 30);
    let (top, low) = settled_windows(&transfer);
    assert!((126..=130).contains(&top), "top of the curve: {top}");
    assert_eq!(low, top * 7 / 10, "beta is 0.7");
    // Concave, then flat: it spends more time in the upper third than Reno does.
    let upper = |t: &Transfer| t.trace().bins()[50..].iter().filter(|bin| bin.window_min > 108).count();
    let reno = run(path(), native::reno(), 30);
    assert!(upper(&transfer) > upper(&reno) * 5 / 4, "{} and {}", upper(&transfer), upper(&reno));
}

#[test]
fn dctcp_keeps_the_queue_short_and_the_link_busy() {
    let reno = run(path(), native::reno(), 30);
    let dctcp = run(path(), native::dctcp(), 30);
    assert!(mean_wait_ms(&dctcp) * 3.0 < mean_wait_ms(&reno), "{} ms", mean_wait_ms(&dctcp));
    assert!(dctcp.trace().periods()[0].mbit_per_s(1500) > 19.0);
    assert_eq!(dctcp.link().counts().overflowed, 0, "marks come before drops");
    assert_eq!(reno.link().counts().marked, 0, "Reno does not ask for marks");
}

#[test]
fn an_outage_ends_in_a_timeout_and_the_flow_recovers() {
    for (name, ops) in every_algorithm() {
        let outage = Duration::from_secs(4)..Duration::from_secs(6);
        let transfer = run(LinkConfig { outage, ..path() }, ops, 20);
        let bins = transfer.trace().bins(); // 200 ms each
        assert!(bins[21..30].iter().all(|bin| bin.delivered == 0), "{name}: nothing arrives");
        assert!(bins[21..35].iter().any(|bin| bin.window_min == 1), "{name}: a timeout leaves one packet");
        let late: u32 = bins[75..].iter().map(|bin| bin.delivered).sum();
        assert!(f64::from(late) * 1500.0 * 8.0 / 5.0 > 17e6, "{name}: {late} packets in the last 5 s");
    }
}
