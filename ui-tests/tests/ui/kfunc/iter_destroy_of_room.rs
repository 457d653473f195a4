use opswap::{Btf, Iter, Uninit, kfunc};

#[derive(Btf, Default)]
#[repr(C)]
#[btf(name = "bpf_iter_seq")]
struct Seq {
    at: u64,
}

#[kfunc(iter_destroy)]
fn bpf_iter_seq_destroy(it: Uninit<Iter<Seq>>) {
    let _ = it;
}

fn main() {}
