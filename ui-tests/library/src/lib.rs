//! A library that declares a type and kfuncs; whoever links it can offer them to programs.

use opswap::{Btf, KRef, kfunc};

/// A counter that several crates share.
#[derive(Btf, Debug)]
#[repr(C)]
pub struct Counter {
    /// How often it was counted.
    pub count: opswap::BpfCell<u64>,
}

/// Counts once more.
#[kfunc]
pub fn counter_add(counter: &Counter, by: u32) -> u64 {
    let count = counter.count.get() + u64::from(by);
    counter.count.set(count);
    count
}

/// A new counter, owned by the program.
#[kfunc(acquire)]
pub fn counter_new() -> KRef<Counter> {
    KRef::new(Counter { count: opswap::BpfCell::new(0) })
}

/// Gives a counter back.
#[kfunc(release)]
pub fn counter_put(counter: KRef<Counter>) {
    drop(counter);
}
