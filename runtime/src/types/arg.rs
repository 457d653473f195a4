//! [`KfuncArg`]: what a kfunc may take.

use crate::declare::ArgShape;
use crate::run::Run;

/// A type that a kfunc may take as a parameter.
#[diagnostic::on_unimplemented(
    message = "a kfunc cannot take a `{Self}`",
    label = "no BPF program can pass this",
    note = "kfuncs take numbers, `bool`, `&T`, `&mut T` and `KRef<T>` of types with `#[derive(opswap::Btf)]`, `Option` of these \
            pointers, `&[u8]`, `&mut [u8]`, `&mut Out<[u8]>`, `&CStr` and the marker types of `opswap`"
)]
pub trait KfuncArg: Sized {
    /// Who converts it.
    #[doc(hidden)]
    type Via: Decode<Self>;

    /// The same type with another lifetime. A kfunc must take its arguments for any lifetime: a program's pointer is valid for the
    /// call and no longer.
    #[doc(hidden)]
    type At<'x>: KfuncArg<Via = Self::Via>;
}

/// The registers of one argument, as compiled code passed them.
#[doc(hidden)]
#[derive(Clone, Copy)]
pub struct Raw<'r> {
    pub(crate) first: u64,
    pub(crate) second: u64,
    pub(crate) run: &'r Run<'r>,
}

/// Converts registers to a `T`.
///
/// # Safety
/// For every value of the registers that `SHAPE` allows, `decode` is sound: `SHAPE` asks for all that it relies on.
#[doc(hidden)]
#[diagnostic::on_unimplemented(message = "`{Self}` does not convert registers to a `{T}`")]
pub unsafe trait Decode<T> {
    /// What the verifier demands.
    const SHAPE: ArgShape;

    /// The value, or the number that is none.
    ///
    /// # Errors
    /// The register's value, when it is no value of `T`.
    ///
    /// # Safety
    /// The registers hold what `SHAPE` demands, and what they point to stays so until the call is over.
    unsafe fn decode(raw: Raw<'_>) -> Result<T, u64>;
}

/// A parameter's type by way of the macro: the projection names it once.
#[doc(hidden)]
pub trait Carried {
    /// What the signature is made of.
    type Out: Carrier;
}

impl<A: KfuncArg> Carried for A {
    type Out = Carry<A>;
}

/// Stands for a parameter's type.
#[doc(hidden)]
#[derive(Debug)]
pub struct Carry<A>(std::marker::PhantomData<A>);

/// Stands for a parameter's type.
#[doc(hidden)]
pub trait Carrier {
    /// The type for a call of this lifetime.
    type At<'x>: KfuncArg;
    /// Its meaning.
    const SHAPE: ArgShape;
}

impl<A: KfuncArg> Carrier for Carry<A> {
    type At<'x> = A::At<'x>;
    // Of the very type that is decoded, so that shape and value cannot disagree: no implementation depends on a lifetime.
    const SHAPE: ArgShape = shape::<A::At<'static>>();
}

const fn shape<A: KfuncArg>() -> ArgShape {
    <A::Via as Decode<A>>::SHAPE
}
