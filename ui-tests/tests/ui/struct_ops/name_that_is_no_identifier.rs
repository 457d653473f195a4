use opswap::struct_ops;

#[struct_ops(name = "struct ops")]
struct Ops {
    init: fn(number: u32),
}

fn main() {}
