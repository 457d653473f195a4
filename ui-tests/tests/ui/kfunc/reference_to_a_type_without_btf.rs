use opswap::kfunc;

struct Hidden;

#[kfunc]
fn look(hidden: &Hidden) -> u32 {
    let _ = hidden;
    1
}

fn main() {}
