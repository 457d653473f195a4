use opswap::kfunc;

#[kfunc(dtor)]
fn destroy() {}

fn main() {}
