//! `Callback`: functions of the program that a kfunc calls.

use std::cell::Cell;
use std::sync::atomic::{AtomicU32, Ordering};

use opswap::{Btf, Callback, KRef, RunError, Stopped, kfunc};

use crate::lab::{load, refusal, run, value};

#[derive(Btf)]
#[repr(C)]
struct Item {
    number: u64,
    seen: AtomicU32,
}

thread_local! {
    static STOPPED: Cell<u32> = const { Cell::new(0) };
    static ITEMS: Cell<i64> = const { Cell::new(0) };
}

/// Counts its life.
#[derive(Btf)]
#[repr(C)]
struct Counted {
    number: u64,
}

impl Counted {
    fn new(number: u64) -> KRef<Self> {
        ITEMS.set(ITEMS.get() + 1);
        KRef::new(Self { number })
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        ITEMS.set(ITEMS.get() - 1);
    }
}

#[kfunc]
fn callback_each(times: u64, each: Callback<fn(u64, i8) -> i64>) -> i64 {
    let mut sum = 0;
    for turn in 0..times {
        match each.call((turn, -1)) {
            Ok(value) => sum += value,
            Err(Stopped) => {
                STOPPED.set(STOPPED.get() + 1);
                return -1;
            }
        }
    }
    sum
}

#[kfunc]
fn callback_items(each: Callback<fn(&Item, u32) -> i64>) -> i64 {
    let items = [7, 8, 9].map(|number| Item { number, seen: AtomicU32::new(0) });
    let values = items.iter().map(|item| each.call((item, 3)).unwrap_or(0)).sum::<i64>();
    values + items.iter().map(|item| i64::from(item.seen.load(Ordering::Relaxed))).sum::<i64>()
}

#[kfunc]
fn callback_item_number(item: &Item) -> u64 {
    item.number
}

#[kfunc]
fn callback_stubborn(each: Callback<fn() -> i64>) -> u32 {
    // A host that does not look at the error calls a run that is over: none of these may enter the program.
    let calls = (0..1000).filter(|_| each.call(()).is_ok()).count();
    u32::try_from(calls).unwrap_or(u32::MAX)
}

#[kfunc]
fn callback_with_memory(word: &mut u64, each: Callback<fn() -> i64>) -> i64 {
    let before = *word;
    let _ = each.call(());
    assert_eq!(*word, before, "nobody else changes what is behind a `&mut`");
    0
}

#[kfunc]
fn callback_with_object(item: &Counted, each: Callback<fn() -> i64>) -> u64 {
    let _ = each.call(());
    item.number
}

#[kfunc(acquire)]
fn callback_item_get() -> KRef<Counted> {
    Counted::new(5)
}

#[kfunc(release)]
fn callback_item_put(item: KRef<Counted>) {
    drop(item);
}

#[kfunc]
fn callback_panic(number: u64) -> u64 {
    assert!(number != 3, "three");
    number
}

#[test]
fn a_function_of_the_program_is_called_with_its_arguments() {
    // 0 + 1 + 2 + 3, and -1 each.
    let text = "
        r1 = 4
        r2 = func each
        call callback_each
        exit
    each:
        r0 = r1
        r0 += r2
        exit";
    assert_eq!(value(text), 2);
}

#[test]
fn objects_are_lent_to_it() {
    let text = "
        r1 = func each
        call callback_items
        exit
    each:
        r3 = 2
        lock *(u32 *)(r1 + 8) += r3
        r0 = *(u64 *)(r1 + 0)
        r0 += r2
        exit";
    // The interpreter does not read host objects.
    let program = load(text).expect("the object is lent");
    assert_eq!(program.run(&mut [0; crate::lab::SIZE]), Ok(7 + 8 + 9 + 9 + 6));
    let text = "
        r1 = func each
        call callback_items
        exit
    each:
        call callback_item_number
        exit";
    assert_eq!(value(text), 7 + 8 + 9);
}

