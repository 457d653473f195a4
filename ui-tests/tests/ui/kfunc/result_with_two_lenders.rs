use opswap::{Btf, kfunc};

#[derive(Btf)]
#[repr(C)]
struct Flow {
    cwnd: u32,
}

#[kfunc]
fn pick<'a>(first: &'a Flow, second: &'a Flow) -> &'a Flow {
    if first.cwnd > second.cwnd { first } else { second }
}

fn main() {}
