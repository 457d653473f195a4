//! [`Lent`]: what a kfunc may return by reference: host objects, and numbers as memory to be read.

use crate::declare::{IntForm, MemRule, NullDecl, RetForm, RetShape, TrustDecl, TypeExpr};
use crate::run::Run;

use super::btf::{BtfObject, BtfType};
use super::pointee::ViaRef;
use super::ret::{Encode, KfuncRet};

/// A type that a kfunc may return by reference.
///
/// # Safety
/// A reference to it is what `SHAPE` promises.
#[diagnostic::on_unimplemented(
    message = "a kfunc cannot return a `&{Self}`",
    label = "no BPF program can hold a pointer to this",
    note = "for a struct of your own: `#[derive(opswap::Btf)]` with `#[repr(C)]`"
)]
pub unsafe trait Lent: 'static {
    /// What a reference promises.
    #[doc(hidden)]
    const SHAPE: RetShape;
}

// SAFETY: a pointer to a live object of this type.
#[diagnostic::do_not_recommend]
unsafe impl<T: BtfObject> Lent for T {
    const SHAPE: RetShape = {
        let mut shape = RetShape::new(RetForm::Object, T::EXPR);
        shape.trust = TrustDecl::Borrowed;
        shape
    };
}

const fn number(ty: TypeExpr, bytes: u32, int: IntForm) -> RetShape {
    let mut shape = RetShape::new(RetForm::Fixed, ty);
    shape.mem = MemRule::Read;
    shape.bytes = bytes;
    shape.int = int;
    shape
}

macro_rules! numbers {
    ($($ty:ty: $form:ident),*) => {$(
        // SAFETY: memory of the number's size that nobody writes while it is lent.
        unsafe impl Lent for $ty {
            const SHAPE: RetShape = number(<$ty>::EXPR, size_of::<$ty>() as u32, IntForm::$form);
        }
    )*};
}

numbers!(
    u8: Unsigned, u16: Unsigned, u32: Unsigned, u64: Unsigned, usize: Unsigned,
    i8: Signed, i16: Signed, i32: Signed, i64: Signed, isize: Signed
);

impl<T: Lent> KfuncRet for &T {
    type Via = ViaRef;
    type At<'x> = &'x T;
}

// SAFETY: `Lent`'s promise, for as long as the lifetime, which the declaration ties to an argument.
unsafe impl<'a, T: Lent> Encode<&'a T> for ViaRef {
    const SHAPE: RetShape = T::SHAPE;

    fn encode(value: &'a T, _run: &Run<'_>) -> u64 {
        std::ptr::from_ref(value).expose_provenance() as u64
    }
}

impl<T: Lent> KfuncRet for Option<&T> {
    type Via = ViaRef;
    type At<'x> = Option<&'x T>;
}

// SAFETY: as for `&T`, or NULL.
unsafe impl<'a, T: Lent> Encode<Option<&'a T>> for ViaRef {
    const SHAPE: RetShape = {
        let mut shape = T::SHAPE;
        shape.null = NullDecl::Nullable;
        shape
    };

    fn encode(value: Option<&'a T>, run: &Run<'_>) -> u64 {
        value.map_or(0, |value| <Self as Encode<&'a T>>::encode(value, run))
    }
}
