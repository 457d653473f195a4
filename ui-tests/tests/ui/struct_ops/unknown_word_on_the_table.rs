use opswap::struct_ops;

#[struct_ops(nam = "ops")]
struct Ops {
    init: fn(number: u32),
}

fn main() {}
