use opswap::{StructOps, struct_ops};

#[struct_ops]
struct Ops {
    name: fn() -> String,
}

impl StructOps for Ops {}

fn main() {}
