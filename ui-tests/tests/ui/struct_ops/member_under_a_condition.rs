use opswap::struct_ops;

#[struct_ops]
struct FlowOps {
    grow: fn(by: u32),
    #[cfg(any())]
    shrink: fn(by: u32),
}

fn main() {}
