use opswap::{Callback, kfunc};

#[kfunc]
fn each(each: Callback<fn(String) -> i64>) {
    let _ = each;
}

fn main() {}
