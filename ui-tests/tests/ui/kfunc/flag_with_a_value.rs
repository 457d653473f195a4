use opswap::kfunc;

#[kfunc(sleepable = true)]
fn one() -> u32 {
    1
}

fn main() {}
