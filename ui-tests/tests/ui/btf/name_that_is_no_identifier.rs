use opswap::Btf;

#[derive(Btf)]
#[btf(name = "my flow")]
#[repr(C)]
struct Flow {
    cwnd: u32,
}

fn main() {}
