//! Many threads call while one swaps: every call is answered by exactly one version, nothing is freed early or kept.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Barrier};
use std::thread;

use super::{Code, NATIVE, attach, slot, table};

const SWAPS: usize = if cfg!(miri) { 20 } else { 3_000 };

/// Ends the callers, also when a check fails.
struct Stop<'a>(&'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn every_call_belongs_to_one_version() {
    let slot = slot();
    let (one, two) = (table("one", Code::One), table("two", Code::Two));
    let images = [Arc::downgrade(&one.image), Arc::downgrade(&two.image)];
    let stop = AtomicBool::new(false);
    let answers = [const { AtomicU64::new(0) }; 3];
    let start = Barrier::new(4);
    let mut kept = Vec::new();
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                let mut seen = [0_u64; 3];
                start.wait();
                while !stop.load(Ordering::Relaxed) {
                    let pin = slot.pin();
                    // Two calls through one pin have one answer.
                    let answer = pin.answer();
                    assert_eq!(pin.answer(), answer);
                    seen[match answer {
                        1 => 0,
                        2 => 1,
                        NATIVE => 2,
                        other => panic!("nobody answers {other}"),
                    }] += 2;
                }
                for (sum, seen) in answers.iter().zip(seen) {
                    sum.fetch_add(seen, Ordering::Relaxed);
                }
            });
        }
        start.wait();
        let _stop = Stop(&stop);
        let mut records = Vec::new();
        for round in 0..SWAPS {
            let link = attach(&one, &slot);
            for _ in 0..round % 3 {
                records.push(link.update(&two).expect("attached"));
                records.push(link.update(&one).expect("attached"));
            }
            records.extend(link.detach());
            if round % 16 == 0 {
                thread::yield_now();
            }
        }
        // Calls in flight are counted once their threads are done, so the records are read below.
        kept = records;
    });
    let mut counted = [0_u64; 2];
    for record in kept {
        let calls = record.calls();
        assert_eq!((calls.native, calls.faulted), (0, 0), "{}", record.name());
        counted[usize::from(record.name() == "two")] += calls.program;
    }
    let [one_seen, two_seen, native_seen] = answers.map(AtomicU64::into_inner);
    assert_eq!(counted, [one_seen, two_seen]);
    let calls = slot.calls();
    assert_eq!((calls.program, calls.native), (one_seen + two_seen, native_seen));
    assert!(one_seen + two_seen + native_seen > 0, "nobody called");
    drop((one, two));
    crate::struct_ops::collect_versions();
    assert!(images.iter().all(|image| image.upgrade().is_none()), "a version was kept");
}

#[test]
fn links_race_for_a_slot_and_one_wins() {
    let slot = slot();
    let table = table("one", Code::One);
    let wins = AtomicU64::new(0);
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..SWAPS / 4 {
                    if let Ok(link) = table.attach(&slot) {
                        assert_eq!(slot.pin().answer(), 1, "we hold the slot");
                        wins.fetch_add(1, Ordering::Relaxed);
                        drop(link);
                    }
                }
            });
        }
    });
    assert!(wins.into_inner() > 0, "nobody ever won");
    assert_eq!(slot.pin().answer(), NATIVE);
}

#[test]
fn threads_come_and_go_with_their_readers() {
    let slot = slot();
    let link = attach(&table("one", Code::One), &slot);
    let threads = if cfg!(miri) { 8 } else { 200 };
    for _ in 0..threads {
        thread::scope(|scope| {
            scope.spawn(|| assert_eq!(slot.pin().answer(), 1));
            link.update(&table("two", Code::One)).expect("attached");
        });
    }
    drop(link);
    assert_eq!(slot.calls().total(), threads);
}
