//! CO-RE relocations: one object against hosts whose types differ from its own.

use opswap::loader::ObjectFile;
use opswap_bpf::btf::{ArrayType, EnumValue, IntEncoding, IntType, Member, Signedness};
use opswap_bpf::display::Listing;
use opswap_bpf::{Btf, BtfId, BtfType, ProgramKind};

use crate::hosts::{FakeHost, object};

fn member(name: &str, ty: BtfId, offset: u32) -> Member {
    Member { name: name.into(), ty, bit_offset: offset * 8, bitfield_bits: 0 }
}

/// `struct shape` and what belongs to it, laid out otherwise than the object has it; `gone` and `not_there` are absent.
fn host() -> Btf {
    let mut btf = Btf::new();
    let mut int = |name: &str, size: u32, bits: u8| {
        let name = name.into();
        btf.push(BtfType::Int(IntType { name, size, encoding: IntEncoding::Unsigned, bit_offset: 0, bits }))
    };
    let (u16, u32, u64) = (int("u16", 2, 16), int("u32", 4, 32), int("u64", 8, 64));
    let members = vec![member("y", u64, 0), member("x", u32, 8)];
    let point = btf.push(BtfType::Struct { name: "point".into(), size: 16, members });
    let corners = btf.push(BtfType::Array(ArrayType { element: point, index: u32, count: 4 }));
    let members = vec![member("area", u32, 0), member("id", u16, 4)];
    let head = btf.push(BtfType::Struct { name: String::new(), size: 8, members });
    let members = vec![member("", head, 8), member("deep", u64, 16), member("corners", corners, 32)];
    btf.push(BtfType::Struct { name: "shape".into(), size: 128, members });
    let value = |name: &str, value| EnumValue { name: name.into(), value };
    let values = vec![value("GREEN", 9)];
    btf.push(BtfType::Enum { name: "color".into(), size: 4, signed: Signedness::Unsigned, values });
    btf.validate().expect("well formed");
    btf
}

fn listing(name: &str, host: &FakeHost) -> Result<Vec<String>, String> {
    let object = ObjectFile::parse(&object("core.bpf.o")).expect("the object is sound");
    let index = object.programs().iter().position(|program| program.name == name).expect("program exists");
    let program =
        object.link(index, ProgramKind::Named("test".into()), host).map_err(|error| error.to_string())?;
    Ok(Listing(&program.insns).to_string().lines().map(|line| line.trim().to_owned()).collect())
}

#[test]
fn members_are_found_where_the_host_has_them() {
    let host = FakeHost { types: Some(host()), ..FakeHost::default() };
    let field = listing("field", &host).expect("links");
    // `area` lies in a struct without a name and is narrower; `deep` is in no union.
    assert_eq!(field[1], "1: r2 = *(u32 *)(r1 + 8)");
    assert_eq!(field[2], "2: r0 = *(u64 *)(r1 + 64)");
    assert_eq!(field[4], "4: r1 = *(u64 *)(r1 + 16)");
}

#[test]
fn what_is_absent_can_be_asked_for_but_not_used() {
    let host = FakeHost { types: Some(host()), ..FakeHost::default() };
    let exists = listing("exists", &host).expect("links");
    assert_eq!(exists[0], "0: r2 = 1");
    assert_eq!(exists[4], "4: r2 = 0");
    assert_eq!(exists[7], "7: call helper#195896080");
    assert_eq!(exists[11], "11: r1 = 1");
    assert_eq!(exists[14], "14: r1 = 0");
}

#[test]
fn sizes_ids_and_enumerators_are_the_hosts() {
    let host = FakeHost { types: Some(host()), ..FakeHost::default() };
    let sizes = listing("sizes", &host).expect("links");
    assert_eq!((&*sizes[0], &*sizes[2]), ("0: r1 = 2", "2: r0 = 128"));
    assert_eq!(sizes[5], "5: r1 = 0x9 ll", "a local type id stays");
    let enums = listing("enums", &host).expect("links");
    assert_eq!(enums[0], "0: r0 = 0x0 ll");
    assert_eq!(enums[1], "2: r1 = 0x9 ll");
}

#[test]
fn a_host_without_types_is_an_error() {
    let error = listing("field", &FakeHost::default()).expect_err("no types");
    assert_eq!(
        error,
        "section `struct_ops/field`, offset 0x8: program `field`: CO-RE relocation (FieldByteOffset): the host \
         offers no types to relocate against"
    );
}

#[test]
fn a_program_without_relocations_needs_no_types() {
    let object = ObjectFile::parse(&object("full.bpf.o")).expect("the object is sound");
    assert!(object.link(0, ProgramKind::Named("test".into()), &FakeHost::full()).is_ok());
}
