use opswap::__private::{Tie, place, words};

fn main() {
    // A forged tie would let a program keep what it borrowed.
    let _ = words(place!(), "kfunc", Tie::STATIC, 0);
}
