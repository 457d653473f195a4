use opswap::{Btf, kfunc};

#[derive(Btf)]
#[repr(C)]
struct Flow {
    cwnd: u32,
}

#[kfunc(dtor = Flow)]
unsafe fn destroy(flow: *mut Flow) {
    let _ = flow;
}

fn main() {}
