//! The numbers of the format (`include/uapi/linux/btf.h`): kinds, limits, and which words each kind uses.

use super::types::BtfType;

/// Bytes of one BTF (`BTF_MAX_SIZE` of the kernel).
pub(super) const MAX_BYTES: usize = 16 << 20;
/// Greatest type id (`BTF_MAX_TYPE`).
pub(super) const MAX_TYPES: u32 = 0x000f_ffff;
/// Greatest offset into the string section (`BTF_MAX_NAME_OFFSET`).
pub(super) const MAX_NAME_OFFSET: u32 = 0x00ff_ffff;
/// Most members, enumerators, parameters or variables of one type (`BTF_MAX_VLEN`).
pub(super) const MAX_VLEN: usize = 0xffff;
/// Types that may follow each other by value or by reference without a struct between (`MAX_RESOLVE_DEPTH`).
pub(super) const MAX_DEPTH: u8 = 32;

/// The `kind_flag` bit.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Wire {
    Clear,
    Set,
}

macro_rules! kinds {
    ($($name:ident = $number:literal, $word:literal;)*) => {
        /// A kind by its number.
        #[derive(Clone, Copy, PartialEq, Eq)]
        #[repr(u8)]
        pub(super) enum KindNumber {
            $($name = $number,)*
        }

        impl KindNumber {
            pub(super) fn from_number(number: u8) -> Option<Self> {
                match number {
                    $($number => Some(Self::$name),)*
                    _ => None,
                }
            }

            /// The kernel's word for it.
            pub(super) fn word(self) -> &'static str {
                match self {
                    $(Self::$name => $word,)*
                }
            }
        }
    };
}

kinds! {
    Int = 1, "INT";
    Ptr = 2, "PTR";
    Array = 3, "ARRAY";
    Struct = 4, "STRUCT";
    Union = 5, "UNION";
    Enum = 6, "ENUM";
    Fwd = 7, "FWD";
    Typedef = 8, "TYPEDEF";
    Volatile = 9, "VOLATILE";
    Const = 10, "CONST";
    Restrict = 11, "RESTRICT";
    Func = 12, "FUNC";
    FuncProto = 13, "FUNC_PROTO";
    Var = 14, "VAR";
    Datasec = 15, "DATASEC";
    Float = 16, "FLOAT";
    DeclTag = 17, "DECL_TAG";
    TypeTag = 18, "TYPE_TAG";
    Enum64 = 19, "ENUM64";
}

impl KindNumber {
    /// `None` for `void`, which has no record.
    pub(super) fn of(ty: &BtfType) -> Option<Self> {
        Some(match ty {
            BtfType::Void => return None,
            BtfType::Int(_) => Self::Int,
            BtfType::Ptr { .. } => Self::Ptr,
            BtfType::Array(_) => Self::Array,
            BtfType::Struct { .. } => Self::Struct,
            BtfType::Union { .. } => Self::Union,
            BtfType::Enum { .. } => Self::Enum,
            BtfType::Fwd { .. } => Self::Fwd,
            BtfType::Typedef { .. } => Self::Typedef,
            BtfType::Volatile { .. } => Self::Volatile,
            BtfType::Const { .. } => Self::Const,
            BtfType::Restrict { .. } => Self::Restrict,
            BtfType::Func(_) => Self::Func,
            BtfType::FuncProto { .. } => Self::FuncProto,
            BtfType::Var(_) => Self::Var,
            BtfType::Datasec { .. } => Self::Datasec,
            BtfType::Float { .. } => Self::Float,
            BtfType::DeclTag { .. } => Self::DeclTag,
            BtfType::TypeTag { .. } => Self::TypeTag,
            BtfType::Enum64 { .. } => Self::Enum64,
        })
    }

    pub(super) fn has_vlen(self) -> bool {
        matches!(
            self,
            Self::Struct
                | Self::Union
                | Self::Enum
                | Self::Enum64
                | Self::Func
                | Self::FuncProto
                | Self::Datasec
        )
    }

    pub(super) fn has_flag(self) -> bool {
        matches!(
            self,
            Self::Struct
                | Self::Union
                | Self::Enum
                | Self::Enum64
                | Self::Fwd
                | Self::DeclTag
                | Self::TypeTag
        )
    }

    pub(super) fn word_is_zero(self) -> bool {
        matches!(self, Self::Array | Self::Fwd)
    }

    pub(super) fn is_nameless(self) -> bool {
        matches!(
            self,
            Self::Ptr | Self::Array | Self::Volatile | Self::Const | Self::Restrict | Self::FuncProto
        )
    }

    pub(super) fn needs_name(self) -> bool {
        matches!(
            self,
            Self::Fwd
                | Self::Typedef
                | Self::Func
                | Self::Var
                | Self::Datasec
                | Self::Float
                | Self::DeclTag
                | Self::TypeTag
        )
    }
}
