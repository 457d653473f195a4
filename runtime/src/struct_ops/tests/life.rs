//! One thread: attach, update, detach, faults, callbacks, order of drops.

use std::cell::Cell;
use std::ptr::NonNull;
use std::rc::Rc;
use std::sync::Arc;

use super::{CALLED, Code, HASH, NATIVE, REFUSES, attach, on_call, proto, slot, table, table_of};
use crate::enter::EntryAddr;
use crate::error::{AttachError, RunError};
use crate::loader::LinkKind;
use crate::program::ProgramCore;
use crate::struct_ops::{Calls, Image, Prepared, Slot};

fn counts(program: u64, native: u64, faulted: u64) -> Calls {
    Calls { program, native, faulted }
}

#[test]
fn whatever_is_attached_answers() {
    let slot = slot();
    assert_eq!(slot.pin().answer(), NATIVE);
    let link = attach(&table("one", Code::One), &slot);
    assert!(link.is_attached());
    assert_eq!(slot.pin().answer(), 1);
    let old = link.update(&table("two", Code::Two)).expect("attached");
    assert_eq!((old.name(), old.calls()), ("one", counts(1, 0, 0)));
    assert_eq!((slot.pin().answer(), slot.pin().answer()), (2, 2));
    assert_eq!(link.calls(), counts(2, 0, 0));
    let old = link.detach().expect("attached");
    assert_eq!((old.name(), old.calls()), ("two", counts(2, 0, 0)));
    assert_eq!((link.is_attached(), link.detach().is_none()), (false, true));
    assert_eq!(slot.pin().answer(), NATIVE);
    assert_eq!(slot.calls(), counts(3, 2, 0));
    assert_eq!(link.update(&table("two", Code::Two)).expect_err("detached"), AttachError::Detached);
}

#[test]
fn an_absent_operation_falls_back_and_is_counted_for_the_attached_version() {
    let slot = slot();
    let link = attach(&table("none", Code::Absent), &slot);
    assert_eq!(slot.pin().answer(), NATIVE);
    assert_eq!(link.calls(), counts(0, 1, 0));
    assert_eq!(slot.attached().name(), "none");
}

#[test]
fn a_pin_stays_with_its_version() {
    let slot = slot();
    let link = attach(&table("one", Code::One), &slot);
    let pin = slot.pin();
    link.update(&table("two", Code::Two)).expect("attached");
    assert!(!pin.0.is_current());
    assert_eq!((pin.answer(), slot.pin().answer()), (1, 2));
    drop(link);
    assert_eq!((pin.answer(), slot.pin().answer()), (1, NATIVE));
    assert_eq!(pin.0.record().calls(), counts(2, 0, 0));
    drop(pin);
    assert_eq!(slot.calls(), counts(3, 1, 0));
}

#[test]
fn an_image_goes_when_its_last_reader_has_left() {
    let slot = slot();
    let one = table("one", Code::One);
    let image = Arc::downgrade(&one.image);
    let link = attach(&one, &slot);
    drop(one);
    let pin = slot.pin();
    link.update(&table("two", Code::Two)).expect("attached");
    assert!(image.upgrade().is_some(), "freed under a reader");
    let inner = slot.pin();
    drop(inner);
    assert!(image.upgrade().is_some(), "freed under a reader");
    drop(pin);
    assert!(image.upgrade().is_none(), "kept without a reader");
}

#[test]
fn a_slot_has_one_link_at_a_time() {
    let (slot, one) = (slot(), table("one", Code::One));
    let link = attach(&one, &slot);
    let error = table("two", Code::Two).attach(&slot).expect_err("taken");
    assert_eq!(error, AttachError::Occupied { holder: "one".to_owned() });
    drop(link);
    let again = attach(&one, &slot);
    let other = super::slot();
    let elsewhere = attach(&one, &other);
    assert_eq!((slot.pin().answer(), other.pin().answer()), (1, 1));
    assert_eq!((again.calls().program, elsewhere.calls().program), (1, 1));
}

#[test]
fn update_if_compares_tables() {
    let slot = slot();
    let (one, two) = (table("one", Code::One), table("two", Code::Two));
    let link = attach(&one, &slot);
    let error = link.update_if(&two, &two).expect_err("another table");
    assert_eq!(error, AttachError::Changed { expected: "two".to_owned(), found: "one".to_owned() });
    link.update_if(&one.clone(), &two).expect("the expected table");
    assert_eq!(slot.pin().answer(), 2);
}

