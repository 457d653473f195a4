//! `IrqFlag`: what one function saves on the program's stack, another restores.

use std::cell::Cell;

use opswap::{IrqFlag, Uninit, kfunc};

use crate::lab::{refusal, value};

thread_local! {
    static LEVEL: Cell<u64> = const { Cell::new(0) };
}

#[kfunc]
fn level_raise(flag: Uninit<IrqFlag>, to: u64) {
    flag.write(IrqFlag::new(LEVEL.replace(to)));
}

#[kfunc]
fn level_restore(flag: &mut IrqFlag) {
    LEVEL.set(flag.saved());
}

#[kfunc]
fn level() -> u64 {
    LEVEL.get()
}

const RAISE: &str = "r1 = r10\nr1 += -8\nr2 = 3\ncall level_raise";
const RESTORE: &str = "r1 = r10\nr1 += -8\ncall level_restore";

#[test]
fn what_was_saved_is_restored() {
    LEVEL.set(0);
    let text = format!("{RAISE}\ncall level\nr6 = r0\n{RESTORE}\ncall level\nr0 <<= 8\nr0 |= r6\nexit");
    assert_eq!(value(&text), 3);
    assert_eq!(LEVEL.get(), 0);
}

#[test]
fn a_flag_is_not_the_programs() {
    for attack in ["*(u64 *)(r10 - 8) = 7", "r0 = *(u64 *)(r10 - 8)", RAISE] {
        refusal(&format!("{RAISE}\n{attack}\n{RESTORE}\nr0 = 0\nexit"));
    }
}

#[test]
fn every_flag_is_restored_the_last_one_first() {
    refusal(&format!("{RAISE}\nr0 = 0\nexit"));
    refusal(&format!("{RESTORE}\nr0 = 0\nexit"));
    let other = |text: &str| text.replace("-8", "-16");
    let (raise, restore) = (other(RAISE), other(RESTORE));
    assert_eq!(value(&format!("{RAISE}\n{raise}\n{restore}\n{RESTORE}\nr0 = 0\nexit")), 0);
    refusal(&format!("{RAISE}\n{raise}\n{RESTORE}\n{restore}\nr0 = 0\nexit"));
}
