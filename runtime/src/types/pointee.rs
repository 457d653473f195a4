//! References: `&T`, `&mut T` and `KRef<T>`, and `Option` of them.
//!
//! [`Pointee`] says what a reference to a type means: a host object for derived types, plain memory for numbers, a pointer and a
//! size for slices.

use std::ptr::{self, NonNull};

use crate::declare::{ArgForm, ArgShape, DemandDecl, RetForm, RetShape, SizeDecl, TrustDecl};
use crate::run::Run;

use super::arg::{Decode, KfuncArg, Raw};
use super::btf::BtfObject;
use super::kref::KRef;
use super::op::{DecodeRet, EncodeArg, OpArg, OpRet, OpValue};

/// A type that a kfunc may take by reference.
///
/// # Safety
/// For every value of the registers that `SHARED` allows, `shared` is sound.
#[diagnostic::on_unimplemented(
    message = "a kfunc cannot take a `&{Self}`",
    label = "no BPF program can hold a pointer to this",
    note = "for a struct of your own: `#[derive(opswap::Btf)]` with `#[repr(C)]`"
)]
pub unsafe trait Pointee: 'static {
    /// What `&Self` demands.
    #[doc(hidden)]
    const SHARED: ArgShape;

    /// The reference, or the number that is none.
    ///
    /// # Errors
    /// The pointer, when it is no `&Self`.
    ///
    /// # Safety
    /// The registers hold what `SHARED` demands, for all of `'a`.
    #[doc(hidden)]
    unsafe fn shared<'a>(raw: Raw<'_>) -> Result<&'a Self, u64>;
}

/// A type that a kfunc may take by exclusive reference.
///
/// # Safety
/// For every value of the registers that `EXCLUSIVE` allows, `exclusive` is sound.
#[diagnostic::on_unimplemented(
    message = "a kfunc cannot take a `&mut {Self}`",
    label = "no BPF program can hold an exclusive pointer to this"
)]
pub unsafe trait PointeeMut: Pointee {
    /// What `&mut Self` demands.
    #[doc(hidden)]
    const EXCLUSIVE: ArgShape;

    /// The reference, or the number that is none.
    ///
    /// # Errors
    /// The pointer, when it is no `&mut Self`.
    ///
    /// # Safety
    /// The registers hold what `EXCLUSIVE` demands, for all of `'a`.
    #[doc(hidden)]
    unsafe fn exclusive<'a>(raw: Raw<'_>) -> Result<&'a mut Self, u64>;
}

pub(super) const fn object<T: BtfObject>(demand: DemandDecl) -> ArgShape {
    let mut shape = ArgShape::new(ArgForm::Object, T::EXPR);
    shape.demand = demand;
    shape
}

// SAFETY: the shape asks for a trusted pointer to a `T`.
#[diagnostic::do_not_recommend]
unsafe impl<T: BtfObject> Pointee for T {
    const SHARED: ArgShape = object::<T>(DemandDecl::Trusted);

    unsafe fn shared<'a>(raw: Raw<'_>) -> Result<&'a Self, u64> {
        let object = ptr::with_exposed_provenance::<T>(raw.first as usize);
        // SAFETY: the shape asks for a pointer to a live `T` that is trusted for the whole call.
        Ok(unsafe { &*object })
    }
}

// SAFETY: the shape asks for an exclusive pointer to a `T`.
#[diagnostic::do_not_recommend]
unsafe impl<T: BtfObject> PointeeMut for T {
    const EXCLUSIVE: ArgShape = object::<T>(DemandDecl::Exclusive);

    unsafe fn exclusive<'a>(raw: Raw<'_>) -> Result<&'a mut Self, u64> {
        let object = ptr::with_exposed_provenance_mut::<T>(raw.first as usize);
        // SAFETY: the shape asks for a pointer to a live `T` that nothing else reaches during the call.
        Ok(unsafe { &mut *object })
    }
}

