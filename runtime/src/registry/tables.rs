//! Tables of operations: STRUCT, value struct and stubs in BTF, and their contract.

use std::sync::Arc;

use opswap_bpf::btf::{BtfType, EnumValue, Func, Member, Signedness};
use opswap_bpf::insn::Size;
use opswap_bpf::program::Linkage;
use opswap_bpf::proto::{
    ArgKind, ContextArg, ContextLayout, ContextValue, EntryProto, KfuncFlags, MemSize, OpPresence, OpProto,
    RetKind, RetProto, RetTrust, ReturnRule, Sleepable, StructOpsMember, StructOpsMemberKind, StructOpsProto,
};
use opswap_bpf::{BtfId, OpIdx, TypeRef};

use super::contract::{Lowered, Signature};
use super::error::RegistryError;
use super::functions::{arg_tags, declared_at};
use super::types::{Types, User, check_version};
use super::{Table, sorted_by_name};
use crate::declare::{IntForm, OpsMemberDecl, OpsMemberForm, PresenceDecl, SleepDecl, StructOpsDecl, Tie};

/// Bytes in front of the table in its value struct, and the alignment of both (a cache line, as in Linux).
const VALUE_HEAD: u32 = 64;

/// All tables, sorted by name.
pub(super) fn lower(records: &[StructOpsDecl], types: &mut Types) -> Result<Vec<Table>, RegistryError> {
    let sorted = sorted_by_name("struct_ops", records, |decl| (decl.name, decl.place))?;
    sorted.into_iter().map(|decl| table(decl, types)).collect()
}

fn table(decl: &StructOpsDecl, types: &mut Types) -> Result<Table, RegistryError> {
    let user = User { name: decl.name, place: decl.place };
    check_version(decl.header.is_current(), user)?;
    let mut members = Vec::new();
    let mut fields = Vec::new();
    for member in decl.members {
        let (lowered, field) = self::member(decl, member, types)?;
        members.push(lowered);
        fields.push(field);
    }
    let body = BtfType::Struct { name: decl.name.to_owned(), size: decl.size, members: fields };
    let ty = types.push(body);
    tag(decl, ty, types);
    value_struct(decl, ty, types)?;
    let proto = StructOpsProto {
        name: decl.name.to_owned(),
        ty: TypeRef::host(ty),
        size: decl.size,
        members,
        declared_at: Some(declared_at(decl.place)),
    };
    Ok(Table { proto: Arc::new(proto), place: decl.place, doc: decl.doc })
}

fn member(
    table: &StructOpsDecl,
    member: &OpsMemberDecl,
    types: &mut Types,
) -> Result<(StructOpsMember, Member), RegistryError> {
    let user = User { name: member.name, place: table.place };
    let (kind, ty) = match member.form {
        OpsMemberForm::Data => (StructOpsMemberKind::Data, types.expr(&member.ty, user)?),
        OpsMemberForm::Op => {
            let (op, ty) = operation(table, member, user, types)?;
            (StructOpsMemberKind::Op(op), ty)
        }
    };
    let bit_offset = member.offset.saturating_mul(8);
    let field = Member { name: member.name.to_owned(), ty, bit_offset, bitfield_bits: 0 };
    let lowered =
        StructOpsMember { name: member.name.to_owned(), offset: member.offset, size: member.size, kind };
    Ok((lowered, field))
}

/// An operation's contract, its pointer type, and its stub `<type>__<op>` on the way.
fn operation(
    table: &StructOpsDecl,
    member: &OpsMemberDecl,
    user: User,
    types: &mut Types,
) -> Result<(OpProto, BtfId), RegistryError> {
    let signature = Signature { args: member.args, flags: KfuncFlags::empty(), user };
    let lowered = signature.lower(types)?;
    let (ret, ret_type) = signature.ret(&member.ret, Tie::NONE, types)?;
    let params = lowered.iter().map(|lowered| lowered.param.clone()).collect();
    let proto = types.intern(BtfType::FuncProto { ret: ret_type, params });
    let stub = Func { name: format!("{}__{}", table.name, member.name), proto, linkage: Linkage::Global };
    let stub = types.push(BtfType::Func(stub));
    for (at, arg) in lowered.iter().enumerate() {
        for text in arg_tags(&arg.proto) {
            types.tag(stub, Some(at), text);
        }
    }
    let entry = EntryProto {
        name: format!("{}::{}", table.name, member.name),
        context: ContextLayout::Args(
            lowered.into_iter().map(|arg| context(arg, user)).collect::<Result<_, _>>()?,
        ),
        ret: return_rule(ret, user)?,
        sleepable: match member.sleep {
            SleepDecl::Atomic => Sleepable::No,
            SleepDecl::Sleepable => Sleepable::Yes,
        },
        declared_at: Some(declared_at(table.place)),
    };
    let presence = match member.presence {
        PresenceDecl::Required => OpPresence::Required,
        PresenceDecl::Optional => OpPresence::Optional,
        PresenceDecl::Unsupported => OpPresence::Unsupported,
    };
    let op = OpProto { op: OpIdx(member.op), entry, presence, cfi_hash: member.cfi_hash };
    Ok((op, types.intern(BtfType::Ptr { to: proto })))
}

