use opswap::struct_ops;

#[struct_ops]
enum Ops {
    Init,
}

fn main() {}
