use opswap::{Btf, Iter, Uninit, kfunc};

#[derive(Btf, Default)]
#[repr(C)]
#[btf(name = "bpf_iter_names")]
struct Names {
    at: u64,
    #[btf(skip)]
    names: Vec<String>,
}

#[kfunc(iter_new)]
fn bpf_iter_names_new(it: Uninit<Iter<Names>>) {
    it.write(Iter::new(Names::default()));
}

fn main() {}
