use opswap::{Btf, Iter, kfunc};

#[derive(Btf, Default)]
#[repr(C)]
#[btf(name = "bpf_iter_seq")]
struct Seq {
    at: u64,
}

#[kfunc(iter_new)]
fn bpf_iter_seq_new(it: &mut Iter<Seq>) {
    it.at = 1;
}

fn main() {}
