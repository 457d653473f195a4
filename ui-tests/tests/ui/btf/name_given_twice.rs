use opswap::Btf;

#[derive(Btf)]
#[btf(name = "a", name = "b")]
#[repr(C)]
struct Flow {
    cwnd: u32,
}

fn main() {}
