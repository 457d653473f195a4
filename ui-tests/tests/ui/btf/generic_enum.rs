use opswap::Btf;

#[derive(Btf)]
#[repr(u32)]
enum State<const N: usize> {
    Open,
}

fn main() {}
