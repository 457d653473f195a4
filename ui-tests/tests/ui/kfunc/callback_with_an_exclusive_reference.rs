use opswap::{Btf, Callback, kfunc};

#[derive(Btf)]
#[repr(C)]
struct Flow {
    cwnd: u32,
}

#[kfunc]
fn each(each: Callback<fn(&mut Flow) -> i64>) {
    let _ = each;
}

fn main() {}
