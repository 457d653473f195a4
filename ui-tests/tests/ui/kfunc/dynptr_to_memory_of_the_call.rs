use opswap::{Dynptr, Uninit, kfunc};

#[kfunc]
fn lend(memory: Uninit<Dynptr>) {
    let bytes = [0; 16];
    let _ = memory.to_constant(&bytes);
}

fn main() {}
