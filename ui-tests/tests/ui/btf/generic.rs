use opswap::Btf;

#[derive(Btf)]
#[repr(C)]
#[btf(name = "flow")]
struct Flow<T> {
    cwnd: T,
}

fn main() {}
