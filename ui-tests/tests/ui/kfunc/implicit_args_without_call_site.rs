use opswap::kfunc;

#[kfunc(implicit_args)]
fn one() -> u32 {
    1
}

fn main() {}
