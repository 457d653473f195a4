//! Attach, swap, detach; what programs see, and what the host sees of them.

use opswap::{PinnedTable, UpdateMode};

use crate::app::{NATIVE, Token, filter, packet, slot, table, tokens};

#[test]
fn a_table_answers_until_it_is_swapped_or_detached() {
    let (object, slot) = (filter(), slot());
    let (one, two) = (table(&object, "one"), table(&object, "two"));
    let mut seen = packet(10);
    assert_eq!((slot.pin().classify(&mut seen, 1), seen.mark), (NATIVE, 99));
    let link = one.attach(&slot).expect("a free slot");
    assert_eq!((slot.pin().classify(&mut seen, 1), seen.mark), (101, 1));
    let old = link.update(&two).expect("attached");
    assert_eq!((slot.pin().classify(&mut seen, 1), seen.mark), (102, 2));
    assert_eq!((old.name(), old.calls().program), ("one", 1));
    // An optional operation: provided by `two`, not by the native table.
    slot.pin().begin(&mut seen);
    assert_eq!(seen.budget, 1);
    drop(link);
    assert_eq!((slot.pin().classify(&mut seen, 1), seen.mark), (NATIVE, 99));
    assert_eq!(slot.calls().program, 3);
}

#[test]
fn maps_and_global_data_are_shared_with_the_host() {
    let (object, slot) = (filter(), slot());
    let sums = object.map("sums").expect("it is in the object");
    let seen = object.map("seen").expect("it is in the object");
    seen.update(&5_u32.to_ne_bytes(), &40_u64.to_ne_bytes(), UpdateMode::Any).expect("room");
    let _link = table(&object, "one").attach(&slot).expect("a free slot");
    for weight in [1_u32, 5, 5, 9] {
        slot.pin().classify(&mut packet(100 + weight), weight);
    }
    let number = |value: Option<Vec<u8>>| {
        value.map(|bytes| u64::from_ne_bytes(bytes.try_into().expect("eight bytes")))
    };
    let of = |key: u32| number(seen.lookup(&key.to_ne_bytes()).expect("a key"));
    assert_eq!((of(1), of(5), of(9), of(2)), (Some(1), Some(42), Some(1), None));
    // 1, 5 and 9 all go to the second sum.
    let sum = |key: u32| number(sums.lookup(&key.to_ne_bytes()).expect("a key"));
    assert_eq!((sum(0), sum(1)), (Some(0), Some(101 + 105 + 105 + 109)));
    let bss = object.maps().iter().find(|map| map.proto().name.ends_with(".bss")).expect("global data");
    assert_eq!(number(bss.lookup(&[0; 4]).expect("a key")), Some(4));
}

#[test]
fn references_travel_into_operations_and_back() {
    let (object, slot) = (filter(), slot());
    let before = tokens();
    // Native: keeps small ones.
    assert!(slot.pin().exchange(Token::new(3)).is_none());
    let link = table(&object, "two").attach(&slot).expect("a free slot");
    let back = slot.pin().exchange(Token::new(3)).expect("`two` hands it back");
    assert_eq!((back.value, tokens()), (3, before + 1));
    link.update(&table(&object, "busy")).expect("attached");
    assert!(slot.pin().exchange(back).is_none());
    assert_eq!((tokens(), link.fault()), (before, None));
}

#[test]
fn the_table_shows_what_the_object_filled_in() {
    let object = filter();
    let two = table(&object, "two");
    let view = two.table();
    assert_eq!((view.text("name"), view.number("flags")), (Some("two"), Some(2)));
    assert_eq!((view.program("begin"), view.program("undo")), (Some("two_begin"), None));
    assert_eq!(view.program("classify"), Some("two_classify"));
    let slot = slot();
    let _link = two.attach(&slot).expect("a free slot");
    assert_eq!(slot.pin().table().and_then(|table| table.number("flags")), Some(2));
    let names: Vec<&str> = object.tables().collect();
    assert_eq!(names, ["busy", "fixed", "one", "two"]);
}

#[test]
fn code_and_maps_live_as_long_as_something_uses_them() {
    let slot = slot();
    let (link, seen) = {
        let object = filter();
        let link = table(&object, "one").attach(&slot).expect("a free slot");
        (link, object.map("seen").expect("it is in the object"))
        // The runtime, the object and the table go here.
    };
    assert_eq!(slot.pin().classify(&mut packet(1), 77), 101);
    assert_eq!(seen.len(), 1);
    let pin = slot.pin();
    drop(link);
    assert_eq!(pin.classify(&mut packet(1), 78), 101, "a pin keeps its version");
    drop(pin);
    drop(slot);
    assert_eq!(seen.len(), 2);
}

#[test]
fn one_object_can_be_loaded_and_attached_many_times() {
    let runtime = crate::app::runtime();
    let path = crate::app::path("filter.bpf.o");
    let slots: Vec<_> = (0..8).map(|_| slot()).collect();
    for _ in 0..5 {
        let links: Vec<_> = slots
            .iter()
            .map(|slot| {
                let object = runtime.load(&path).expect("it loads");
                table(&object, "two").attach(slot).expect("a free slot")
            })
            .collect();
        for slot in &slots {
            assert_eq!(slot.pin().classify(&mut packet(1), 1), 102);
        }
        // Not in the order in which they were attached.
        for link in links.into_iter().rev() {
            assert_eq!(link.calls().program, 1);
        }
    }
}
