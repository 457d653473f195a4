use opswap::kfunc;

#[kfunc(turbo)]
fn one() -> u32 {
    1
}

fn main() {}
