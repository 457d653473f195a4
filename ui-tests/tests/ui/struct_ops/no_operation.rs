use opswap::struct_ops;

#[struct_ops]
struct Ops {
    flags: u32,
}

fn main() {}