#[test]
fn callbacks_nest_in_callbacks() {
    let text = "
        r1 = 3
        r2 = func outer
        call callback_each
        exit
    outer:
        r1 += 1
        r2 = func inner
        call callback_each
        exit
    inner:
        r0 = r1
        exit";
    // Sums below 1, 2 and 3.
    assert_eq!(value(text), 1 + 3);
}

#[test]
fn a_callback_that_calls_itself_through_the_host_is_refused() {
    let text = "
        r1 = 2
        r2 = func again
        call callback_each
        exit
    again:
        r1 = 2
        r2 = func again
        call callback_each
        r0 = 0
        exit";
    let refusal = refusal(text);
    assert!(refusal.contains("frames") || refusal.contains("too deep"), "{refusal}");
}

#[test]
fn a_panic_behind_a_callback_ends_the_run() {
    ITEMS.set(0);
    let text = "
        call callback_item_get
        r6 = r0
        r1 = 9
        r2 = func each
        call callback_each
        r1 = r6
        r6 = r0
        call callback_item_put
        r0 = r6
        exit
    each:
        call callback_panic
        exit";
    for result in run(text) {
        let Err(RunError::KfuncPanicked { kfunc, message }) = result else { panic!("{result:?}") };
        assert_eq!((kfunc.as_str(), message.as_str()), ("callback_panic", "three"));
    }
    assert_eq!(STOPPED.replace(0), 2, "the host function was told, by each engine");
    assert_eq!(ITEMS.get(), 0, "what the program owned was given back");
}

#[test]
fn a_run_that_is_over_is_not_entered_again() {
    let text = "
        r1 = func each
        call callback_stubborn
        exit
    each:
        r1 = 3
        call callback_panic
        exit";
    for result in run(text) {
        assert!(matches!(result, Err(RunError::KfuncPanicked { .. })), "{result:?}");
    }
}

#[test]
fn callbacks_share_the_runs_loop_turns() {
    let text = "
        r1 = -1
        r1 >>= 1
        r2 = func each
        call callback_each
        exit
    each:
        r0 = 0
        exit";
    let program = load(text).expect("the host makes an end");
    // In the interpreter eight million calls take too long for a test.
    assert_eq!(program.run(&mut [0; crate::lab::SIZE]), Ok(u64::MAX));
    assert_eq!(STOPPED.replace(0), 1);
}

#[test]
fn what_is_no_function_is_refused() {
    assert!(refusal("r1 = 4\nr2 = 4096\ncall callback_each\nexit").contains("expected pointer to func"));
    let text = "
        r1 = 4
        r2 = func each
        r2 += 8
        call callback_each
        exit
    each:
        r0 = 0
        exit";
    let refusal = refusal(text);
    assert!(refusal.contains("func"), "{refusal}");
}

#[test]
fn a_callback_returns_a_number_and_owes_nothing() {
    let text = "
        r1 = 1
        r2 = func each
        call callback_each
        exit
    each:
        call callback_item_get
        r0 = 0
        exit";
    assert!(refusal(text).contains("Unreleased reference"), "{}", refusal(text));
    let text = "
        r1 = func each
        call callback_items
        exit
    each:
        r0 = r1
        exit";
    let refusal = refusal(text);
    assert!(refusal.contains("R0"), "{refusal}");
}

#[test]
fn references_beside_a_callback_are_refused() {
    // The callback could write the word that the host holds as `&mut`.
    let text = "
        *(u64 *)(r10 - 8) = 0
        r1 = r10
        r1 += -8
        r2 = func each
        call callback_with_memory
        exit
    each:
        r0 = 0
        exit";
    assert!(refusal(text).contains("callbacks beside arguments"), "{}", refusal(text));
    // And it could release the object that the host looks at.
    let text = "
        call callback_item_get
        r6 = r0
        r1 = r6
        r2 = func each
        call callback_with_object
        r1 = r6
        call callback_item_put
        r0 = 0
        exit
    each:
        r0 = 0
        exit";
    assert!(refusal(text).contains("callbacks beside arguments"), "{}", refusal(text));
}
