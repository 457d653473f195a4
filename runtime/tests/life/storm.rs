//! Compiled code under a swap storm: images are unmapped when their last reader leaves, so a call into a stale one would crash.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use crate::app::{NATIVE, filter, packet, path, runtime, slot, table};

const CALLERS: usize = 3;
const SWAPS: usize = 400;

/// Ends the callers, also when a check fails.
struct Stop<'a>(&'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn every_call_is_answered_by_exactly_one_version() {
    let slot = slot();
    let runtime = runtime();
    let stop = Arc::new(AtomicBool::new(false));
    let seen = [const { AtomicU64::new(0) }; 3];
    let mut records = Vec::new();
    thread::scope(|scope| {
        for caller in 0..CALLERS {
            let (slot, stop, seen) = (slot.clone(), Arc::clone(&stop), &seen);
            scope.spawn(move || {
                let mut mine = [0_u64; 3];
                let mut seen_by_packet = packet(1);
                while !stop.load(Ordering::Relaxed) {
                    let weight = u32::try_from(caller).expect("few");
                    let answer = slot.pin().classify(&mut seen_by_packet, weight);
                    let version = match (answer, seen_by_packet.mark) {
                        (101, 1) => 0,
                        (102, 2) => 1,
                        (NATIVE, 99) => 2,
                        other => panic!("no version answers {other:?}"),
                    };
                    mine[version] += 1;
                }
                for (sum, mine) in seen.iter().zip(mine) {
                    sum.fetch_add(mine, Ordering::Relaxed);
                }
            });
        }
        let _stop = Stop(&stop);
        for round in 0..SWAPS {
            // A new object each time: its code and maps go with its last reader.
            let object =
                if round % 8 == 0 { runtime.load(path("filter.bpf.o")).expect("loads") } else { filter() };
            let link = table(&object, "one").attach(&slot).expect("a free slot");
            records.push(link.update(&table(&object, "two")).expect("attached"));
            drop(object);
            thread::yield_now();
            records.extend(link.detach());
        }
    });
    let [one, two, native] = seen.map(AtomicU64::into_inner);
    let counted = |name: &str| -> u64 {
        records.iter().filter(|record| record.name() == name).map(|record| record.calls().program).sum()
    };
    assert_eq!((counted("one"), counted("two")), (one, two));
    let calls = slot.calls();
    assert_eq!((calls.program, calls.native, calls.faulted), (one + two, native, 0));
    assert!(calls.total() > 0, "nobody called");
}
