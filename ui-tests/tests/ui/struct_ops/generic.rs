use opswap::struct_ops;

#[struct_ops]
struct Ops<T> {
    init: fn(number: T),
}

fn main() {}
