//! What is no BTF, and how the error names it.

use opswap_bpf::btf::{ArrayType, BtfError, Func, IntEncoding, IntType, Member, Param};
use opswap_bpf::program::Linkage;
use opswap_bpf::{Btf, BtfId, BtfType};

fn int() -> BtfType {
    let encoding = IntEncoding::Signed;
    BtfType::Int(IntType { name: "int".into(), size: 4, encoding, bit_offset: 0, bits: 32 })
}

fn member(name: &str, ty: u32, offset: u32) -> Member {
    Member { name: name.into(), ty: BtfId(ty), bit_offset: offset * 8, bitfield_bits: 0 }
}

fn structure(name: &str, size: u32, members: Vec<Member>) -> BtfType {
    BtfType::Struct { name: name.into(), size, members }
}

/// Types after `int`, which is id 1.
fn judge(types: Vec<BtfType>) -> Result<(), BtfError> {
    let mut btf = Btf::new();
    btf.push(int());
    for ty in types {
        btf.push(ty);
    }
    let validated = btf.validate();
    // The file must be judged as the model is.
    if let Ok(bytes) = btf.to_bytes() {
        assert_eq!(Btf::parse(&bytes).map(drop), validated);
    }
    // Queries end on anything.
    for id in (0..=u32::try_from(btf.len()).expect("small")).map(BtfId) {
        let _ = (btf.size_of(id), btf.skip_arrays(id), btf.func_proto(id), btf.type_tags(id));
        let _ = (btf.field_at(id, 0, 4), btf.objects_at(id, 0), btf.c_declaration(id, "x"));
    }
    validated
}

#[test]
fn types_that_make_no_sense_are_named() {
    let alias = |name: &str, of: u32| BtfType::Typedef { name: name.into(), of: BtfId(of) };
    let array = |element: u32, count: u32| {
        BtfType::Array(ArrayType { element: BtfId(element), index: BtfId(1), count })
    };
    let proto = |params: Vec<Param>| BtfType::FuncProto { ret: BtfId(1), params };
    let cases: Vec<(Vec<BtfType>, &str)> = vec![
        (
            vec![alias("t", 9)],
            "type2 (TYPEDEF `t`), type section offset 0x10: type9 does not exist: ids end at 2",
        ),
        (
            vec![alias("t", 2)],
            "type2 (TYPEDEF `t`), type section offset 0x10: runs in a circle through type2",
        ),
        (vec![alias("a", 3), BtfType::Const { of: BtfId(2) }], "runs in a circle through type2"),
        (vec![BtfType::Ptr { to: BtfId(2) }], "type2 (PTR), type section offset 0x10: runs in a circle"),
        (vec![array(2, 4)], "type2 (ARRAY), type section offset 0x10: runs in a circle"),
        (
            vec![structure("s", 4, vec![member("own", 2, 0)])],
            "type2 (STRUCT `s`), type section offset 0x10: member `own` contains type2 itself",
        ),
        (
            vec![structure("a", 4, vec![member("b", 3, 0)]), structure("b", 4, vec![member("a", 2, 0)])],
            "member `a` contains type3 itself",
        ),
        (
            vec![structure("s", 4, vec![member("late", 1, 2)])],
            "member `late` at byte 2 ends after the 4 bytes of its owner",
        ),
        (vec![structure("s", 4, vec![member("none", 0, 0)])], "member `none`: void has no size"),
        (vec![proto(vec![Param { name: "x".into(), ty: BtfId(0) }])], "parameter 0 `x` is void"),
        (
            vec![BtfType::Func(Func { name: "f".into(), proto: BtfId(1), linkage: Linkage::Static })],
            "expected a FUNC_PROTO as type1, found INT `int`",
        ),
        (
            vec![proto(Vec::new()), BtfType::Ptr { to: BtfId(2) }, array(2, 1)],
            "type4 (ARRAY), type section offset 0x28: its element has no size",
        ),
        (vec![array(1, u32::MAX)], "larger than 4 GiB"),
        (vec![BtfType::decl_tag("t", BtfId(1), None)], "type1, INT `int`, cannot carry a tag"),
        (
            vec![structure("s", 4, vec![member("x", 1, 0)]), BtfType::decl_tag("t", BtfId(2), Some(1))],
            "component 1 does not exist: type2 has 1",
        ),
        (vec![BtfType::Float { name: "f".into(), size: 3 }], "size is 3; expected 2, 4, 8, 12 or 16"),
        (
            (0..40).map(|at| alias("deep", if at == 0 { 1 } else { at + 1 })).collect(),
            "is more than 32 types deep",
        ),
    ];
    for (types, expected) in cases {
        let error = judge(types).expect_err(expected).to_string();
        assert!(error.contains(expected), "{error}\nexpected: {expected}");
    }
}

