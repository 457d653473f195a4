use opswap::{Btf, Iter, Uninit, kfunc};

#[derive(Btf)]
#[repr(C)]
#[btf(name = "bpf_iter_seq")]
struct Seq {
    at: u64,
}

#[kfunc(iter_new)]
fn bpf_iter_seq_new(it: Uninit<Iter<Seq>>) {
    it.write(Iter::new(Seq { at: 1 }));
}

fn main() {}
