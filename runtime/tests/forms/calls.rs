//! A compiled object behind the slot.

use opswap::Runtime;
use opswap::registry::Registry;
use opswap_bpf::Btf;

use crate::app::{FormsOps, Key, Port, slot};

fn object() -> std::path::PathBuf {
    std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/objects/forms.bpf.o")
}

#[test]
fn programs_get_what_the_host_passes() {
    let object = Runtime::new().expect("the declarations agree").load(object()).expect("it is right");
    let slot = slot();
    let _link = object.struct_ops::<FormsOps>("forms").expect("it is there").attach(&slot).expect("free");
    let ops = slot.pin();
    let key = Key { address: 5, port: Port { number: 9, protocol: [1, 2] }, zone: 77 };
    // What is behind a value in its last slot is zero: the program would see it.
    assert_eq!(ops.by_value(key, Port { number: 443, protocol: [0xff; 2] }), 5_077_443);
    assert_eq!(ops.sum(&[1, 2, 3, 4], 3), 6);
    assert_eq!(ops.sum(&[1, 2, 3, 4], 100), 10);
    assert_eq!(ops.sum(&[], 100), 0);
    let (mut counter, mut data) = (1, [0; 3]);
    ops.fill(&mut counter, &mut data);
    ops.fill(&mut counter, &mut data[..1]);
    assert_eq!((counter, data), (2, [7, 8, 0]));
    let mut scratch = 0;
    assert_eq!(ops.table(&[1, 2, 3, 4], Some(&mut scratch)), 4);
    assert_eq!((ops.table(&[5, 6, 7, 8], None), scratch), (8, 3));
    assert_eq!(ops.twelve(1, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 4), 7);
}

#[test]
fn the_interface_file_says_the_same() {
    let own = Registry::collect().expect("the declarations agree");
    let read = Registry::from_interface(Btf::clone(own.btf())).expect("what was written can be read");
    assert_eq!(own.struct_ops_named("forms_ops"), read.struct_ops_named("forms_ops"));
    let runtime = Runtime::builder().build_with(read);
    assert!(runtime.load(object()).is_ok(), "the same verdict");
}

#[test]
fn so_does_the_binary() {
    let own = Registry::collect().expect("the declarations agree");
    let path = std::env::current_exe().expect("a running program has a file");
    let read =
        Registry::from_binary(&std::fs::read(path).expect("readable")).expect("what was linked can be read");
    assert_eq!(own.struct_ops_named("forms_ops"), read.struct_ops_named("forms_ops"));
}
