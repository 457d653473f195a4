//! [`TypeClass`]: the kinds of BTF as they are treated alike, so that each list of all kinds stands here and nowhere else.

use super::types::{BtfType, IntEncoding, Member, Signedness};
use crate::ids::BtfId;

/// What sort of thing a type is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum TypeClass {
    /// `void`.
    Void,
    /// INT.
    Int,
    /// ENUM, ENUM64.
    Enum,
    /// FLOAT.
    Float,
    /// PTR.
    Pointer,
    /// ARRAY.
    Array,
    /// STRUCT, UNION.
    Aggregate,
    /// FWD.
    Forward,
    /// Another name for a type, or a type with a qualifier: TYPEDEF, CONST, VOLATILE, RESTRICT, TYPE_TAG.
    Alias,
    /// FUNC_PROTO.
    Prototype,
    /// What is no type: FUNC, VAR, DATASEC, DECL_TAG.
    Declaration,
}

impl BtfType {
    /// What sort of thing it is.
    pub fn class(&self) -> TypeClass {
        match self {
            Self::Void => TypeClass::Void,
            Self::Int(_) => TypeClass::Int,
            Self::Enum { .. } | Self::Enum64 { .. } => TypeClass::Enum,
            Self::Float { .. } => TypeClass::Float,
            Self::Ptr { .. } => TypeClass::Pointer,
            Self::Array(_) => TypeClass::Array,
            Self::Struct { .. } | Self::Union { .. } => TypeClass::Aggregate,
            Self::Fwd { .. } => TypeClass::Forward,
            Self::Typedef { .. }
            | Self::Volatile { .. }
            | Self::Const { .. }
            | Self::Restrict { .. }
            | Self::TypeTag { .. } => TypeClass::Alias,
            Self::FuncProto { .. } => TypeClass::Prototype,
            Self::Func(_) | Self::Var(_) | Self::Datasec { .. } | Self::DeclTag { .. } => {
                TypeClass::Declaration
            }
        }
    }

    /// Whether it is a number: INT, ENUM or ENUM64.
    pub fn is_number(&self) -> bool {
        matches!(self.class(), TypeClass::Int | TypeClass::Enum)
    }

    /// Whether it has members or enumerators of its own: STRUCT, UNION, ENUM, ENUM64.
    pub fn is_definition(&self) -> bool {
        matches!(self.class(), TypeClass::Aggregate | TypeClass::Enum)
    }

    /// Whether a number is signed; `None` for what is no number.
    pub fn signedness(&self) -> Option<Signedness> {
        if let Self::Enum { signed, .. } | Self::Enum64 { signed, .. } = self {
            return Some(*signed);
        }
        let Self::Int(int) = self else { return None };
        Some(match int.encoding {
            IntEncoding::Signed => Signedness::Signed,
            IntEncoding::Unsigned | IntEncoding::Char | IntEncoding::Bool => Signedness::Unsigned,
        })
    }

    /// Members of a STRUCT or UNION.
    pub fn members(&self) -> Option<&[Member]> {
        if let Self::Struct { members, .. } | Self::Union { members, .. } = self {
            Some(members)
        } else {
            None
        }
    }

    /// What a qualifier or type tag qualifies.
    pub fn qualified(&self) -> Option<BtfId> {
        if let Self::Volatile { of } | Self::Const { of } | Self::Restrict { of } | Self::TypeTag { of, .. } =
            self
        {
            Some(*of)
        } else {
            None
        }
    }

    /// What a typedef, qualifier or type tag stands for.
    pub fn alias_of(&self) -> Option<BtfId> {
        if let Self::Typedef { of, .. } = self { Some(*of) } else { self.qualified() }
    }

    /// The one type that a type is made of: what an alias stands for, a pointer points to, an array consists of.
    pub fn made_of(&self) -> Option<BtfId> {
        if let Self::Ptr { to: of } | Self::Array(super::ArrayType { element: of, .. }) = self {
            Some(*of)
        } else {
            self.alias_of()
        }
    }

    /// Bytes that the type itself states; `None` where they follow from other types, or there are none.
    pub fn stated_size(&self) -> Option<u32> {
        if let Self::Int(int) = self {
            return Some(int.size);
        }
        if let Self::Struct { size, .. }
        | Self::Union { size, .. }
        | Self::Enum { size, .. }
        | Self::Enum64 { size, .. }
        | Self::Float { size, .. }
        | Self::Datasec { size, .. } = self
        {
            return Some(*size);
        }
        matches!(self, Self::Ptr { .. }).then_some(8)
    }
}
