//! The kinds of BTF (`include/uapi/linux/btf.h`) as enum variants. Names are owned strings; ids are not resolved.

use super::kind::KindNumber;
use crate::ids::BtfId;
use crate::text::Text;

/// Whether a number is signed.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Signedness {
    /// Zero-extended.
    Unsigned,
    /// Sign-extended.
    Signed,
}

/// Encoding of an INT.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum IntEncoding {
    /// Unsigned number.
    Unsigned,
    /// Signed number.
    Signed,
    /// Character.
    Char,
    /// Truth value.
    Bool,
}

/// Body of an INT.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct IntType {
    /// Name.
    pub name: String,
    /// Bytes.
    pub size: u32,
    /// Encoding.
    pub encoding: IntEncoding,
    /// First bit within the storage.
    pub bit_offset: u8,
    /// Number of bits.
    pub bits: u8,
}

/// Body of an ARRAY.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct ArrayType {
    /// Element type.
    pub element: BtfId,
    /// Index type.
    pub index: BtfId,
    /// Number of elements.
    pub count: u32,
}

/// A member of a STRUCT or UNION.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Member {
    /// Name; empty for an anonymous member.
    pub name: String,
    /// Type.
    pub ty: BtfId,
    /// Offset in bits.
    pub bit_offset: u32,
    /// Bits of a bitfield; 0 for an ordinary member.
    pub bitfield_bits: u8,
}

/// An enumerator of an ENUM.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct EnumValue {
    /// Name.
    pub name: String,
    /// Value as stored.
    pub value: i32,
}

/// An enumerator of an ENUM64.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Enum64Value {
    /// Name.
    pub name: String,
    /// Value as stored.
    pub value: u64,
}

/// A parameter of a FUNC_PROTO. Name empty and type 0 at the end means variadic.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Param {
    /// Name.
    pub name: String,
    /// Type.
    pub ty: BtfId,
}

/// Body of a FUNC.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Func {
    /// Name.
    pub name: Text,
    /// Its FUNC_PROTO.
    pub proto: BtfId,
    /// Linkage.
    pub linkage: crate::program::Linkage,
}

/// Linkage of a VAR.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum VarLinkage {
    /// Static.
    Static,
    /// Defined and visible.
    Global,
    /// Declared only.
    Extern,
}

/// Body of a VAR.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Var {
    /// Name.
    pub name: String,
    /// Type.
    pub ty: BtfId,
    /// Linkage.
    pub linkage: VarLinkage,
}

/// An entry of a DATASEC.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct DatasecVar {
    /// The VAR (or FUNC, in `.ksyms`).
    pub ty: BtfId,
    /// Byte offset in the section.
    pub offset: u32,
    /// Bytes.
    pub size: u32,
}

/// A type.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
#[expect(missing_docs, reason = "the kinds of BTF, with their usual parts")]
pub enum BtfType {
    Void,
    Int(IntType),
    Ptr { to: BtfId },
    Array(ArrayType),
    Struct { name: String, size: u32, members: Vec<Member> },
    Union { name: String, size: u32, members: Vec<Member> },
    Enum { name: String, size: u32, signed: Signedness, values: Vec<EnumValue> },
    Fwd { name: String, kind: FwdKind },
    Typedef { name: String, of: BtfId },
    Volatile { of: BtfId },
    Const { of: BtfId },
    Restrict { of: BtfId },
    Func(Func),
    FuncProto { ret: BtfId, params: Vec<Param> },
    Var(Var),
    Datasec { name: String, size: u32, vars: Vec<DatasecVar> },
    Float { name: String, size: u32 },
    DeclTag { name: Text, of: BtfId, component: Option<u32>, form: TagForm },
    TypeTag { name: String, of: BtfId, form: TagForm },
    Enum64 { name: String, size: u32, signed: Signedness, values: Vec<Enum64Value> },
}

/// How C spells a tag (`kind_flag` of DECL_TAG and TYPE_TAG).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum TagForm {
    /// `__attribute__((btf_decl_tag("NAME")))`, `__attribute__((btf_type_tag("NAME")))`.
    #[default]
    Tag,
    /// `__attribute__((NAME))`.
    Attribute,
}

/// What a forward declaration announces.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum FwdKind {
    /// `struct NAME;`
    Struct,
    /// `union NAME;`
    Union,
}

impl BtfType {
    /// A DECL_TAG of a whole declaration (`component` `None`), or of one of its members or parameters.
    pub fn decl_tag(name: impl Into<Text>, of: BtfId, component: Option<u32>) -> Self {
        Self::DeclTag { name: name.into(), of, component, form: TagForm::Tag }
    }

    /// A TYPE_TAG; `of` is what a PTR in front of it points to.
    pub fn type_tag(name: impl Into<String>, of: BtfId) -> Self {
        Self::TypeTag { name: name.into(), of, form: TagForm::Tag }
    }

    /// The kernel's word for the kind (`STRUCT`); `void` for id 0.
    pub fn kind_word(&self) -> &'static str {
        KindNumber::of(self).map_or("void", KindNumber::word)
    }

    /// The type's name, if its kind has one and it is not empty.
    pub fn name(&self) -> Option<&str> {
        let name = match self {
            Self::Void
            | Self::Ptr { .. }
            | Self::Array(_)
            | Self::Volatile { .. }
            | Self::Const { .. }
            | Self::Restrict { .. }
            | Self::FuncProto { .. } => return None,
            Self::DeclTag { name, .. } => name.as_str(),
            Self::Int(int) => &int.name,
            Self::Func(func) => &func.name,
            Self::Var(var) => &var.name,
            Self::Struct { name, .. }
            | Self::Union { name, .. }
            | Self::Enum { name, .. }
            | Self::Fwd { name, .. }
            | Self::Typedef { name, .. }
            | Self::Datasec { name, .. }
            | Self::Float { name, .. }
            | Self::TypeTag { name, .. }
            | Self::Enum64 { name, .. } => name,
        };
        (!name.is_empty()).then_some(name)
    }
}
