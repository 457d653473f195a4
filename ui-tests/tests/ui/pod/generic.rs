use opswap::Pod;

#[derive(Pod, Clone, Copy)]
#[repr(C)]
struct Pair<T> {
    one: T,
    two: T,
}

fn main() {}
