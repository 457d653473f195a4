use opswap::kfunc;

#[kfunc]
fn all(flags: &[bool]) -> bool {
    flags.iter().all(|flag| *flag)
}

fn main() {}
