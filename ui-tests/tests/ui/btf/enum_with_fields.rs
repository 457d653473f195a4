use opswap::Btf;

#[derive(Btf)]
#[repr(u32)]
enum Mode {
    Slow,
    Fast(u32),
}

fn main() {}
