use std::cell::RefCell;

use opswap::{Callback, kfunc};

thread_local! {
    static KEPT: RefCell<Vec<Callback<'static, fn(u64) -> i64>>> = const { RefCell::new(Vec::new()) };
}

#[kfunc]
fn each(each: Callback<fn(u64) -> i64>) {
    KEPT.with_borrow_mut(|kept| kept.push(each));
}

fn main() {}
