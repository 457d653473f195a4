//! An initcall that registers what does not exist is named when a runtime is built, each time.

use opswap::registry::Registry;
use opswap::{InitLevel, Refusal, Registrar, kfunc};

#[kfunc]
fn packet_drop() {}

fn register(registrar: &mut Registrar) -> Result<(), Refusal> {
    registrar.kfunc_set("drops", ["xdp"], ["packet_dorp"]);
    Ok(())
}

opswap::initcall!(InitLevel::Late, register);

#[test]
fn the_initcall_the_set_and_the_near_miss_are_named() {
    for _ in 0..2 {
        let message = Registry::collect().expect_err("no such kfunc").to_string();
        assert!(
            message.starts_with("initcall `register` at runtime/tests/initcall_refused.rs:14:"),
            "{message}"
        );
        assert!(
            message.ends_with(
                "registers `packet_dorp` in `drops`, but there is no such kfunc; did you mean `packet_drop`?"
            ),
            "{message}"
        );
    }
    packet_drop();
}
