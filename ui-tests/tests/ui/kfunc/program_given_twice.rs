use opswap::kfunc;

#[kfunc(programs(tracing, tracing))]
fn one() -> u32 {
    1
}

fn main() {}
