use opswap::Pod;

#[derive(Pod, Clone, Copy)]
struct Loose {
    word: u32,
}

fn main() {}
