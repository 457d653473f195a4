//! The BPF objects do what their Rust twins do, to the packet; swaps lose no call and no reference.

use std::sync::Arc;
use std::time::Duration;

use examples::attached::Attached;
use examples::cong::{CongOps, Control, Native};
use examples::flow::{Flow, Path};
use examples::link::LinkConfig;
use examples::trace::Trace;
use examples::transfer::Transfer;
use examples::{native, object_file};
use opswap::{KRef, Prepared, Runtime, Slot};

fn path() -> LinkConfig {
    LinkConfig {
        loss_one_in: 3_000,
        outage: Duration::from_secs(6)..Duration::from_secs(7),
        ..LinkConfig::ACCESS
    }
}

fn load(runtime: &Runtime, name: &str) -> Prepared<CongOps> {
    let loaded = runtime.load(object_file(name)).unwrap_or_else(|error| panic!("{error:#}"));
    loaded.struct_ops::<CongOps>(name).unwrap_or_else(|error| panic!("{error:#}"))
}

fn transfer(config: LinkConfig, end: Duration) -> (Transfer, Arc<Path>) {
    let path = Arc::new(Path::default());
    let flow = Flow::new(Some(KRef::from(Arc::clone(&path))));
    let mut transfer = Transfer::new(config, flow, Trace::new(end, 200));
    transfer.take_over("whole");
    (transfer, path)
}

/// Everything that a run leaves behind, except what only programs write.
fn outcome(transfer: &Transfer) -> String {
    let flow = transfer.flow();
    format!(
        "{:?} {:?} {:?} {:?}",
        (flow.cwnd, flow.ssthresh, flow.delivered, flow.in_flight, flow.srtt_us, flow.private),
        transfer.link().counts(),
        transfer.trace().bins(),
        transfer.trace().periods(),
    )
}

#[test]
fn objects_and_native_functions_take_the_same_steps() {
    let runtime = Runtime::new().expect("the registry is sound");
    let twins = [("reno", native::reno()), ("cubic", native::cubic()), ("dctcp", native::dctcp())];
    let end = Duration::from_secs(20);
    for (name, twin) in twins {
        let prepared = load(&runtime, name);
        for seed in 0..5 {
            let config = LinkConfig { seed, ..path() };
            let (mut expected, _) = transfer(config.clone(), end);
            let mut control = Native(twin.clone());
            control.init(expected.flow_mut());
            expected.run_until(end, &mut control);

            let slot = Slot::new(native::reno());
            let link = prepared.attach(&slot).expect("the slot is free");
            let (mut found, path) = transfer(config, end);
            let mut control = Attached::new(&slot);
            control.init(found.flow_mut());
            found.run_until(end, &mut control);

            assert!(link.is_attached(), "{name}: {:?}", link.fault());
            assert_eq!(outcome(&found), outcome(&expected), "{name}, seed {seed}");
            assert_eq!(Arc::strong_count(&path), 2, "{name}: the flow's reference and ours remain");
            assert!(path.losses() > 0, "{name}: there were losses to record");
        }
    }
}

#[test]
fn every_call_belongs_to_one_version() {
    let runtime = Runtime::new().expect("the registry is sound");
    let versions = ["reno", "cubic", "dctcp"].map(|name| load(&runtime, name));
    let slot = Slot::new(native::reno());
    let link = versions[0].attach(&slot).expect("the slot is free");
    let (mut transfer, path) = transfer(path(), Duration::from_secs(10));
    let mut control = Attached::new(&slot);
    control.init(transfer.flow_mut());

    let mut records = Vec::new();
    for step in 1..=100_usize {
        transfer.run_until(Duration::from_millis(100 * step as u64), &mut control);
        records.push(link.update(&versions[step % 3]).expect("it is attached"));
    }
    transfer.run_until(Duration::from_millis(10_100), &mut control);
    records.extend(link.detach());
    control.follow(transfer.flow_mut());
    control.release(transfer.flow_mut());
    records.push(slot.attached());

    let asked: Vec<u64> = control.asked().iter().map(|calls| calls.iter().sum()).collect();
    // Versions that came and went during the outage were never called, so the flow never saw them.
    let answered = records.iter().map(|record| record.calls().total());
    assert_eq!(answered.filter(|&calls| calls != 0).collect::<Vec<_>>(), asked);
    assert_eq!(slot.calls().total(), asked.iter().sum::<u64>());
    assert!(records.iter().all(|record| record.calls().faulted == 0));
    assert_eq!(Arc::strong_count(&path), 2);
}

#[test]
fn a_leak_is_refused_with_both_places() {
    let runtime = Runtime::new().expect("the registry is sound");
    let error = runtime.load(object_file("leaky")).expect_err("it must not load");
    let report = format!("{error:#}");
    let parts = [
        "leaky_on_loss",
        "Unreleased reference",
        "examples/bpf/leaky.bpf.c",
        "struct Path *path = cong_path_get(flow);",
        "examples/src/kfuncs.rs",
    ];
    for part in parts {
        assert!(report.contains(part), "`{part}` is missing in:\n{report}");
    }
}
