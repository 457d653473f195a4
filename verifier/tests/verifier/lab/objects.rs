//! Types of the programs themselves, whose objects they allocate, and the functions of lists and trees.

use opswap_bpf::btf::{IntEncoding, IntType};
use opswap_bpf::insn::Size;
use opswap_bpf::map::{KptrKind, MapField, SpecialField};
use opswap_bpf::proto::{
    Allocation, ArgIdx, ArgKind, ArgProto, Demand, FieldKind, Intrinsic, NodeUse, Nullness, RetKind,
    RetProto, RetTrust,
};
use opswap_bpf::{Btf, BtfId, BtfType, KfuncFlags, KfuncProto, TypeRef};

use super::{NON_NULL, NULLABLE, VOID, arg, member, number};

/// `item`, `plain` and `twice` in [`types`].
pub(super) const ITEM: BtfId = BtfId(7);
const PLAIN: BtfId = BtfId(8);

/// The programs' types: what is in a list and a tree, what is in a list only, and what breaks the rules.
pub(super) fn types() -> Btf {
    let mut btf = Btf::new();
    let encoding = IntEncoding::Unsigned;
    let u64_ =
        btf.push(BtfType::Int(IntType { name: "u64".into(), size: 8, encoding, bit_offset: 0, bits: 64 }));
    let mut strukt =
        |name: &str, size, members| btf.push(BtfType::Struct { name: name.into(), size, members });
    let list = strukt("bpf_list_node", 24, vec![]);
    let tree = strukt("bpf_rb_node", 32, vec![]);
    let count = strukt("bpf_refcount", 4, vec![]);
    let lock = strukt("bpf_spin_lock", 4, vec![]);
    let timer = strukt("bpf_timer", 16, vec![]);
    let members = vec![
        member("key", u64_, 0),
        member("node", list, 8),
        member("rb", tree, 32),
        member("count", count, 64),
    ];
    let item = strukt("item", 72, members);
    let members = vec![member("key", u64_, 0), member("node", list, 8), member("lock", lock, 32)];
    let plain = strukt("plain", 40, members);
    strukt("twice", 32, vec![member("a", timer, 0), member("b", timer, 16)]);
    assert_eq!((item, plain), (ITEM, PLAIN), "the cases name the types by their numbers");
    btf
}

/// A lock with what it protects: a list and a tree of items, and a list of plain ones.
pub(super) fn lists() -> Vec<MapField> {
    let at = |offset, size, field| MapField { offset, size, field };
    vec![
        at(0, 4, SpecialField::SpinLock),
        at(8, 16, SpecialField::ListHead { contains: ITEM, node_offset: 8 }),
        at(24, 16, SpecialField::RbRoot { contains: ITEM, node_offset: 32 }),
        at(40, 16, SpecialField::ListHead { contains: PLAIN, node_offset: 8 }),
    ]
}

/// Kptrs to objects that the program allocated: two items and a plain one.
pub(super) fn stash() -> Vec<MapField> {
    let kptr = |ty| SpecialField::Kptr { ty: TypeRef::program(ty), kind: KptrKind::Referenced };
    let at = |offset, ty| MapField { offset, size: 8, field: kptr(ty) };
    vec![at(0, ITEM), at(8, ITEM), at(16, PLAIN)]
}

pub(super) fn kfuncs() -> Vec<KfuncProto> {
    let kfunc = |name: &str, args: Vec<ArgProto>, ret, flags| KfuncProto {
        name: name.into(),
        args,
        ret,
        flags,
        func: TypeRef::host(BtfId(0)),
        intrinsic: None,
        declared_at: None,
    };
    let field = |kind| arg("root", ArgKind::Field(kind));
    let node = |kind, taken| arg("node", ArgKind::Node { kind, taken });
    let object = |demand| arg("object", ArgKind::Allocated { by: Allocation::Object, demand });
    let ret = |kind, null: Nullness| RetProto { kind, null };
    let element = |trust| ret(RetKind::ElementOf { root: ArgIdx(0), trust }, NULLABLE);
    let safe = KfuncFlags::SPINLOCK_SAFE;
    let none = KfuncFlags::empty();
    let (head, root) = (FieldKind::ListHead, FieldKind::RbRoot);
    let (list, rb) = (FieldKind::ListNode, FieldKind::RbNode);
    let new = ret(RetKind::Allocated { ty: ArgIdx(0), by: Allocation::Object }, NULLABLE);
    let element_node = ArgKind::Node { kind: rb, taken: NodeUse::Linked };
    let less = arg("less", ArgKind::Callback { args: vec![element_node.clone(), element_node] });
    let borrowed = || element(RetTrust::Borrowed(ArgIdx(0)));
    let owned = || element(RetTrust::Owned);
    let throw = kfunc("throw", vec![arg("cookie", number(Size::DW))], VOID, none);
    vec![
        KfuncProto { intrinsic: Some(Intrinsic::Throw), ..throw },
        kfunc("obj_new", vec![arg("ty", ArgKind::Const { size: Size::DW })], new, none),
        kfunc("obj_drop", vec![object(Demand::Owned)], VOID, none),
        kfunc("obj_count", vec![object(Demand::Trusted)], ret(RetKind::SameAs(ArgIdx(0)), NON_NULL), safe),
        kfunc("list_push", vec![field(head), node(list, NodeUse::Given)], VOID, safe),
        kfunc("list_pop", vec![field(head)], owned(), safe),
        kfunc("list_front", vec![field(head)], borrowed(), safe),
        kfunc("tree_add", vec![field(root), node(rb, NodeUse::Given)], VOID, safe),
        kfunc("tree_add_by", vec![field(root), node(rb, NodeUse::Given), less], VOID, safe),
        kfunc("tree_first", vec![field(root)], borrowed(), safe),
        kfunc("tree_remove", vec![field(root), node(rb, NodeUse::Linked)], owned(), safe),
    ]
}
