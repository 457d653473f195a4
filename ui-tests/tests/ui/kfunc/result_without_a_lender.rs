use opswap::{Btf, kfunc};

#[derive(Btf)]
#[repr(C)]
struct Flow {
    cwnd: u32,
}

#[kfunc]
fn flow<'a>(number: u32) -> &'a Flow {
    let _ = number;
    unimplemented!()
}

fn main() {}
