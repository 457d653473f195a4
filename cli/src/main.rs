//! The `opswap` command.
fn main() {}
