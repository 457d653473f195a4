use opswap::kfunc_iter;

#[kfunc_iter]
fn names() -> impl Iterator<Item = String> {
    ["a".to_owned()].into_iter()
}

fn main() {}
