//! Kfuncs of a library are ordinary functions to Rust.

use ui_library::{Counter, counter_add, counter_new, counter_put};

fn main() {
    let counter = counter_new();
    assert_eq!(counter_add(&counter, 2), 2);
    let same: &Counter = &counter;
    assert_eq!(same.count.get(), 2);
    counter_put(counter);
}
