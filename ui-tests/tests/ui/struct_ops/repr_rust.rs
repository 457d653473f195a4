use opswap::struct_ops;

#[struct_ops]
#[repr(align(8))]
struct Ops {
    init: fn(number: u32),
}

fn main() {}