/// The shape of `Option` of a reference. The size of optional memory is a constant, as for the kernel's `__opt`.
const fn optional(shape: ArgShape) -> ArgShape {
    let mut shape = shape.nullable();
    if matches!(shape.form, ArgForm::Slice) {
        shape.size = SizeDecl::Constant;
    }
    shape
}

/// Carrier of shared references.
#[doc(hidden)]
pub enum ViaRef {}

/// Carrier of exclusive references.
#[doc(hidden)]
pub enum ViaMut {}

/// Carrier of owned references.
#[doc(hidden)]
pub enum ViaKRef {}

impl<T: Pointee + ?Sized> KfuncArg for &T {
    type Via = ViaRef;
    type At<'x> = &'x T;
}

// SAFETY: `Pointee`'s promise.
unsafe impl<'a, T: Pointee + ?Sized> Decode<&'a T> for ViaRef {
    const SHAPE: ArgShape = T::SHARED;

    unsafe fn decode(raw: Raw<'_>) -> Result<&'a T, u64> {
        // SAFETY: the registers hold what `SHAPE`, which is `SHARED`, demands.
        unsafe { T::shared(raw) }
    }
}

impl<T: Pointee + ?Sized> KfuncArg for Option<&T> {
    type Via = ViaRef;
    type At<'x> = Option<&'x T>;
}

// SAFETY: `Pointee`'s promise, and NULL is told apart.
unsafe impl<'a, T: Pointee + ?Sized> Decode<Option<&'a T>> for ViaRef {
    const SHAPE: ArgShape = optional(T::SHARED);

    unsafe fn decode(raw: Raw<'_>) -> Result<Option<&'a T>, u64> {
        if raw.first == 0 {
            return Ok(None);
        }
        // SAFETY: not NULL, so the registers hold what `SHARED` demands.
        unsafe { T::shared(raw) }.map(Some)
    }
}

impl<T: PointeeMut + ?Sized> KfuncArg for &mut T {
    type Via = ViaMut;
    type At<'x> = &'x mut T;
}

// SAFETY: `PointeeMut`'s promise.
unsafe impl<'a, T: PointeeMut + ?Sized> Decode<&'a mut T> for ViaMut {
    const SHAPE: ArgShape = T::EXCLUSIVE;

    unsafe fn decode(raw: Raw<'_>) -> Result<&'a mut T, u64> {
        // SAFETY: the registers hold what `SHAPE`, which is `EXCLUSIVE`, demands.
        unsafe { T::exclusive(raw) }
    }
}

impl<T: PointeeMut + ?Sized> KfuncArg for Option<&mut T> {
    type Via = ViaMut;
    type At<'x> = Option<&'x mut T>;
}

// SAFETY: `PointeeMut`'s promise, and NULL is told apart.
unsafe impl<'a, T: PointeeMut + ?Sized> Decode<Option<&'a mut T>> for ViaMut {
    const SHAPE: ArgShape = optional(T::EXCLUSIVE);

    unsafe fn decode(raw: Raw<'_>) -> Result<Option<&'a mut T>, u64> {
        if raw.first == 0 {
            return Ok(None);
        }
        // SAFETY: not NULL, so the registers hold what `EXCLUSIVE` demands.
        unsafe { T::exclusive(raw) }.map(Some)
    }
}

/// Takes a reference out of the run's ledger; the number is refused when the program owns none there.
fn take_back<T>(object: u64, run: &Run<'_>) -> Result<KRef<T>, u64> {
    let pointer = ptr::with_exposed_provenance_mut::<T>(object as usize);
    match NonNull::new(pointer) {
        // SAFETY: the ledger had an entry for this object, made when a `KRef` was given up with `into_raw`; it is gone now, so the
        // reference is taken back once. The verifier proved that the object is a `T`.
        Some(pointer) if run.disown(object as usize) => Ok(unsafe { KRef::from_raw(pointer) }),
        Some(_) | None => Err(object),
    }
}

impl<T: BtfObject + Send + Sync> KfuncArg for KRef<T> {
    type Via = ViaKRef;
    type At<'x> = Self;
}

// SAFETY: the shape asks for an owned reference to a `T`, and the ledger is asked as well.
unsafe impl<T: BtfObject + Send + Sync> Decode<KRef<T>> for ViaKRef {
    const SHAPE: ArgShape = object::<T>(DemandDecl::Owned);

