use opswap::kfunc;

#[kfunc]
unsafe fn caller(aux__prog: u64) {
    let _ = aux__prog;
}

fn main() {}
