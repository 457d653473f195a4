use opswap::kfunc;

#[kfunc]
fn window(number: impl Into<u32>) -> u32 {
    number.into()
}

fn main() {}
