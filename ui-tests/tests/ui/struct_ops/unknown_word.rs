use opswap::struct_ops;

#[struct_ops]
struct Ops {
    #[op(requird)]
    init: fn(number: u32),
}

fn main() {}
