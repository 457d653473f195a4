use opswap::Btf;

#[derive(Btf)]
#[repr(C)]
struct Flow<T> {
    cwnd: T,
}

fn main() {}
