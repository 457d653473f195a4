use opswap::kfunc_iter;

#[kfunc_iter]
struct Numbers;

fn main() {}
