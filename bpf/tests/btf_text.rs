//! Types as C, and the comparison of an object's types with a host's.

use opswap_bpf::btf::{ArrayType, IntEncoding, IntType, Member, Offsets, Param, compare, compare_pointee};
use opswap_bpf::{Btf, BtfId, BtfType};

struct Types {
    btf: Btf,
    u32: BtfId,
    u64: BtfId,
}

fn types() -> Types {
    let mut btf = Btf::new();
    let mut int = |name: &str, size: u32, bits: u8| {
        let name = name.into();
        btf.push(BtfType::Int(IntType { name, size, encoding: IntEncoding::Unsigned, bit_offset: 0, bits }))
    };
    let (u32, u64) = (int("u32", 4, 32), int("u64", 8, 64));
    Types { btf, u32, u64 }
}

fn member(name: &str, ty: BtfId, bit_offset: u32, bitfield_bits: u8) -> Member {
    Member { name: name.into(), ty, bit_offset, bitfield_bits }
}

fn param(name: &str, ty: BtfId) -> Param {
    Param { name: name.into(), ty }
}

impl Types {
    fn push(&mut self, ty: BtfType) -> BtfId {
        self.btf.push(ty)
    }

    fn pointer(&mut self, to: BtfId) -> BtfId {
        self.push(BtfType::Ptr { to })
    }

    fn array(&mut self, element: BtfId, count: u32) -> BtfId {
        let index = self.u32;
        self.push(BtfType::Array(ArrayType { element, index, count }))
    }

    fn structure(&mut self, name: &str, size: u32, members: Vec<Member>) -> BtfId {
        self.push(BtfType::Struct { name: name.into(), size, members })
    }

    fn proto(&mut self, ret: BtfId, params: Vec<Param>) -> BtfId {
        self.push(BtfType::FuncProto { ret, params })
    }
}

#[test]
fn declarators_read_as_c_writes_them() {
    let mut t = types();
    let flow = t.structure("Flow", 0, Vec::new());
    let const_flow = t.push(BtfType::Const { of: flow });
    let to_const = t.pointer(const_flow);
    let const_pointer = t.push(BtfType::Const { of: to_const });
    let row = t.array(t.u32, 4);
    let rows = t.array(row, 2);
    let to_row = t.pointer(row);
    let proto = t.proto(t.u64, vec![param("flow", to_const), param("", t.u32), param("", BtfId(0))]);
    let callback = t.pointer(proto);
    let callbacks = t.array(callback, 3);
    let nothing = t.proto(BtfId(0), Vec::new());
    let to_nothing = t.pointer(nothing);
    let returns_function = t.proto(to_nothing, vec![param("cb", callback)]);
    let tagged = t.push(BtfType::type_tag("kptr", flow));
    let kptr = t.pointer(tagged);
    let name = t.push(BtfType::Typedef { name: "rows_t".into(), of: rows });
    let cases = [
        (BtfId(0), "x", "void x"),
        (t.u32, "", "u32"),
        (flow, "f", "struct Flow f"),
        (to_const, "", "const struct Flow *"),
        (const_pointer, "p", "const struct Flow *const p"),
        (rows, "m", "u32 m[2][4]"),
        (row, "", "u32[4]"),
        (to_row, "p", "u32 (*p)[4]"),
        (callback, "cb", "u64 (*cb)(const struct Flow *flow, u32, ...)"),
        (callbacks, "cbs", "u64 (*cbs[3])(const struct Flow *flow, u32, ...)"),
        (returns_function, "get", "void (*get(u64 (*cb)(const struct Flow *flow, u32, ...)))(void)"),
        (kptr, "k", "__attribute__((btf_type_tag(\"kptr\"))) struct Flow *k"),
        (name, "n", "rows_t n"),
    ];
    for (id, declared, expected) in cases {
        assert_eq!(t.btf.c_declaration(id, declared), expected);
    }
    assert_eq!(t.btf.c_definition(name, Offsets::Hidden), "typedef u32 rows_t[2][4];\n");
}

#[test]
fn a_definition_shows_offsets_in_one_column() {
    let mut t = types();
    let inner = t.push(BtfType::Union {
        name: String::new(),
        size: 8,
        members: vec![member("whole", t.u64, 0, 0), member("low", t.u32, 0, 0)],
    });
    let members = vec![
        member("id", t.u32, 0, 0),
        member("", inner, 64, 0),
        member("flag", t.u32, 128, 1),
        member("rest", t.u32, 129, 20),
    ];
    let owner = t.structure("owner", 24, members);
    let expected = "\
struct owner {
\tu32 id;                 /* 0 */
\tunion {
\t\tu64 whole;      /* 8 */
\t\tu32 low;        /* 8 */
\t};                      /* 8 bytes */
\tu32 flag : 1;           /* 16:0 */
\tu32 rest : 20;          /* 16:1 */
};                              /* size 24 */
";
    let text = t.btf.c_definition(owner, Offsets::Shown);
    let squeeze = |text: &str| -> Vec<String> {
        text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect()
    };
    assert_eq!(squeeze(&text), squeeze(expected));
    let plain = t.btf.c_definition(owner, Offsets::Hidden);
    assert!(!plain.contains("/*") && plain.contains("\tu32 rest : 20;\n"), "{plain}");
}

