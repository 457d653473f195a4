use opswap::struct_ops;

#[struct_ops]
struct Ops {
    init: fn(number: u32),
}

fn main() {}