#[test]
fn tables_that_are_not_for_links_are_not_exchanged() {
    let slot = slot();
    let (fixed, two) = (table_of("fixed", Code::One, LinkKind::Map), table("two", Code::Two));
    let link = attach(&fixed, &slot);
    let not_a_link = AttachError::NotALink { name: "fixed".to_owned() };
    assert_eq!(link.update(&two).expect_err("old is fixed"), not_a_link);
    drop(link);
    let link = attach(&two, &slot);
    assert_eq!(link.update(&fixed).expect_err("new is fixed"), not_a_link);
    assert_eq!(slot.pin().answer(), 2);
}

#[test]
fn callbacks_decide_and_are_called_in_order() {
    CALLED.take();
    let slot = slot();
    let (one, two) = (table("one", Code::One), table("two", Code::Two));
    let refused = |callback| AttachError::Refused { callback, reason: "not today".to_owned() };
    REFUSES.set("reg");
    assert_eq!(one.attach(&slot).expect_err("refused"), refused("reg"));
    assert_eq!(slot.pin().answer(), NATIVE);
    REFUSES.set("update");
    let link = attach(&one, &slot);
    assert_eq!(link.update(&two).expect_err("refused"), refused("update"));
    assert_eq!(slot.pin().answer(), 1);
    REFUSES.set("");
    link.update(&two).expect("allowed");
    drop(link);
    assert_eq!(CALLED.take(), ["reg one", "reg one", "update one two", "update one two", "unreg two"]);
}

#[test]
fn an_entry_with_another_hash_is_never_entered() {
    let slot = slot();
    let link = attach(&table("forged", Code::OtherHash), &slot);
    assert_eq!(slot.pin().answer(), NATIVE);
    let fault = link.fault().expect("ejected");
    let expected =
        RunError::WrongEntry { program: "program".to_owned(), expected: 0x1234_abcd, found: 0x0bad_c0de };
    assert_eq!(*fault, expected);
}

#[test]
fn a_panic_ejects_and_the_default_answers() {
    let slot = slot();
    let released = Rc::new(Cell::new(0));
    // SAFETY: the address of an `Rc` that the run gives back.
    unsafe fn release(object: usize) {
        // SAFETY: made by `Rc::into_raw` below, released once.
        drop(unsafe { Rc::from_raw(object as *const Cell<u32>) });
    }
    let owned = Rc::clone(&released);
    on_call(move |run| {
        for _ in 0..20 {
            // SAFETY: `release` takes back the reference given up here.
            unsafe { run.own(Rc::into_raw(Rc::clone(&owned)) as usize, release) };
        }
        assert_eq!(Rc::strong_count(&owned), 22);
        panic!("out of luck");
    });
    let table = table("faulty", Code::Action);
    let link = attach(&table, &slot);
    let pin = slot.pin();
    assert_eq!(pin.answer(), NATIVE);
    // The action itself went with the panic.
    assert_eq!(Rc::strong_count(&released), 1, "references leaked");
    let panicked =
        RunError::KfuncPanicked { kfunc: "test_action".to_owned(), message: "out of luck".to_owned() };
    assert_eq!(*link.fault().expect("ejected"), panicked);
    assert!(!link.is_attached());
    // The old pin sees the poisoned version, a new one the default.
    assert_eq!((pin.answer(), slot.pin().answer()), (NATIVE, NATIVE));
    assert_eq!(link.calls(), counts(1, 1, 1));
    let ejected = AttachError::Ejected { fault: Arc::new(panicked) };
    assert_eq!(link.update(&table).expect_err("ejected"), ejected);
    // Only the host arms it again.
    let holder = AttachError::Occupied { holder: "faulty".to_owned() };
    assert_eq!(table.attach(&slot).expect_err("the link still holds the slot"), holder);
    drop(link);
    on_call(|_| 5);
    let link = attach(&table, &slot);
    assert_eq!(slot.pin().answer(), 5);
    drop((pin, link));
    assert_eq!(slot.calls(), counts(2, 2, 1));
}

#[test]
fn a_program_that_ends_owing_a_reference_is_a_fault() {
    unsafe fn release(_: usize) {}
    let slot = slot();
    on_call(|run| {
        // SAFETY: releasing it does nothing.
        unsafe { run.own(64, release) };
        3
    });
    let link = attach(&table("leaky", Code::Action), &slot);
    assert_eq!(slot.pin().answer(), NATIVE);
    assert_eq!(*link.fault().expect("ejected"), RunError::Unbalanced { program: "program".to_owned() });
}

#[test]
fn an_operation_may_swap_its_own_slot() {
    let slot = slot();
    let link = Rc::new(attach(&table("swapper", Code::Action), &slot));
    let (one, own) = (table("one", Code::One), Rc::clone(&link));
    on_call(move |_| {
        own.update(&one).expect("attached");
        7
    });
    assert_eq!(slot.pin().answer(), 7, "the call in flight finishes on the old version");
    assert_eq!(slot.pin().answer(), 1);
    // And detach itself.
    link.update(&table("leaver", Code::Action)).expect("attached");
    let own = Rc::clone(&link);
    on_call(move |_| u64::from(own.detach().is_some()));
    assert_eq!((slot.pin().answer(), slot.pin().answer()), (1, NATIVE));
}

