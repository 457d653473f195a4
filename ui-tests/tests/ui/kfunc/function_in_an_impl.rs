use opswap::kfunc;

struct Flow;

impl Flow {
    #[kfunc]
    fn number() -> u32 {
        1
    }
}

fn main() {
    assert_eq!(Flow::number(), 1);
}
