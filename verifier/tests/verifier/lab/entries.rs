//! What programs are for: operations with arguments, plain memory, fields, nothing; results of every kind.

use opswap_bpf::btf::Signedness;
use opswap_bpf::insn::Size;
use opswap_bpf::proto::{
    ContextArg, ContextField, ContextLayout, ContextValue, DeclaredAt, Demand, MemAccess, NarrowAccess,
    ReturnRule, Sleepable,
};
use opswap_bpf::{EntryProto, TypeRef};

use super::{NON_NULL, NULLABLE, Types};

pub(super) fn entries(types: &Types) -> Vec<EntryProto> {
    let dw = ReturnRule::Scalar { size: Size::DW, signed: Signedness::Unsigned };
    let object = |name: &str, ty, demand, null| ContextArg {
        name: name.into(),
        value: ContextValue::Object { ty: TypeRef::host(ty), demand },
        null,
    };
    let number = |name: &str, size, signed| ContextArg {
        name: name.into(),
        value: ContextValue::Scalar { size, signed },
        null: NON_NULL,
    };
    let op = vec![
        object("flow", types.flow, Demand::Exclusive, NON_NULL),
        number("acked", Size::W, Signedness::Unsigned),
        object("peer", types.peer, Demand::Trusted, NULLABLE),
        number("delta", Size::H, Signedness::Signed),
    ];
    let owned = vec![object("packet", types.packet, Demand::Owned, NON_NULL)];
    let maybe = vec![object("packet", types.packet, Demand::Owned, NULLABLE)];
    let field = |offset, size, access, narrow| ContextField {
        offset,
        size,
        value: ContextValue::Scalar { size: Size::W, signed: Signedness::Unsigned },
        null: NON_NULL,
        access,
        narrow,
    };
    let fields = vec![
        field(0, 4, MemAccess::Read, NarrowAccess::Allowed),
        field(4, 4, MemAccess::ReadWrite, NarrowAccess::Forbidden),
    ];
    let entry = |name: &str, context, ret, sleepable| EntryProto {
        name: name.into(),
        context,
        ret,
        sleepable,
        declared_at: Some(DeclaredAt { file: "lab/src/ops.rs".into(), line: 7 }),
    };
    let rw = MemAccess::ReadWrite;
    let packet = TypeRef::host(types.packet);
    vec![
        entry("op", ContextLayout::Args(op.clone()), dw.clone(), Sleepable::No),
        entry("op_sleepable", ContextLayout::Args(op), dw.clone(), Sleepable::Yes),
        entry("memory", ContextLayout::Memory { size: 64, access: rw }, dw.clone(), Sleepable::No),
        entry("buffer", ContextLayout::Buffer { size: 32, access: rw }, dw.clone(), Sleepable::No),
        entry("fields", ContextLayout::Fields(fields), dw.clone(), Sleepable::No),
        entry("void", ContextLayout::None, ReturnRule::Void, Sleepable::No),
        entry("bool", ContextLayout::None, ReturnRule::Range { min: 0, max: 1 }, Sleepable::No),
        entry("take", ContextLayout::Args(owned.clone()), ReturnRule::Void, Sleepable::No),
        entry("take_maybe", ContextLayout::Args(maybe), ReturnRule::Void, Sleepable::No),
        entry("give", ContextLayout::None, ReturnRule::Owned { ty: packet, null: NON_NULL }, Sleepable::No),
        entry(
            "give_maybe",
            ContextLayout::None,
            ReturnRule::Owned { ty: packet, null: NULLABLE },
            Sleepable::No,
        ),
    ]
}
