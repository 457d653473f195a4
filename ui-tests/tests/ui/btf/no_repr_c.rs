use opswap::Btf;

#[derive(Btf)]
struct Flow {
    cwnd: u32,
}

fn main() {}
