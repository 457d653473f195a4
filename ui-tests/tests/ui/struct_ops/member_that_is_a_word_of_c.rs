use opswap::struct_ops;

#[struct_ops]
struct FlowOps {
    auto: fn(by: u32),
}

fn main() {}
