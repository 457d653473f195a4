use opswap::kfunc;

#[kfunc(name)]
fn one() -> u32 {
    1
}

fn main() {}
