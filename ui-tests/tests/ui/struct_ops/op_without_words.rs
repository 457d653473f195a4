use opswap::struct_ops;

#[struct_ops]
struct Ops {
    #[op]
    init: fn(number: u32),
}

fn main() {}
