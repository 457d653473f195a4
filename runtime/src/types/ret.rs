//! [`KfuncRet`]: what a kfunc may return; the carriers of owned pointers and of results.

use crate::declare::{IntForm, RetForm, RetShape, TrustDecl, TypeExpr};
use crate::run::Run;

use super::btf::BtfObject;
use super::errno::{Errno, ErrnoPayload};
use super::kref::KRef;
use super::pointee::ViaKRef;

/// A type that a kfunc may return.
#[diagnostic::on_unimplemented(
    message = "a kfunc cannot return a `{Self}`",
    label = "no BPF program can receive this",
    note = "kfuncs return numbers, `bool`, `()`, `Result<u32, Errno>`, `KRef<T>` and `&T` of types with `#[derive(opswap::Btf)]`, \
            and `Option` of these pointers"
)]
pub trait KfuncRet: Sized {
    /// Who converts it.
    #[doc(hidden)]
    type Via: Encode<Self>;

    /// The same type with another lifetime.
    #[doc(hidden)]
    type At<'x>: KfuncRet<Via = Self::Via>;
}

/// The result of a kfunc as its arguments' lifetime varies.
#[diagnostic::on_unimplemented(message = "a kfunc cannot return a `{Self}`")]
#[doc(hidden)]
pub trait RetFamily {
    /// The result for arguments of this lifetime.
    type At<'x>: KfuncRet;
    /// Its meaning.
    const SHAPE: RetShape;
}

/// A result's type by way of the macro: the projection names it once.
#[doc(hidden)]
pub trait Returned {
    /// If it borrows from an argument.
    type Tied;
    /// If it borrows from none.
    type Fixed;
}

impl<R: KfuncRet> Returned for R {
    type Tied = Tied<R>;
    type Fixed = Fixed<R>;
}

/// A result that borrows from an argument.
#[doc(hidden)]
#[derive(Debug)]
pub struct Tied<R>(std::marker::PhantomData<R>);

/// A result that borrows from none.
#[doc(hidden)]
#[derive(Debug)]
pub struct Fixed<R>(std::marker::PhantomData<R>);

impl<R: KfuncRet> RetFamily for Tied<R> {
    type At<'x> = R::At<'x>;
    // Of the very type that is encoded.
    const SHAPE: RetShape = shape::<R::At<'static>>();
}

impl<R: KfuncRet + 'static> RetFamily for Fixed<R> {
    type At<'x> = R;
    const SHAPE: RetShape = <R::Via as Encode<R>>::SHAPE;
}

const fn shape<R: KfuncRet>() -> RetShape {
    <R::Via as Encode<R>>::SHAPE
}

/// Converts a `T` to what `R0` holds.
///
/// # Safety
/// What `encode` returns is what `SHAPE` promises, and an owned reference stands in the run's ledger.
#[doc(hidden)]
#[diagnostic::on_unimplemented(message = "`{Self}` does not convert a `{T}` to a register")]
pub unsafe trait Encode<T> {
    /// What the verifier may rely on.
    const SHAPE: RetShape;

    /// The register's value.
    fn encode(value: T, run: &Run<'_>) -> u64;

    /// Bytes behind the pointer, when another argument tells programs how many they may use.
    fn bytes(value: &T) -> Option<usize> {
        let _ = value;
        None
    }
}

/// Carrier of `()`.
#[doc(hidden)]
pub enum ViaUnit {}

impl KfuncRet for () {
    type Via = ViaUnit;
    type At<'x> = ();
}

// SAFETY: nothing is promised.
unsafe impl Encode<()> for ViaUnit {
    const SHAPE: RetShape = RetShape::new(RetForm::Void, TypeExpr::VOID);

    fn encode((): (), _run: &Run<'_>) -> u64 {
        0
    }
}

/// Carrier of results.
#[doc(hidden)]
pub enum ViaResult {}

impl<T: ErrnoPayload + 'static> KfuncRet for Result<T, Errno> {
    type Via = ViaResult;
    type At<'x> = Self;
}

// SAFETY: any number is what the shape promises.
unsafe impl<T: ErrnoPayload + 'static> Encode<Result<T, Errno>> for ViaResult {
    const SHAPE: RetShape = {
        let mut shape = RetShape::new(RetForm::ErrnoOr, TypeExpr::int(8, IntForm::Signed));
        shape.bytes = 8;
        shape.int = IntForm::Signed;
        shape
    };

    fn encode(value: Result<T, Errno>, _run: &Run<'_>) -> u64 {
        match value {
            Ok(value) => u64::from(value.payload()),
            Err(errno) => u64::from(errno.number()).wrapping_neg(),
        }
    }
}

const fn object<T: BtfObject>(trust: TrustDecl) -> RetShape {
    let mut shape = RetShape::new(RetForm::Object, T::EXPR);
    shape.trust = trust;
    shape
}

impl<T: BtfObject + Send + Sync> KfuncRet for KRef<T> {
    type Via = ViaKRef;
    type At<'x> = Self;
}

// SAFETY: the pointer is to an object of type `T` that is alive while the reference is; the reference stands in the ledger.
unsafe impl<T: BtfObject + Send + Sync> Encode<KRef<T>> for ViaKRef {
    const SHAPE: RetShape = object::<T>(TrustDecl::Owned);

    fn encode(value: KRef<T>, run: &Run<'_>) -> u64 {
        hand_out(value, run)
    }
}

impl<T: BtfObject + Send + Sync> KfuncRet for Option<KRef<T>> {
    type Via = ViaKRef;
    type At<'x> = Self;
}

// SAFETY: as for `KRef<T>`, or NULL.
unsafe impl<T: BtfObject + Send + Sync> Encode<Option<KRef<T>>> for ViaKRef {
    const SHAPE: RetShape = object::<T>(TrustDecl::Owned).nullable();

    fn encode(value: Option<KRef<T>>, run: &Run<'_>) -> u64 {
        value.map_or(0, |value| hand_out(value, run))
    }
}

fn hand_out<T>(value: KRef<T>, run: &Run<'_>) -> u64 {
    let object = value.into_raw().as_ptr().expose_provenance();
    // SAFETY: the reference behind `object` was given up on the line above and is taken back once: by the ledger, or by whoever
    // takes the entry out of it.
    unsafe { run.own(object, KRef::<T>::release) };
    object as u64
}
