//! [`StructOpsDecl`]: the record of one `#[struct_ops]`.

use super::header::{DeclHeader, DeclKind, Place};
use super::kfunc::ArgDecl;
use super::shape::RetShape;
use super::type_expr::{TypeExpr, TypeKey};

/// Whether programs must provide an operation.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[repr(u8)]
pub enum PresenceDecl {
    /// They must.
    Required = 0,
    /// They may.
    Optional = 1,
    /// They must not.
    Unsupported = 2,
}

/// Whether an operation may sleep.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[repr(u8)]
pub enum SleepDecl {
    /// It may not.
    Atomic = 0,
    /// It may.
    Sleepable = 1,
}

/// What a member is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[repr(u8)]
pub enum OpsMemberForm {
    /// A function.
    Op = 0,
    /// Plain data.
    Data = 1,
}

/// A member of a table.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(C)]
pub struct OpsMemberDecl {
    /// Name.
    pub name: &'static str,
    /// Doc comment; may be empty.
    pub doc: &'static str,
    /// Byte offset.
    pub offset: u32,
    /// Bytes.
    pub size: u32,
    /// Function or data.
    pub form: OpsMemberForm,
    /// For operations.
    pub presence: PresenceDecl,
    /// For operations.
    pub sleep: SleepDecl,
    /// For operations: index among the operations.
    pub op: u32,
    /// For operations: type hash of the prototype.
    pub cfi_hash: u32,
    /// For data: its type.
    pub ty: TypeExpr,
    /// For operations: parameters.
    pub args: &'static [ArgDecl],
    /// For operations: result.
    pub ret: RetShape,
}

/// A table of operations.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(C)]
pub struct StructOpsDecl {
    /// What begins every record.
    pub header: DeclHeader,
    /// Where it was written.
    pub place: Place,
    /// The Rust type's key.
    pub key: TypeKey,
    /// Name as programs spell it (`cong_ops`).
    pub name: &'static str,
    /// Doc comment, lines joined with `\n`; may be empty.
    pub doc: &'static str,
    /// Bytes of the C layout.
    pub size: u32,
    /// Alignment of the C layout.
    pub align: u32,
    /// Members in order of offset.
    pub members: &'static [OpsMemberDecl],
}

impl StructOpsDecl {
    /// The record of table `T`.
    pub const fn new<T>(
        place: Place,
        key: TypeKey,
        name: &'static str,
        doc: &'static str,
        members: &'static [OpsMemberDecl],
    ) -> Self {
        assert!(size_of::<T>() <= 1 << 16, "a table of operations has at most 65,536 bytes");
        #[expect(clippy::cast_possible_truncation, reason = "checked on the line above")]
        let (size, align) = (size_of::<T>() as u32, align_of::<T>() as u32);
        Self {
            header: DeclHeader::new(DeclKind::StructOps, size_of::<Self>()),
            place,
            key,
            name,
            doc,
            size,
            align,
            members,
        }
    }
}
