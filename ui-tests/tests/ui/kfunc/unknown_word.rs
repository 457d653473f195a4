use opswap::kfunc;

#[kfunc(aquire)]
fn one() -> u32 {
    1
}

fn main() {}
