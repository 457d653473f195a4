use opswap::{Btf, kfunc};

#[derive(Btf)]
#[repr(C)]
struct Flow {
    cwnd: u32,
}

#[derive(Btf)]
#[repr(C)]
struct Pair {
    count: u32,
}

#[kfunc]
fn pair<'a, 'b>(first: &'a Flow, second: &'b Flow) -> Option<(&'a Flow, &'b Flow)> {
    Some((first, second))
}

fn main() {}
