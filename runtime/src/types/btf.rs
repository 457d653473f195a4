//! [`BtfType`]: types that have a C type.

use crate::declare::{AccessDecl, IntForm, MemberDecl, NullDecl, PointerDecl, TypeExpr, TypeForm, TypeKey};

/// A type that programs can see: it has a C type, and a rule for what programs may do with a field of it.
///
/// Derive it for structs, unions and enums; numbers, arrays and pointers have it.
#[diagnostic::on_unimplemented(
    message = "programs cannot see a `{Self}`: it has no C type",
    label = "no C type is known for this",
    note = "for a type of your own: `#[derive(opswap::Btf)]` with `#[repr(C)]`",
    note = "to keep a field from programs: `#[btf(skip)]`"
)]
///
/// # Safety
/// The type has the layout of `EXPR`; any bytes that `ACCESS` lets programs write are a value of it; a pointer in it is what `POINTER`
/// and `NULL` say.
pub unsafe trait BtfType {
    /// Its C type.
    #[doc(hidden)]
    const EXPR: TypeExpr;
    /// What programs may do with a field of this type.
    #[doc(hidden)]
    const ACCESS: AccessDecl = AccessDecl::ReadWrite;
    /// What a pointer read from such a field is.
    #[doc(hidden)]
    const POINTER: PointerDecl = PointerDecl::Untrusted;
    /// May that pointer be NULL?
    #[doc(hidden)]
    const NULL: NullDecl = NullDecl::Nullable;
}

/// A struct or union that programs hold pointers to. Derived with [`BtfType`].
#[diagnostic::on_unimplemented(
    message = "programs cannot hold a pointer to a `{Self}`",
    label = "not a type that programs know",
    note = "derive it: `#[derive(opswap::Btf)]` with `#[repr(C)]`"
)]
///
/// # Safety
/// `KEY` is of this type and no other.
pub unsafe trait BtfObject: BtfType + Sized + 'static {
    /// Its key.
    #[doc(hidden)]
    const KEY: TypeKey;
}

/// A generic struct or union that derives `Btf`. BTF describes one layout, so programs know it by its aliases: [`btf_alias!`](crate::btf_alias).
///
/// # Safety
/// The type has these members.
pub unsafe trait BtfGeneric: Sized {
    /// Struct or union.
    #[doc(hidden)]
    const FORM: TypeForm;
    /// Its fields.
    #[doc(hidden)]
    const MEMBERS: &'static [MemberDecl];
}

/// Names for generic types with their parameters chosen: what programs know them by.
///
/// ```
/// # use opswap::Btf;
/// /// A number and when it was taken.
/// #[derive(Btf)]
/// #[repr(C)]
/// pub struct Sample<T> {
///     at: u64,
///     value: T,
/// }
///
/// opswap::btf_alias! {
///     /// A temperature and when it was taken.
///     pub type Temperature = Sample<i32>;
///     #[btf(name = "flow_sample")]
///     type Flow = Sample<[u64; 2]>;
/// }
/// # fn main() {}
/// ```
///
/// Each type has one alias: a second one for the same parameters does not compile.
#[macro_export]
macro_rules! btf_alias {
    ($($(#[doc = $doc:literal])* $(#[btf(name = $c:literal)])? $vis:vis type $name:ident = $ty:ty;)*) => {$(
        $(#[doc = $doc])*
        $vis type $name = $ty;
        const _: () = {
            use $crate::__private as __p;
            unsafe impl __p::BtfType for $ty {
                const EXPR: __p::TypeExpr = __p::TypeExpr::named(<Self as __p::BtfObject>::KEY);
            }
            unsafe impl __p::BtfObject for $ty {
                const KEY: __p::TypeKey =
                    __p::TypeKey::in_module(__p::core::module_path!(), __p::core::stringify!($name));
            }
            #[__p::linkme::distributed_slice(__p::OPSWAP_TYPES)]
            #[linkme(crate = __p::linkme)]
            static __DECL: __p::Linked<__p::TypeDecl> = unsafe {
                __p::Linked::new(__p::TypeDecl::object::<$ty>(
                    $crate::__place!(),
                    <$ty as __p::BtfGeneric>::FORM,
                    $crate::btf_alias!(@name $name $($c)?),
                    __p::core::concat!($($doc, "\n"),*).trim_ascii(),
                    <$ty as __p::BtfGeneric>::MEMBERS,
                ))
            };
        };
    )*};
    (@name $name:ident) => { $crate::__private::core::stringify!($name) };
    (@name $name:ident $c:literal) => { $c };
}

macro_rules! plain_numbers {
    ($($ty:ty: $form:ident),*) => {$(
        // SAFETY: a primitive number.
        unsafe impl BtfType for $ty {
            const EXPR: TypeExpr = TypeExpr::int(size_of::<$ty>() as u32, IntForm::$form);
        }
    )*};
}

plain_numbers!(
    u8: Unsigned, u16: Unsigned, u32: Unsigned, u64: Unsigned, u128: Unsigned, usize: Unsigned,
    i8: Signed, i16: Signed, i32: Signed, i64: Signed, i128: Signed, isize: Signed
);

// SAFETY: a primitive number.
unsafe impl BtfType for f32 {
    const EXPR: TypeExpr = TypeExpr::float(4);
}

// SAFETY: a primitive number.
unsafe impl BtfType for f64 {
    const EXPR: TypeExpr = TypeExpr::float(8);
}

macro_rules! numbers_with_invariants {
    ($($ty:ty: $form:ident),*) => {$(
        // SAFETY: the layout of a number. Some bytes are no value of this type, so programs may only read it.
        unsafe impl BtfType for $ty {
            const EXPR: TypeExpr = TypeExpr::int(size_of::<$ty>() as u32, IntForm::$form);
            const ACCESS: AccessDecl = AccessDecl::ReadOnly;
        }
    )*};
}

numbers_with_invariants!(
    bool: Bool, char: Unsigned,
    std::num::NonZeroU8: Unsigned, std::num::NonZeroU16: Unsigned, std::num::NonZeroU32: Unsigned,
    std::num::NonZeroU64: Unsigned, std::num::NonZeroUsize: Unsigned,
    std::num::NonZeroI8: Signed, std::num::NonZeroI16: Signed, std::num::NonZeroI32: Signed,
    std::num::NonZeroI64: Signed, std::num::NonZeroIsize: Signed
);

// SAFETY: `T`'s promise, `N` times one after the other.
unsafe impl<T: BtfType, const N: usize> BtfType for [T; N] {
    const EXPR: TypeExpr = T::EXPR.array(N);
    const ACCESS: AccessDecl = T::ACCESS;
    const POINTER: PointerDecl = T::POINTER;
    const NULL: NullDecl = T::NULL;
}

// SAFETY: `void`: it stands behind pointers only.
unsafe impl BtfType for std::ffi::c_void {
    const EXPR: TypeExpr = TypeExpr::VOID;
}
