use opswap::{Dynptr, kfunc};

#[kfunc]
fn keep(memory: &mut Dynptr) -> u64 {
    let kept = std::mem::take(memory);
    kept.len() as u64
}

fn main() {}
