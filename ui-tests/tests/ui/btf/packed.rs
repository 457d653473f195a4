use opswap::Btf;

#[derive(Btf)]
#[repr(C, packed)]
struct Flow {
    cwnd: u32,
}

fn main() {}
