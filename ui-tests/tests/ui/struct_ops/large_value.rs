use opswap::{Btf, Pod, StructOps, struct_ops};

#[derive(Btf, Pod, Clone, Copy)]
#[repr(C)]
struct Large {
    words: [u64; 3],
}

#[struct_ops]
struct LargeOps {
    take: fn(large: Large),
}

impl StructOps for LargeOps {}

fn main() {}
