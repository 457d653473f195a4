use opswap::kfunc;

#[kfunc]
fn or_zero(number: Option<u32>) -> u32 {
    number.unwrap_or(0)
}

fn main() {}
