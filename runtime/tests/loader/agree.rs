//! Structs that an object shares with its host: equal layouts pass, others are shown as C.

use opswap::loader::ObjectFile;
use opswap_bpf::btf::{ArrayType, IntEncoding, IntType, Member, Param};
use opswap_bpf::{Btf, BtfId, BtfType, OpIdx, ProgramKind};

use crate::hosts::{FakeHost, object};

/// The host's `struct sched_ops`, as `full.bpf.c` declares it but for the offset of `setup`.
fn host(setup_at: u32) -> FakeHost {
    let mut btf = Btf::new();
    let mut int = |name: &str, size: u32, bits: u8| {
        let name = name.into();
        btf.push(BtfType::Int(IntType { name, size, encoding: IntEncoding::Unsigned, bit_offset: 0, bits }))
    };
    let (u8, u32, u64) = (int("u8", 1, 8), int("u32", 4, 32), int("u64", 8, 64));
    let task = btf.push(BtfType::Struct { name: "task".into(), size: 16, members: Vec::new() });
    let task = btf.push(BtfType::Ptr { to: task });
    let mut op = |params: Vec<Param>| {
        let to = btf.push(BtfType::FuncProto { ret: u64, params });
        btf.push(BtfType::Ptr { to })
    };
    let weigh = op(vec![Param { name: "task".into(), ty: task }]);
    let setup = op(Vec::new());
    let name = btf.push(BtfType::Array(ArrayType { element: u8, index: u32, count: 8 }));
    let member = |name: &str, ty: BtfId, offset: u32| Member {
        name: name.into(),
        ty,
        bit_offset: offset * 8,
        bitfield_bits: 0,
    };
    let members = vec![
        member("weigh", weigh, 0),
        member("flags", u32, 8),
        member("setup", setup, setup_at),
        member("name", name, 24),
    ];
    btf.push(BtfType::Struct { name: "sched_ops".into(), size: 32, members });
    FakeHost { types: Some(btf), ..FakeHost::full() }
}

fn link(host: &FakeHost) -> Result<(), String> {
    let object = ObjectFile::parse(&object("full.bpf.o")).expect("the object is sound");
    let kind = ProgramKind::StructOps { ops: "sched_ops".into(), op: OpIdx(1) };
    object.link(3, kind, host).map(drop).map_err(|error| error.to_string())
}

#[test]
fn equal_tables_link() {
    assert_eq!(link(&host(16)), Ok(()));
}

#[test]
fn a_table_that_differs_is_shown_as_c() {
    let error = link(&host(12)).expect_err("moved");
    assert_eq!(
        error,
        "\
program `setup`: `sched_ops___v2` differs between the object and the host: member `setup`: at byte 16 in the \
object, at byte 12 in the host
in the object:
  struct sched_ops___v2 {
      u64 (*weigh)(struct task *);  /* 0 */
      u32 flags;                    /* 8 */
>     u64 (*setup)(void);           /* 16 */
      char name[8];                 /* 24 */
  };                                /* size 32 */
in the host:
  struct sched_ops {
      u64 (*weigh)(struct task *task);  /* 0 */
      u32 flags;                        /* 8 */
>     u64 (*setup)(void);               /* 12 */
      u8 name[8];                       /* 24 */
  };                                    /* size 32 */"
    );
}

#[test]
fn structs_that_are_relocated_may_differ() {
    let object = ObjectFile::parse(&object("core.bpf.o")).expect("the object is sound");
    let mut btf = Btf::new();
    let name = "shape".into();
    btf.push(BtfType::Struct { name, size: 8, members: Vec::new() });
    let host = FakeHost { types: Some(btf), ..FakeHost::default() };
    let kind = ProgramKind::StructOps { ops: "shapes".into(), op: OpIdx(0) };
    assert!(object.link(1, kind, &host).is_ok());
}
