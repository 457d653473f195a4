use opswap::Btf;

#[derive(Btf)]
#[btf(nme = "flow")]
#[repr(C)]
struct Flow {
    cwnd: u32,
}

fn main() {}
