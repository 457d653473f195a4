use opswap::kfunc;

#[kfunc]
fn limit(größe: u32) -> u32 {
    größe
}

fn main() {}
