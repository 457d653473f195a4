use opswap::struct_ops;

#[struct_ops]
struct Ops(fn(number: u32) -> u32);

fn main() {}
