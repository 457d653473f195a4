use opswap::{StructOps, struct_ops};

#[struct_ops]
struct Ops {
    init: fn(number: u32),
    name: String,
}

impl StructOps for Ops {}

fn main() {}
