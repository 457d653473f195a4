use opswap::kfunc;

trait Window {
    #[kfunc]
    fn window() -> u32;
}

fn main() {}
