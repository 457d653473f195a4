use opswap::struct_ops;

#[struct_ops]
struct Ops {
    #[op(sleepable, unsupported)]
    init: fn(number: u32),
}

fn main() {}
