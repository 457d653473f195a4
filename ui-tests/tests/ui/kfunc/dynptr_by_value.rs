use opswap::{Dynptr, kfunc};

#[kfunc]
fn len(memory: Dynptr) -> u64 {
    memory.len() as u64
}

fn main() {}
