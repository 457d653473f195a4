use opswap::kfunc;

#[kfunc(release)]
unsafe fn put(number: u32) {
    let _ = number;
}

fn main() {}