#[test]
fn types_that_c_can_write_are_accepted() {
    let list = vec![structure("list", 8, vec![member("next", 3, 0)]), BtfType::Ptr { to: BtfId(2) }];
    let flexible = vec![
        BtfType::Array(ArrayType { element: BtfId(1), index: BtfId(1), count: 0 }),
        structure("packet", 4, vec![member("len", 1, 0), member("data", 2, 4)]),
    ];
    let unordered = vec![structure("reordered", 8, vec![member("b", 1, 4), member("a", 1, 0)])];
    let empty = vec![structure("nothing", 0, Vec::new())];
    for types in [list, flexible, unordered, empty] {
        assert_eq!(judge(types.clone()), Ok(()), "{types:?}");
    }
}

#[test]
fn damaged_containers_name_the_part_and_the_byte() {
    let mut btf = Btf::new();
    btf.push(int());
    let good = btf.to_bytes().expect("written");
    let with = |at: usize, value: &[u8]| {
        let mut bytes = good.clone();
        bytes[at..at + value.len()].copy_from_slice(value);
        bytes
    };
    let cases: Vec<(Vec<u8>, &str)> = vec![
        (Vec::new(), "header, offset 0x0: ends within the first eight bytes"),
        (with(0, &[0xeb, 0x9f]), "header, offset 0x0: big-endian BTF; only little-endian BTF is read"),
        (with(0, b"\x7fE"), "header, offset 0x0: magic is 0x457f; expected 0xeb9f"),
        (with(2, &[9]), "header, offset 0x2: version is 9; version 1 is read"),
        (with(3, &[1]), "header, offset 0x3: flags are 0x1 but must be 0"),
        (with(4, &[7]), "header, offset 0x4: header length is 7"),
        (
            with(12, &[0xff, 0xff]),
            "header, offset 0x8: type section of 65535 bytes at 0x18 ends after the data",
        ),
        (with(16, &[0]), "header, offset 0x8: type and string sections overlap"),
        (with(20, &[4]), "header, offset 0x8: sections do not follow each other without gaps"),
        (with(24, &[0x77]), "type section, offset 0x0: name offset 0x77 is not in the string section"),
        (with(24, &[0]), ""),
        (with(31, &[0x1f]), "type section, offset 0x0: unknown kind 31; kinds 1 to 19 are known"),
        (with(31, &[0x0d]), "type section, offset 0x0: FUNC_PROTO: has the name `int` but must have none"),
        (with(28, &[1]), "type section, offset 0x0: INT: vlen is 1 but must be 0"),
        (with(30, &[1]), "type section, offset 0x0: info word 0x01010000 has reserved bits set"),
        (with(31, &[0x81]), "type section, offset 0x0: INT: kind_flag must be 0"),
        (with(39, &[3]), "type section, offset 0xc: INT `int`: unknown encoding 0x3"),
        (with(36, &[99]), "type1 (INT `int`), type section offset 0x0: 99 bits in 4 bytes"),
        (with(40, &[1]), "string section, offset 0x0: expected the empty string first"),
        (with(44, &[1]), "string section, offset 0x4: the last string is not terminated"),
        (with(42, &[7]), "contains the control character 0x07"),
        (with(42, &[0xff]), "is not UTF-8"),
    ];
    for (bytes, expected) in cases {
        match Btf::parse(&bytes) {
            Ok(_) => assert!(expected.is_empty(), "accepted, expected: {expected}"),
            Err(error) => {
                let text = error.to_string();
                assert!(!expected.is_empty() && text.contains(expected), "{text}\nexpected: {expected}");
            }
        }
    }
}

#[test]
fn a_file_with_one_long_name_cannot_ask_for_much_memory() {
    // 200,000 types that all name the same megabyte.
    let long = "x".repeat(1 << 20);
    let mut btf = Btf::new();
    btf.push(BtfType::Float { name: long, size: 4 });
    let mut bytes = btf.to_bytes().expect("written");
    let record = bytes[24..36].to_vec();
    let copies = 200_000;
    let strings = bytes.split_off(36);
    bytes.truncate(24);
    (0..copies).for_each(|_| bytes.extend_from_slice(&record));
    let types = u32::try_from(copies * 12).expect("small").to_le_bytes();
    bytes[12..16].copy_from_slice(&types);
    bytes[16..20].copy_from_slice(&types);
    bytes.extend_from_slice(&strings);
    let error = Btf::parse(&bytes).expect_err("too much").to_string();
    assert!(error.contains("names take more than 67108864 bytes together"), "{error}");
}
