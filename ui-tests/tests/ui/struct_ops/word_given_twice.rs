use opswap::struct_ops;

#[struct_ops]
struct Ops {
    #[op(sleepable)]
    #[op(sleepable)]
    init: fn(number: u32),
}

fn main() {}
