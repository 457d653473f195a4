use opswap::{Btf, Iter, Uninit, kfunc};

#[derive(Btf, Default)]
#[repr(C)]
#[btf(name = "bpf_iter_odd")]
struct Odd {
    at: u32,
}

#[kfunc(iter_new)]
fn bpf_iter_odd_new(it: Uninit<Iter<Odd>>) {
    it.write(Iter::new(Odd { at: 1 }));
}

fn main() {}
