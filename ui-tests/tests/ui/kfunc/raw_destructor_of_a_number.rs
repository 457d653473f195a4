use opswap::kfunc;

#[kfunc(dtor)]
unsafe fn destroy(number: u64) {
    let _ = number;
}

fn main() {}
