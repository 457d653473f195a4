//! A module that declares what the application declares, too: refused, with both places.

use opswap::{Module, ModuleError, kfunc};

/// The module has one of this name.
#[kfunc(name = "module_add")]
fn another() -> u32 {
    0
}

#[test]
fn a_name_that_is_taken_is_refused() {
    // SAFETY: it is `ui-tests/module`, which uses opswap's macros, starts no thread and leaves nothing behind.
    match unsafe { Module::load(ui_tests::module_library()) } {
        Err(ModuleError::Declarations { name, problem }) => {
            assert_eq!(name, "ui");
            let places = ["`module_add`", "ui-tests/tests/module_twin.rs", "ui-tests/module/src/lib.rs"];
            assert!(places.iter().all(|part| problem.contains(part)), "{problem}");
        }
        other => panic!("{other:?}"),
    }
    assert!(Module::all().is_empty());
    assert_eq!(another(), 0);
}
