use opswap::kfunc;

#[kfunc(name = "a", name = "b")]
fn one() -> u32 {
    1
}

fn main() {}
