use opswap::kfunc_iter;

#[kfunc_iter]
fn names() -> impl Send {
    1
}

fn main() {}
