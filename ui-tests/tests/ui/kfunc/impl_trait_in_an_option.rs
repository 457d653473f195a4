use opswap::kfunc;

#[kfunc]
fn sum() -> Option<impl Sized> {
    Some(1)
}

fn main() {}
