use opswap::struct_ops;

#[struct_ops]
struct Ops {
    init: unsafe fn(number: u32),
}

fn main() {}
