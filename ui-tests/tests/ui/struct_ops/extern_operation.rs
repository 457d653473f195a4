use opswap::struct_ops;

#[struct_ops]
struct Ops {
    init: extern "C" fn(number: u32),
}

fn main() {}
