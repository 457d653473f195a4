use opswap::kfunc;

#[kfunc]
fn text() -> String {
    String::new()
}

fn main() {}
