use opswap::{StructOps, struct_ops};

#[struct_ops]
struct Ops {
    greet: fn(name: String),
}

impl StructOps for Ops {}

fn main() {}
