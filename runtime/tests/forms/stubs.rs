//! Stubs: symbols of the binary with the type hash in front.

use opswap::registry::{OPSWAP_STRUCT_OPS, Registry};

use crate::app::FormsOps;

unsafe extern "C" {
    /// By its name, as any tool would find it.
    fn forms_ops__by_value() -> u64;
}

#[test]
fn every_operation_has_a_symbol_with_its_hash_in_front() {
    let table = OPSWAP_STRUCT_OPS.iter().find(|table| table.name == "forms_ops").expect("it is linked");
    for member in table.members {
        let stub = member.stub.expect("programs may provide every operation");
        assert_eq!(stub.hash(), member.cfi_hash, "{}", member.name);
    }
    let by_value = table.members.iter().find(|member| member.name == "by_value").expect("it is declared");
    let symbol = forms_ops__by_value as unsafe extern "C" fn() -> u64;
    assert_eq!(by_value.stub.map(|stub| stub.addr()), Some(symbol as usize));
    // SAFETY: a function without arguments that returns 0.
    assert_eq!(unsafe { symbol() }, 0);
    let _ = std::marker::PhantomData::<FormsOps>;
}

#[test]
fn a_corrupted_header_in_the_file_is_an_error() {
    let path = std::env::current_exe().expect("a running program has a file");
    let mut bytes = std::fs::read(path).expect("readable");
    let table = OPSWAP_STRUCT_OPS.iter().find(|table| table.name == "forms_ops").expect("it is linked");
    let hash = table.members[0].cfi_hash.to_le_bytes();
    // The header of a stub: padding, then the hash.
    let header: Vec<u8> = [0xcc; 12].into_iter().chain(hash).collect();
    let at = bytes.windows(16).position(|window| window == header).expect("the stub is in the file");
    bytes[at + 12] ^= 1;
    let error = Registry::from_binary(&bytes).expect_err("another hash");
    assert!(error.to_string().contains("the type hash in front of an operation's stub"), "{error}");
}
