use opswap::Btf;

#[derive(Btf)]
#[repr(C)]
struct Flow {
    short: u32,
}

fn main() {}
