use opswap::Pod;

#[derive(Pod, Clone, Copy)]
#[repr(u8)]
enum Mode {
    Slow,
}

fn main() {}