#[test]
fn recursion_through_a_slot_ends_in_an_error() {
    let slot = slot();
    let link = attach(&table("recursive", Code::Action), &slot);
    let again = slot.clone();
    // The action is taken while it runs, so each level sets it anew.
    fn recurse(slot: Slot<super::Ops>) {
        let inner = slot.clone();
        on_call(move |_| {
            recurse(inner.clone());
            inner.pin().answer()
        });
    }
    recurse(again);
    assert_eq!(slot.pin().answer(), NATIVE);
    assert!(matches!(*link.fault().expect("ejected"), RunError::TooDeep { .. }));
    // The depth is back at 0.
    drop(link);
    let link = attach(&table("one", Code::One), &slot);
    assert_eq!((slot.pin().answer(), link.fault()), (1, None));
}

#[test]
fn more_pins_than_a_thread_has_cells() {
    let slot = slot();
    let one = table("one", Code::One);
    let link = attach(&one, &slot);
    let image = Arc::downgrade(&one.image);
    drop(one);
    let mut pins: Vec<_> = (0..20).map(|_| slot.pin()).collect();
    link.update(&table("two", Code::Two)).expect("attached");
    while pins.len() > 1 {
        assert!(pins.iter().all(|pin| pin.answer() == 1));
        // From the middle, so that cells are freed in no order.
        pins.remove(pins.len() / 2);
        assert!(image.upgrade().is_some(), "freed under a reader");
    }
    drop(pins);
    assert!(image.upgrade().is_none(), "kept without a reader");
}

#[test]
fn parts_may_be_dropped_in_any_order() {
    for order in 0..24 {
        let slot = slot();
        let table = table("one", Code::One);
        let image = Arc::downgrade(&table.image);
        let link = attach(&table, &slot);
        assert_eq!(slot.pin().answer(), 1);
        let mut parts: Vec<Box<dyn FnOnce()>> = vec![
            Box::new(move || drop(slot)),
            Box::new(move || drop(table)),
            Box::new(move || drop(link)),
            Box::new(crate::struct_ops::collect_versions),
        ];
        let mut rest = order;
        while !parts.is_empty() {
            let len = parts.len();
            parts.swap_remove(rest % len)();
            rest /= len;
        }
        assert!(image.upgrade().is_none(), "order {order} keeps the image");
    }
}

/// A program in memory of its own: the hash, then `mov eax, 1; ret`. Never unmapped.
fn own_code() -> *mut u8 {
    const CODE: [u8; 6] = [0xb8, 1, 0, 0, 0, 0xc3];
    let protection = libc::PROT_READ | libc::PROT_WRITE | libc::PROT_EXEC;
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
    // SAFETY: new memory, nobody else's.
    let page = unsafe { libc::mmap(std::ptr::null_mut(), 4096, protection, flags, -1, 0) };
    assert_ne!(page, libc::MAP_FAILED);
    let entry = page.cast::<u8>().wrapping_add(16);
    // SAFETY: inside the page, aligned.
    unsafe { entry.wrapping_sub(4).cast::<u32>().write(HASH) };
    // SAFETY: inside the page.
    unsafe { entry.copy_from_nonoverlapping(CODE.as_ptr(), CODE.len()) };
    entry
}

#[test]
fn a_corrupted_header_is_an_error_and_the_code_behind_it_never_runs() {
    let entry = own_code();
    let code = EntryAddr::by_hand(NonNull::new(entry).expect("a page"));
    let program = Arc::new(ProgramCore::by_hand("program", code));
    let image = Image {
        name: "table".to_owned(),
        proto: Arc::new(proto()),
        data: vec![0; 16].into(),
        programs: vec![Some(program)],
        provided: vec![Some("program".to_owned())],
        link: LinkKind::Link,
        hold: crate::module::loaded::Hold::APPLICATION,
    };
    let slot = slot();
    let link = attach(&Prepared::new(Arc::new(image)), &slot);
    assert_eq!(slot.pin().answer(), 1);
    // SAFETY: inside the page, and nothing runs in it now.
    unsafe { entry.wrapping_sub(4).cast::<u32>().write(HASH ^ 0x100) };
    assert_eq!(slot.pin().answer(), NATIVE);
    let fault = link.fault().expect("the call was refused");
    let expected =
        RunError::WrongEntry { program: "program".to_owned(), expected: HASH, found: HASH ^ 0x100 };
    assert_eq!(*fault, expected);
    assert!(!link.is_attached());
}
