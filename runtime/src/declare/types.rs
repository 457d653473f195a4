//! [`TypeDecl`]: the record of one `#[derive(Btf)]`.

use super::header::{DeclHeader, DeclKind, Place};
use super::shape::NullDecl;
use super::type_expr::{IntForm, TypeExpr, TypeKey};
use crate::types::{BtfEnum, BtfObject};

/// What kind of type it is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[repr(u8)]
pub enum TypeForm {
    /// A struct.
    Struct = 0,
    /// A union.
    Union = 1,
    /// A fieldless enum.
    Enum = 2,
    /// A struct that programs know by name and size only.
    Opaque = 3,
}

/// What programs may do with a field.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[repr(u8)]
pub enum AccessDecl {
    /// Neither read nor write.
    Hidden = 0,
    /// Read.
    ReadOnly = 1,
    /// Read, and write while the object is held exclusively.
    ReadWrite = 2,
    /// Read, and write through any trusted pointer.
    Shared = 3,
}

impl AccessDecl {
    /// What remains when an attribute on the field takes rights away.
    #[must_use]
    pub const fn narrowed(self, to: Self) -> Self {
        match (self, to) {
            (Self::Hidden, _) | (_, Self::Hidden) => Self::Hidden,
            (Self::ReadOnly, _) | (_, Self::ReadOnly) => Self::ReadOnly,
            (Self::ReadWrite | Self::Shared, _) => self,
        }
    }
}

/// What a pointer is that was read from a field.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[repr(u8)]
pub enum PointerDecl {
    /// Not a pointer, or a raw one: checked reads only.
    Untrusted = 0,
    /// Borrowed from its parent.
    Borrowed = 1,
    /// Protected by RCU.
    Rcu = 2,
}

/// A field.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(C)]
pub struct MemberDecl {
    /// Name as programs spell it.
    pub name: &'static str,
    /// Byte offset.
    pub offset: u32,
    /// Bytes.
    pub size: u32,
    /// Type.
    pub ty: TypeExpr,
    /// What programs may do.
    pub access: AccessDecl,
    /// What reading it gives if it is a pointer.
    pub pointer: PointerDecl,
    /// May that pointer be NULL?
    pub null: NullDecl,
    /// BTF tag; may be empty.
    pub tag: &'static str,
}

/// A value of an enum.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(C)]
pub struct EnumeratorDecl {
    /// Name.
    pub name: &'static str,
    /// Bits of the value, extended to 64 by the enum's signedness.
    pub value: u64,
}

/// A type.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(C)]
pub struct TypeDecl {
    /// What begins every record.
    pub header: DeclHeader,
    /// Where it was written.
    pub place: Place,
    /// Its key.
    pub key: TypeKey,
    /// Name as programs spell it.
    pub name: &'static str,
    /// Doc comment, lines joined with `\n`; may be empty.
    pub doc: &'static str,
    /// What kind of type it is.
    pub form: TypeForm,
    /// For enums: signedness.
    pub int: IntForm,
    /// Bytes.
    pub size: u32,
    /// Alignment in bytes.
    pub align: u32,
    /// Fields of a struct or union, in order of declaration; skipped ones are absent.
    pub members: &'static [MemberDecl],
    /// Values of an enum.
    pub enumerators: &'static [EnumeratorDecl],
}

const fn small(number: usize) -> u32 {
    assert!(number <= i32::MAX as usize, "types that programs see are smaller than 2 GiB");
    #[expect(clippy::cast_possible_truncation, reason = "checked on the line above")]
    let small = number as u32;
    small
}

impl TypeDecl {
    const fn new<T>(
        place: Place,
        key: TypeKey,
        name: &'static str,
        doc: &'static str,
        form: TypeForm,
    ) -> Self {
        Self {
            header: DeclHeader::new(DeclKind::Type, size_of::<Self>()),
            place,
            key,
            name,
            doc,
            form,
            int: IntForm::Unsigned,
            size: small(size_of::<T>()),
            align: small(align_of::<T>()),
            members: &[],
            enumerators: &[],
        }
    }

    /// A struct or union.
    pub const fn object<T: BtfObject>(
        place: Place,
        form: TypeForm,
        name: &'static str,
        doc: &'static str,
        members: &'static [MemberDecl],
    ) -> Self {
        let mut decl = Self::new::<T>(place, T::KEY, name, doc, form);
        decl.members = members;
        decl
    }

    /// A fieldless enum.
    pub const fn enumeration<T: BtfEnum>(
        place: Place,
        key: TypeKey,
        name: &'static str,
        doc: &'static str,
        enumerators: &'static [EnumeratorDecl],
    ) -> Self {
        let mut decl = Self::new::<T>(place, key, name, doc, TypeForm::Enum);
        decl.int = T::REPR.1;
        decl.enumerators = enumerators;
        decl
    }
}