    unsafe fn decode(raw: Raw<'_>) -> Result<KRef<T>, u64> {
        take_back(raw.first, raw.run)
    }
}

impl<T: BtfObject + Send + Sync> KfuncArg for Option<KRef<T>> {
    type Via = ViaKRef;
    type At<'x> = Self;
}

// SAFETY: as for `KRef<T>`, and NULL is told apart.
unsafe impl<T: BtfObject + Send + Sync> Decode<Option<KRef<T>>> for ViaKRef {
    const SHAPE: ArgShape = object::<T>(DemandDecl::Owned).nullable();

    unsafe fn decode(raw: Raw<'_>) -> Result<Option<KRef<T>>, u64> {
        if raw.first == 0 { Ok(None) } else { take_back(raw.first, raw.run).map(Some) }
    }
}

fn give<T>(value: &mut KRef<T>) -> OpValue {
    let object = value.clone().into_raw().as_ptr().expose_provenance();
    // SAFETY: the reference behind `object` was given up on the line above; `release` takes it back.
    unsafe { OpValue::owned(object, KRef::<T>::release) }
}

impl<T: BtfObject + Send + Sync> OpArg for KRef<T> {
    type Via = ViaKRef;
}

// SAFETY: a pointer to a live `T`, and the reference to it is handed over.
unsafe impl<T: BtfObject + Send + Sync> EncodeArg<KRef<T>> for ViaKRef {
    const SHAPE: ArgShape = object::<T>(DemandDecl::Owned);

    fn encode(value: &mut KRef<T>) -> OpValue {
        give(value)
    }
}

impl<T: BtfObject + Send + Sync> OpArg for Option<KRef<T>> {
    type Via = ViaKRef;
}

// SAFETY: as without `Option`, or NULL.
unsafe impl<T: BtfObject + Send + Sync> EncodeArg<Option<KRef<T>>> for ViaKRef {
    const SHAPE: ArgShape = object::<T>(DemandDecl::Owned).nullable();

    fn encode(value: &mut Option<KRef<T>>) -> OpValue {
        value.as_mut().map_or(OpValue::plain(0), give)
    }
}

const fn returned<T: BtfObject>() -> RetShape {
    let mut shape = RetShape::new(RetForm::Object, T::EXPR);
    shape.trust = TrustDecl::Owned;
    shape
}

impl<T: BtfObject + Send + Sync> OpRet for KRef<T> {
    type Via = ViaKRef;
}

/// # Safety
/// `raw` is NULL, or the address of a `T` with a reference that is the caller's.
unsafe fn adopt<T>(raw: u64) -> Option<KRef<T>> {
    let object = NonNull::new(ptr::with_exposed_provenance_mut::<T>(raw as usize))?;
    // SAFETY: references leave this crate through `KRef::into_raw` alone, and this one is the caller's to take back.
    Some(unsafe { KRef::from_raw(object) })
}

// SAFETY: the shape asks for an owned reference to a `T`.
unsafe impl<T: BtfObject + Send + Sync> DecodeRet<KRef<T>> for ViaKRef {
    const SHAPE: RetShape = returned::<T>();

    unsafe fn decode(raw: u64) -> Result<KRef<T>, u64> {
        // SAFETY: the caller's promise.
        unsafe { adopt(raw) }.ok_or(raw)
    }
}

impl<T: BtfObject + Send + Sync> OpRet for Option<KRef<T>> {
    type Via = ViaKRef;
}

// SAFETY: as for `KRef<T>`, and NULL is told apart.
unsafe impl<T: BtfObject + Send + Sync> DecodeRet<Option<KRef<T>>> for ViaKRef {
    const SHAPE: RetShape = returned::<T>().nullable();

    unsafe fn decode(raw: u64) -> Result<Option<KRef<T>>, u64> {
        // SAFETY: the caller's promise.
        Ok(unsafe { adopt(raw) })
    }
}
