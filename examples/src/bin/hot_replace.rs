//! Four threads ask for decisions while the policy is replaced a thousand times. Every call is answered by exactly one version.
//!
//! ```text
//! $ cargo run -q --release -p examples --bin hot_replace
//! 1000 replacements while 4 threads called the slot
//!   calls made          1646092
//!   answered by fair     804719
//!   answered by small    841244
//!   answered in Rust        129
//!   answered in all     1646092
//! ```

use std::error::Error;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use examples::admission::{self, AdmissionOps, Request};
use examples::object_file;
use opswap::{Runtime, Slot, VersionRecord};

const THREADS: u32 = 4;
const REPLACEMENTS: usize = 1000;

fn main() -> Result<(), Box<dyn Error>> {
    let runtime = Runtime::new()?;
    let fair = runtime.load(object_file("fair"))?.struct_ops::<AdmissionOps>("fair")?;
    let small = runtime.load(object_file("small"))?.struct_ops::<AdmissionOps>("small")?;
    let slot = Slot::new(admission::admit_all());
    let stop = AtomicBool::new(false);

    let (made, records) = thread::scope(|scope| {
        let (slot, stop) = (&slot, &stop);
        let callers: Vec<_> =
            (0..THREADS).map(|thread| scope.spawn(move || call(slot, thread % 2, stop))).collect();
        let records = replace(slot, [&fair, &small]);
        stop.store(true, Ordering::Relaxed);
        let made = callers.into_iter().map(|caller| caller.join().unwrap_or_default()).sum::<u64>();
        records.map(|records| (made, records))
    })?;

    let by =
        |name| records.iter().filter(|record| record.name() == name).map(|r| r.calls().total()).sum::<u64>();
    let answered: u64 = records.iter().map(|record| record.calls().total()).sum();
    println!("{REPLACEMENTS} replacements while {THREADS} threads called the slot");
    println!("  calls made        {made:>9}");
    println!("  answered by fair  {:>9}", by("fair"));
    println!("  answered by small {:>9}", by("small"));
    println!("  answered in Rust  {:>9}", by("native"));
    println!("  answered in all   {answered:>9}");
    if made == answered { Ok(()) } else { Err("calls were lost or counted twice".into()) }
}

/// Asks until it is told to stop; gives the number of calls.
fn call(slot: &Slot<AdmissionOps>, tenant: u32, stop: &AtomicBool) -> u64 {
    let mut made = 0;
    while !stop.load(Ordering::Relaxed) {
        let mut request = Request { bytes: 1500, tenant, priority: 0 };
        if slot.pin().admit(&mut request) != 0 {
            admission::charge(&request);
        }
        made += 1;
    }
    made
}

/// Replaces the policy again and again, then goes back to the default; gives a record of each version.
fn replace(
    slot: &Slot<AdmissionOps>,
    policies: [&opswap::Prepared<AdmissionOps>; 2],
) -> Result<Vec<VersionRecord>, opswap::AttachError> {
    let default = slot.attached();
    let link = policies[0].attach(slot)?;
    let mut records = Vec::new();
    for turn in 1..=REPLACEMENTS {
        thread::sleep(Duration::from_micros(100));
        records.push(link.update(policies[turn % 2])?);
    }
    records.extend(link.detach());
    records.push(default);
    Ok(records)
}
