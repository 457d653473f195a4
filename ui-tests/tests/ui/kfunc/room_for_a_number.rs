use opswap::{Uninit, kfunc};

#[kfunc]
fn make(number: Uninit<u64>) {
    let _ = number;
}

fn main() {}