/// `struct flow` with a `u32 acked` at a given byte, a pointer to itself, and an array.
fn flow(acked_at: u32, count: u32, size: u32) -> (Types, BtfId) {
    let mut t = types();
    let id = BtfId(u32::try_from(t.btf.len()).expect("small") + 2);
    let pointer = t.pointer(id);
    let array = t.array(t.u64, count);
    let members = vec![
        member("next", pointer, 0, 0),
        member("acked", t.u32, acked_at * 8, 0),
        member("private", array, 128, 0),
    ];
    let made = t.structure("flow", size, members);
    assert_eq!(made, id);
    (t, id)
}

#[test]
fn equal_layouts_are_equal() {
    let (object, from) = flow(8, 4, 48);
    let (host, to) = flow(8, 4, 48);
    assert_eq!(compare(&object.btf, from, &host.btf, to), Ok(()));
}

#[test]
fn differences_are_shown_as_c_on_both_sides() {
    let (object, from) = flow(8, 4, 48);
    let (host, to) = flow(12, 4, 48);
    let mismatch = compare(&object.btf, from, &host.btf, to).expect_err("moved");
    assert_eq!(
        mismatch.to_string(),
        "\
`flow` differs between the object and the host: member `acked`: at byte 8 in the object, at byte 12 in the host
in the object:
  struct flow {
      struct flow *next;  /* 0 */
>     u32 acked;          /* 8 */
      u64 private[4];     /* 16 */
  };                      /* size 48 */
in the host:
  struct flow {
      struct flow *next;  /* 0 */
>     u32 acked;          /* 12 */
      u64 private[4];     /* 16 */
  };                      /* size 48 */"
    );
    let cases = [
        (flow(8, 3, 48), "member `private`: `u64[4]` in the object, `u64[3]` in the host"),
        (flow(8, 4, 56), "size is 48 bytes in the object and 56 in the host"),
    ];
    for ((host, to), expected) in cases {
        let mismatch = compare(&object.btf, from, &host.btf, to).expect_err(expected);
        assert_eq!(mismatch.difference, expected);
    }
}

#[test]
fn what_a_program_holds_pointers_to_may_be_longer_in_the_host() {
    let (object, from) = flow(8, 4, 48);
    let (longer, to) = flow(8, 4, 56);
    assert_eq!(compare_pointee(&object.btf, from, &longer.btf, to), Ok(()));
    let shorter = compare_pointee(&longer.btf, to, &object.btf, from).expect_err("it ends too early");
    assert_eq!(shorter.difference, "size is 56 bytes in the object and 48 in the host");

    // Inside another struct, the size decides where the next member lies.
    let holds = |(mut t, flow): (Types, BtfId), size| {
        let members = vec![member("flow", flow, 0, 0)];
        let outer = t.structure("outer", size, members);
        (t, outer)
    };
    let (object, from) = holds((object, from), 64);
    let (longer, to) = holds((longer, to), 64);
    let nested = compare_pointee(&object.btf, from, &longer.btf, to).expect_err("another size inside");
    assert!(nested.difference.contains("size is 48 bytes"), "{}", nested.difference);
}

#[test]
fn a_member_that_the_host_lacks_is_named() {
    let (mut object, _) = flow(8, 4, 48);
    let only = vec![member("extra", object.u32, 0, 0)];
    let from = object.structure("flow", 48, only);
    let (host, to) = flow(8, 4, 48);
    let mismatch = compare(&object.btf, from, &host.btf, to).expect_err("no such member");
    assert_eq!(mismatch.difference, "the host has no member `extra`");
    // Leaving members out is fine.
    let fewer = vec![member("acked", object.u32, 64, 0)];
    let from = object.structure("flow", 48, fewer);
    assert_eq!(compare(&object.btf, from, &host.btf, to), Ok(()));
}

#[test]
fn prototypes_are_compared_by_parameters() {
    let make = |wide: bool, name: &str| {
        let mut t = types();
        let flow = t.structure("flow", 0, Vec::new());
        let pointer = t.pointer(flow);
        let number = if wide { t.u64 } else { t.u32 };
        let proto = t.proto(BtfId(0), vec![param("", pointer), param("acked", number)]);
        let linkage = opswap_bpf::program::Linkage::Extern;
        let func = opswap_bpf::btf::Func { name: name.into(), proto, linkage };
        let func = t.push(BtfType::Func(func));
        (t, func)
    };
    let (object, from) = make(false, "note");
    let (same, to) = make(false, "note");
    assert_eq!(compare(&object.btf, from, &same.btf, to), Ok(()));
    let (wide, to) = make(true, "note");
    let mismatch = compare(&object.btf, from, &wide.btf, to).expect_err("wider");
    assert_eq!(
        mismatch.to_string(),
        "`note` differs between the object and the host: parameter 2 `acked`: `u32` in the object, `u64` in the \
         host\nin the object:\n  void note(struct flow *, u32 acked);\nin the host:\n  void note(struct flow *, \
         u64 acked);"
    );
}

#[test]
fn endless_prototypes_break_off() {
    let mut t = types();
    let mut proto = t.proto(t.u32, Vec::new());
    for _ in 0..30 {
        let pointer = t.pointer(proto);
        proto = t.proto(t.u32, (0..8).map(|_| param("", pointer)).collect());
    }
    let text = t.btf.c_declaration(proto, "f");
    assert!(text.contains("...") && text.len() < 1 << 20, "{} bytes", text.len());
}
