use opswap::kfunc;

#[kfunc]
fn one() -> impl Into<u32> {
    1_u16
}

fn main() {}