/// An argument as a program reads it from its context.
fn context(arg: Lowered, user: User) -> Result<ContextArg, RegistryError> {
    let unsigned = Signedness::Unsigned;
    let value = if let ArgKind::Scalar { size, signed } = arg.proto.kind {
        ContextValue::Scalar { size, signed }
    } else if let ArgKind::Checked { size, .. } | ArgKind::Const { size } = arg.proto.kind {
        ContextValue::Scalar { size, signed: unsigned }
    } else if let ArgKind::Object { ty, demand } = arg.proto.kind {
        ContextValue::Object { ty, demand }
    } else if let ArgKind::Memory { size: MemSize::Fixed(size), access, .. } = arg.proto.kind {
        ContextValue::Memory { size, access }
    } else {
        let name = arg.proto.name;
        let problem =
            format!("an operation cannot be given `{name}`: pass numbers, objects or memory of a fixed size");
        return Err(user.signature(problem));
    };
    Ok(ContextArg { name: arg.proto.name, value, null: arg.proto.null })
}

fn return_rule(ret: RetProto, user: User) -> Result<ReturnRule, RegistryError> {
    if ret.kind == RetKind::Void {
        Ok(ReturnRule::Void)
    } else if let RetKind::Scalar { size, signed } = ret.kind {
        Ok(ReturnRule::Scalar { size, signed })
    } else if let RetKind::Object { ty, trust: RetTrust::Owned } = ret.kind {
        Ok(ReturnRule::Owned { ty, null: ret.null })
    } else {
        Err(user.signature("an operation returns a number, an owned reference, or nothing"))
    }
}

fn tag(decl: &StructOpsDecl, ty: BtfId, types: &mut Types) {
    types.tag(ty, None, "struct_ops");
    if !decl.doc.is_empty() {
        types.tag(ty, None, format!("doc:{}", decl.doc));
    }
    for (at, member) in decl.members.iter().enumerate() {
        if member.form == OpsMemberForm::Op {
            let presence = match member.presence {
                PresenceDecl::Required => "op:required",
                PresenceDecl::Optional => "op:optional",
                PresenceDecl::Unsupported => "op:unsupported",
            };
            types.tag(ty, Some(at), presence);
            if member.sleep == SleepDecl::Sleepable {
                types.tag(ty, Some(at), "op:sleepable");
            }
        }
        if !member.doc.is_empty() {
            types.tag(ty, Some(at), format!("doc:{}", member.doc));
        }
    }
}

/// `struct bpf_struct_ops_<type>`: what tools that know Linux expect around a table.
fn value_struct(decl: &StructOpsDecl, ty: BtfId, types: &mut Types) -> Result<(), RegistryError> {
    let user = User { name: decl.name, place: decl.place };
    let size = decl
        .size
        .checked_next_multiple_of(VALUE_HEAD)
        .and_then(|size| size.checked_add(VALUE_HEAD))
        .ok_or_else(|| user.signature("is larger than 4 GiB"))?;
    let common = common_value(types);
    let field = |name: &str, ty, offset: u32| Member {
        name: name.to_owned(),
        ty,
        bit_offset: offset * 8,
        bitfield_bits: 0,
    };
    types.push(BtfType::Struct {
        name: format!("bpf_struct_ops_{}", decl.name),
        size,
        members: vec![field("common", common, 0), field("data", ty, VALUE_HEAD)],
    });
    Ok(())
}

/// `struct bpf_struct_ops_common_value`: reference count and state.
fn common_value(types: &mut Types) -> BtfId {
    let values = ["INIT", "INUSE", "TOBEFREE", "READY"];
    let values = values
        .iter()
        .zip(0..)
        .map(|(name, value)| EnumValue { name: format!("BPF_STRUCT_OPS_STATE_{name}"), value });
    let state = types.intern(BtfType::Enum {
        name: "bpf_struct_ops_state".to_owned(),
        size: Size::W.bytes(),
        signed: Signedness::Unsigned,
        values: values.collect(),
    });
    let count = types.int(4, IntForm::Signed);
    let member =
        |name: &str, ty, bit_offset| Member { name: name.to_owned(), ty, bit_offset, bitfield_bits: 0 };
    types.intern(BtfType::Struct {
        name: "bpf_struct_ops_common_value".to_owned(),
        size: 8,
        members: vec![member("refcnt", count, 0), member("state", state, 32)],
    })
}
