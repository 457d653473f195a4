//! Structs of the programs, whose objects they allocate: types, contracts, and what the functions do.

use opswap_bpf::btf::{IntEncoding, IntType, Member};
use opswap_bpf::insn::Size;
use opswap_bpf::interp::Stop;
use opswap_bpf::proto::{Allocation, ArgIdx, ArgKind, Demand, RetKind, RetProto};
use opswap_bpf::random::Struct;
use opswap_bpf::{Btf, BtfId, BtfType, KfuncFlags, KfuncProto, TypeRef};

use crate::calls::{World, escape};
use crate::contracts::{NON_NULL, NULLABLE, VOID, arg};
use crate::heap::{Block, Guard, Writes};

/// Where an item has its count.
const COUNT: u32 = 16;
/// `bpf_refcount`, `item` and `plain` in [`types`].
const REFCOUNT: BtfId = BtfId(2);
pub(crate) const ITEM: BtfId = BtfId(3);
const PLAIN: BtfId = BtfId(4);

/// The structs, with their bytes. Programs may allocate a mere count, too.
const STRUCTS: [(BtfId, usize); 3] = [(REFCOUNT, 4), (ITEM, 24), (PLAIN, 8)];

/// The programs' types.
pub(crate) fn types() -> Btf {
    let mut btf = Btf::new();
    let encoding = IntEncoding::Unsigned;
    let int = IntType { name: "u64".into(), size: 8, encoding, bit_offset: 0, bits: 64 };
    let word = btf.push(BtfType::Int(int));
    let member = |name: &str, ty, offset: u32| Member {
        name: name.into(),
        ty,
        bit_offset: offset * 8,
        bitfield_bits: 0,
    };
    let mut strukt =
        |name: &str, size, members| btf.push(BtfType::Struct { name: name.into(), size, members });
    let count = strukt("bpf_refcount", 4, Vec::new());
    let item =
        strukt("item", 24, vec![member("a", word, 0), member("b", word, 8), member("count", count, COUNT)]);
    let plain = strukt("plain", 8, vec![member("a", word, 0)]);
    assert_eq!((count, item, plain), (REFCOUNT, ITEM, PLAIN), "maps name the types by their numbers");
    btf
}

/// What the generator is told of them.
pub(crate) fn structs() -> Vec<Struct> {
    vec![Struct { id: ITEM, plain: 16, counted: true }, Struct { id: PLAIN, plain: 8, counted: false }]
}

pub(crate) fn kfuncs() -> Vec<KfuncProto> {
    let by = Allocation::Object;
    let kfunc = |name: &str, args, ret, flags| KfuncProto {
        name: name.into(),
        args,
        ret,
        flags,
        func: TypeRef::host(BtfId(0)),
        intrinsic: None,
        declared_at: None,
    };
    let object = |demand| vec![arg("object", ArgKind::Allocated { by, demand })];
    let new = RetProto { kind: RetKind::Allocated { ty: ArgIdx(0), by }, null: NULLABLE };
    let same = RetProto { kind: RetKind::SameAs(ArgIdx(0)), null: NON_NULL };
    let none = KfuncFlags::empty();
    vec![
        kfunc("obj_new", vec![arg("ty", ArgKind::Const { size: Size::DW })], new, none),
        kfunc("obj_drop", object(Demand::Owned), VOID, none),
        kfunc("obj_count", object(Demand::Trusted), same, KfuncFlags::SPINLOCK_SAFE),
    ]
}

impl World<'_> {
    /// Carries out a kfunc; `None` when it is no such function.
    pub(crate) fn allocated(&mut self, name: &str, args: [u64; 5]) -> Option<Result<u64, Stop>> {
        Some(match name {
            "obj_new" if self.rng.percent(20) => Ok(0),
            "obj_new" => self.allocate(args[0], true),
            "obj_drop" => self.own_type(args[0]).and_then(|()| self.release(args[0])),
            "obj_count" => self.own_type(args[0]).map(|()| {
                self.heap.0.borrow_mut().count(args[0]);
                args[0]
            }),
            _ => return None,
        })
    }

    fn own_type(&self, address: u64) -> Result<(), Stop> {
        match self.heap.0.borrow().at(address) {
            Some(Block::Allocated(_)) => Ok(()),
            other => escape(format_args!("{address:#x} ({other:?}) is given for an allocated object")),
        }
    }

    /// A new object, of the program or of a map.
    pub(crate) fn allocate(&mut self, ty: u64, owned: bool) -> Result<u64, Stop> {
        let known = STRUCTS.into_iter().find(|(id, _)| u64::from(id.0) == ty);
        let Some((id, bytes)) = known else { return escape(format_args!("there is no struct {ty}")) };
        let mut heap = self.heap.0.borrow_mut();
        let object = heap.add(Block::Allocated(id), vec![0; bytes], Writes::Allowed, owned);
        if id == ITEM {
            heap.guard(object + u64::from(COUNT), 4, Guard::Closed);
        }
        Ok(object)
    }
}
