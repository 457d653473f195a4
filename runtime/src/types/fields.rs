//! Pointers, cells and atomics as fields of structs that programs see.
//!
//! Programs never write a pointer. An owned or borrowed pointer is borrowed from its parent when read; a raw one is untrusted.

use std::sync::atomic;

use crate::declare::{AccessDecl, IntForm, NullDecl, PointerDecl, TypeExpr};

use super::btf::{BtfObject, BtfType};
use super::cell::{BpfCell, CellValue};
use super::kref::KRef;

macro_rules! borrowed_pointers {
    ($([$($generics:tt)*] $ty:ty: $null:ident),* $(,)?) => {$(
        // SAFETY: a pointer to a live `T` (or NULL in an `Option`) for as long as the struct around it; programs may only read it.
        unsafe impl<$($generics)*> BtfType for $ty {
            const EXPR: TypeExpr = T::EXPR.ptr();
            const ACCESS: AccessDecl = AccessDecl::ReadOnly;
            const POINTER: PointerDecl = PointerDecl::Borrowed;
            const NULL: NullDecl = NullDecl::$null;
        }
    )*};
}

borrowed_pointers!(
    [T: BtfObject] Box<T>: NonNull,
    [T: BtfObject] Option<Box<T>>: Nullable,
    ['a, T: BtfObject] &'a T: NonNull,
    ['a, T: BtfObject] Option<&'a T>: Nullable,
    [T: BtfObject] KRef<T>: NonNull,
    [T: BtfObject] Option<KRef<T>>: Nullable,
);

// SAFETY: an address that programs may only read, and of which nothing is said.
unsafe impl<T: BtfType> BtfType for *const T {
    const EXPR: TypeExpr = T::EXPR.constant().ptr();
    const ACCESS: AccessDecl = AccessDecl::ReadOnly;
}

// SAFETY: as for `*const T`.
unsafe impl<T: BtfType> BtfType for *mut T {
    const EXPR: TypeExpr = T::EXPR.ptr();
    const ACCESS: AccessDecl = AccessDecl::ReadOnly;
}

// SAFETY: a cell has the layout of its number (`repr(transparent)` over its atomic); any bytes are a value.
unsafe impl<T: CellValue + BtfType> BtfType for BpfCell<T> {
    const EXPR: TypeExpr = T::EXPR;
    const ACCESS: AccessDecl = AccessDecl::Shared;
}

macro_rules! atomics {
    ($($ty:ty: $form:ident),*) => {$(
        // SAFETY: an atomic has the layout of its number; any bytes are a value.
        unsafe impl BtfType for $ty {
            const EXPR: TypeExpr = TypeExpr::int(size_of::<$ty>() as u32, IntForm::$form);
            const ACCESS: AccessDecl = AccessDecl::Shared;
        }
    )*};
}

atomics!(
    atomic::AtomicU8: Unsigned, atomic::AtomicU16: Unsigned, atomic::AtomicU32: Unsigned,
    atomic::AtomicU64: Unsigned, atomic::AtomicUsize: Unsigned,
    atomic::AtomicI8: Signed, atomic::AtomicI16: Signed, atomic::AtomicI32: Signed,
    atomic::AtomicI64: Signed, atomic::AtomicIsize: Signed
);

// SAFETY: one byte. Two of its 256 patterns are values, so programs may only read it.
unsafe impl BtfType for atomic::AtomicBool {
    const EXPR: TypeExpr = TypeExpr::int(1, IntForm::Bool);
    const ACCESS: AccessDecl = AccessDecl::ReadOnly;
}
