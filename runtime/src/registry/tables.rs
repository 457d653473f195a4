//! Tables of operations: STRUCT, value struct and stubs in BTF, and their contract.

use std::sync::Arc;

use opswap_bpf::btf::{BtfType, EnumValue, Func, Member, Signedness};
use opswap_bpf::insn::Size;
use opswap_bpf::program::Linkage;
use opswap_bpf::proto::{
    ContextArg, ContextLayout, DeclaredAt, EntryProto, KfuncFlags, MemAccess, OpPresence, OpProto, RetKind,
    RetProto, RetTrust, ReturnRule, Sleepable, StructOpsMember, StructOpsMemberKind, StructOpsProto,
};
use opswap_bpf::{BtfId, OpIdx, TypeRef};

use super::contract::Signature;
use super::error::RegistryError;
use super::functions::{declared_at, tag_place};
use super::ops;
use super::types::{Types, User, check_version};
use super::{Owner, Slices, Table};
use crate::declare::{
    IntForm, OpsMemberDecl, OpsMemberForm, PresenceDecl, SleepDecl, StructOpsDecl, StubAddr, Tie,
};

/// Bytes in front of the table in its value struct, and the alignment of both (a cache line, as in Linux).
const VALUE_HEAD: u32 = 64;

/// The tables of one part, in the order given.
pub(super) fn lower(
    records: &[&StructOpsDecl],
    owner: &Owner,
    types: &mut Types,
) -> Result<Vec<Table>, RegistryError> {
    records.iter().map(|decl| table(decl, owner, types)).collect()
}

fn table(decl: &StructOpsDecl, owner: &Owner, types: &mut Types) -> Result<Table, RegistryError> {
    let user = User { name: decl.name, place: decl.place };
    check_version(decl.header.is_current(), user)?;
    let mut members = Vec::new();
    let mut fields = Vec::new();
    let mut slices = Vec::new();
    for member in decl.members {
        let (lowered, field) = self::member(decl, member, types, &mut slices)?;
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
    Ok(Table { proto: Arc::new(proto), doc: decl.doc.to_owned(), owner: owner.clone(), slices })
}

fn member(
    table: &StructOpsDecl,
    member: &OpsMemberDecl,
    types: &mut Types,
    slices: &mut Slices,
) -> Result<(StructOpsMember, Member), RegistryError> {
    let user = User { name: member.name, place: table.place };
    let (kind, ty) = match member.form {
        OpsMemberForm::Data => (StructOpsMemberKind::Data, types.expr(&member.ty, user)?),
        OpsMemberForm::Op => {
            let (op, ty, slice) = operation(table, member, user, types)?;
            slices.extend(slice.map(|access| (op.op, access)));
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
) -> Result<(OpProto, BtfId, Option<MemAccess>), RegistryError> {
    if let Some(found) = member.stub.map(StubAddr::hash).filter(|found| *found != member.cfi_hash) {
        let expected = member.cfi_hash;
        return Err(user.signature(format!(
            "has a stub with the type hash {found:#010x}, its prototype has {expected:#010x}: is the binary damaged?"
        )));
    }
    let lowered = ops::lower(member.args, user, types)?;
    let signature = Signature { args: member.args, flags: KfuncFlags::empty(), user };
    let (ret, ret_type) = signature.ret(&member.ret, Tie::NONE, types)?;
    let proto = types.intern(BtfType::FuncProto { ret: ret_type, params: lowered.params });
    let stub =
        Func { name: format!("{}__{}", table.name, member.name).into(), proto, linkage: Linkage::Global };
    let stub = types.push(BtfType::Func(stub));
    for (at, text) in lowered.tags.into_iter().enumerate() {
        types.tag(stub, Some(at), text);
    }
    types.tag_signature(stub, &[], &ret);
    let sleepable = match member.sleep {
        SleepDecl::Atomic => Sleepable::No,
        SleepDecl::Sleepable => Sleepable::Yes,
    };
    let name = format!("{}::{}", table.name, member.name);
    let entry = entry_proto(name, lowered.slots, ret, sleepable, Some(declared_at(table.place)))
        .map_err(|problem| user.signature(problem))?;
    let presence = match member.presence {
        PresenceDecl::Required => OpPresence::Required,
        PresenceDecl::Optional => OpPresence::Optional,
        PresenceDecl::Unsupported => OpPresence::Unsupported,
    };
    let op = OpProto { op: OpIdx(member.op), entry, presence, cfi_hash: member.cfi_hash };
    Ok((op, types.pointer(proto), lowered.slice))
}

/// The contract of the programs that implement an operation with this signature.
pub(super) fn entry_proto(
    name: String,
    slots: Vec<ContextArg>,
    ret: RetProto,
    sleepable: Sleepable,
    declared_at: Option<DeclaredAt>,
) -> Result<EntryProto, String> {
    Ok(EntryProto {
        name,
        context: ContextLayout::Args(slots),
        ret: return_rule(ret)?,
        sleepable,
        declared_at,
    })
}

fn return_rule(ret: RetProto) -> Result<ReturnRule, String> {
    if ret.kind == RetKind::Void {
        Ok(ReturnRule::Void)
    } else if let RetKind::Scalar { size, signed } = ret.kind {
        Ok(ReturnRule::Scalar { size, signed })
    } else if let RetKind::Object { ty, trust: RetTrust::Owned } = ret.kind {
        Ok(ReturnRule::Owned { ty, null: ret.null })
    } else {
        Err("an operation returns a number, an owned reference, or nothing".to_owned())
    }
}

fn tag(decl: &StructOpsDecl, ty: BtfId, types: &mut Types) {
    types.tag(ty, None, "struct_ops");
    tag_place(ty, decl.place, types);
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
            types.tag(ty, Some(at), format!("op:cfi={:08x}", member.cfi_hash));
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
