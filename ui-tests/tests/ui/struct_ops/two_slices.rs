use opswap::{StructOps, struct_ops};

#[struct_ops]
struct CopyOps {
    copy: fn(from: &[u8], to: &mut [u8]),
}

impl StructOps for CopyOps {}

fn main() {}
