use opswap::{Callback, kfunc};

#[kfunc]
fn each(each: Callback<fn(u64)>) {
    let _ = each;
}

fn main() {}
