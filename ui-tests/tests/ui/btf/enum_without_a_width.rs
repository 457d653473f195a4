use opswap::Btf;

#[derive(Btf, Clone, Copy)]
enum Mode {
    Slow,
    Fast,
}

fn main() {}
