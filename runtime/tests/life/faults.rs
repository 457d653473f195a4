//! A kfunc panics at every place where a program calls one: the run ends, nothing leaks, the default answers.

use opswap::RunError;

use crate::app::{NATIVE, Token, filter, packet, panic_in, slot, table, take_calls, tokens};

/// Runs `body` without the panic's message on standard error.
fn quietly<R>(body: impl FnOnce() -> R) -> R {
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| {
        let default = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if info.payload().downcast_ref::<&str>() != Some(&"as asked") {
                default(info);
            }
        }));
    });
    body()
}

#[test]
fn a_panic_at_any_kfunc_call_is_survived() {
    let (object, slot) = (filter(), slot());
    let busy = table(&object, "busy");
    let before = tokens();
    // Without a panic first: how many calls there are.
    take_calls();
    let link = busy.attach(&slot).expect("a free slot");
    let sum = slot.pin().classify(&mut packet(10), 1);
    // Six steps (10 + n) but for the rare path, three values.
    assert_eq!(sum, 6 * 10 + 1 + 2 + 3 + 4 + 5 + 4 * 10, "{:?}", link.fault());
    let calls = take_calls();
    assert_eq!((tokens(), link.calls().program), (before, 1));
    drop(link);
    quietly(|| {
        for nth in 0..calls {
            let link = busy.attach(&slot).expect("a free slot");
            panic_in(i32::try_from(nth).expect("few"));
            let mut seen = packet(10);
            assert_eq!(slot.pin().classify(&mut seen, 1), NATIVE, "panic at call {nth}");
            assert_eq!(seen.mark, 99, "the native implementation answered");
            assert_eq!(tokens(), before, "panic at call {nth} leaks");
            let fault = link.fault().expect("the table was ejected");
            let RunError::KfuncPanicked { kfunc, message } = &*fault else { panic!("{fault}") };
            assert!(["step", "token_get", "token_put", "token_value"].contains(&kfunc.as_str()), "{kfunc}");
            assert_eq!(message, "as asked");
            assert_eq!((link.is_attached(), link.calls().faulted), (false, 1));
            assert_eq!(slot.pin().classify(&mut seen, 1), NATIVE);
        }
    });
    panic_in(-1);
    assert!(calls >= 14, "only {calls} calls");
    assert_eq!(slot.calls().faulted, u64::from(calls));
}

#[test]
fn a_reference_that_was_handed_over_is_released_when_the_run_fails() {
    let (object, slot) = (filter(), slot());
    let before = tokens();
    quietly(|| {
        for nth in 0..2 {
            let link = table(&object, "busy").attach(&slot).expect("a free slot");
            panic_in(nth);
            // Whatever the wrapper answers, it answers without leaking.
            drop(slot.pin().exchange(Token::new(9)));
            assert_eq!(tokens(), before, "panic at call {nth}");
            assert!(link.fault().is_some());
        }
    });
    panic_in(-1);
}

#[test]
fn a_failed_table_can_be_replaced() {
    let (object, slot) = (filter(), slot());
    let link = table(&object, "busy").attach(&slot).expect("a free slot");
    quietly(|| {
        panic_in(0);
        slot.pin().classify(&mut packet(1), 1);
    });
    panic_in(-1);
    let error = link.update(&table(&object, "one")).expect_err("the link is dead");
    assert!(matches!(error, opswap::AttachError::Ejected { .. }), "{error}");
    assert!(link.detach().is_some_and(|record| record.fault().is_some()));
    let _link = table(&object, "one").attach(&slot).expect("free again");
    assert_eq!(slot.pin().classify(&mut packet(1), 1), 101);
}
