//! A crate that knows opswap by another name.

extern crate ui_renamed;

fn main() {
    assert!(opswap::registry::OPSWAP_KFUNCS.iter().any(|kfunc| kfunc.name == "gauge_move"));
}
