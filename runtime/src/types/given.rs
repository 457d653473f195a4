//! What the host lends to an operation, or passes by value: references to objects and to plain memory, slices, small structs.
//!
//! A slice takes two slots, its start and its end: a program compares a pointer with the end before it reads, as it does with a
//! packet, and the verifier knows no other way to learn how long memory is whose length is a number.

use std::ptr;

use crate::declare::{ArgForm, ArgShape, DemandDecl, MemRule, SizeDecl};

use super::btf::BtfObject;
use super::memory::{element, fixed, slice_of};
use super::op::{EncodeArg, OpArg, OpValue};
use super::pod::Pod;
use super::pointee::{ViaMut, ViaRef, object};

/// A type that an operation may take by reference.
///
/// # Safety
/// While the reference lives, the slots that `lend` gives are what `GIVEN` promises.
#[diagnostic::on_unimplemented(
    message = "an operation cannot take a `&{Self}`",
    label = "this cannot be lent to a BPF program",
    note = "for a struct of your own: `#[derive(opswap::Btf)]` with `#[repr(C)]`; plain memory is numbers, arrays and slices of them"
)]
pub unsafe trait Given {
    /// What `&Self` promises.
    #[doc(hidden)]
    const GIVEN: ArgShape;

    /// The slots.
    #[doc(hidden)]
    fn lend(&self) -> (u64, u64);
}

/// A type that an operation may take by exclusive reference.
///
/// # Safety
/// While the reference lives, the slots that `lend_mut` gives are what `GIVEN_MUT` promises.
#[diagnostic::on_unimplemented(
    message = "an operation cannot take a `&mut {Self}`",
    label = "this cannot be lent to a BPF program"
)]
pub unsafe trait GivenMut: Given {
    /// What `&mut Self` promises.
    #[doc(hidden)]
    const GIVEN_MUT: ArgShape;

    /// The slots.
    #[doc(hidden)]
    fn lend_mut(&mut self) -> (u64, u64);
}

fn shared<T>(value: &T) -> (u64, u64) {
    (ptr::from_ref(value).expose_provenance() as u64, 0)
}

fn exclusive<T>(value: &mut T) -> (u64, u64) {
    (ptr::from_mut(value).expose_provenance() as u64, 0)
}

// SAFETY: a reference is a valid pointer to a `T` for the whole call, and shared.
#[diagnostic::do_not_recommend]
unsafe impl<T: BtfObject> Given for T {
    const GIVEN: ArgShape = object::<T>(DemandDecl::Trusted);

    fn lend(&self) -> (u64, u64) {
        shared(self)
    }
}

// SAFETY: a reference is a valid pointer to a `T` for the whole call, and the only one.
#[diagnostic::do_not_recommend]
unsafe impl<T: BtfObject> GivenMut for T {
    const GIVEN_MUT: ArgShape = object::<T>(DemandDecl::Exclusive);

    fn lend_mut(&mut self) -> (u64, u64) {
        exclusive(self)
    }
}

macro_rules! lent_memory {
    ($([$($generics:tt)*] $ty:ty),* $(,)?) => {$(
        // SAFETY: initialised memory of the type's size, which nobody writes during the call.
        unsafe impl<$($generics)*> Given for $ty {
            const GIVEN: ArgShape = fixed::<$ty>(MemRule::Read);

            fn lend(&self) -> (u64, u64) {
                shared(self)
            }
        }

        // SAFETY: initialised memory of the type's size, which nobody else reaches during the call; any bytes are a value.
        unsafe impl<$($generics)*> GivenMut for $ty {
            const GIVEN_MUT: ArgShape = fixed::<$ty>(MemRule::ReadWrite);

            fn lend_mut(&mut self) -> (u64, u64) {
                exclusive(self)
            }
        }
    )*};
}

lent_memory!(
    [] u8, [] u16, [] u32, [] u64, [] usize, [] i8, [] i16, [] i32, [] i64, [] isize,
    [T: Pod, const N: usize] [T; N],
);

// SAFETY: everything between start and end is initialised, and nobody writes it during the call.
unsafe impl<T: Pod> Given for [T] {
    const GIVEN: ArgShape = slice_of::<T>(element::<T>().constant(), MemRule::Read, SizeDecl::Bounded);

    fn lend(&self) -> (u64, u64) {
        let range = self.as_ptr_range();
        (range.start.expose_provenance() as u64, range.end.addr() as u64)
    }
}

// SAFETY: everything between start and end is initialised, and nobody else reaches it during the call; any bytes are values.
unsafe impl<T: Pod> GivenMut for [T] {
    const GIVEN_MUT: ArgShape = slice_of::<T>(element::<T>(), MemRule::ReadWrite, SizeDecl::Bounded);

    fn lend_mut(&mut self) -> (u64, u64) {
        let range = self.as_mut_ptr_range();
        (range.start.expose_provenance() as u64, range.end.addr() as u64)
    }
}

impl<T: Given + ?Sized> OpArg for &T {
    type Via = ViaRef;
}

// SAFETY: `Given`'s promise.
unsafe impl<'a, T: Given + ?Sized> EncodeArg<&'a T> for ViaRef {
    const SHAPE: ArgShape = T::GIVEN;

    #[inline]
    fn encode(value: &mut &'a T) -> OpValue {
        let (first, second) = value.lend();
        OpValue::pair(first, second)
    }
}

impl<T: Given> OpArg for Option<&T> {
    type Via = ViaRef;
}

// SAFETY: as without `Option`, or NULL.
unsafe impl<'a, T: Given> EncodeArg<Option<&'a T>> for ViaRef {
    const SHAPE: ArgShape = T::GIVEN.nullable();

    #[inline]
    fn encode(value: &mut Option<&'a T>) -> OpValue {
        value.as_mut().map_or(OpValue::plain(0), <Self as EncodeArg<&'a T>>::encode)
    }
}

impl<T: GivenMut + ?Sized> OpArg for &mut T {
    type Via = ViaMut;
}

// SAFETY: `GivenMut`'s promise.
unsafe impl<'a, T: GivenMut + ?Sized> EncodeArg<&'a mut T> for ViaMut {
    const SHAPE: ArgShape = T::GIVEN_MUT;

    #[inline]
    fn encode(value: &mut &'a mut T) -> OpValue {
        let (first, second) = value.lend_mut();
        OpValue::pair(first, second)
    }
}

impl<T: GivenMut> OpArg for Option<&mut T> {
    type Via = ViaMut;
}

// SAFETY: as without `Option`, or NULL.
unsafe impl<'a, T: GivenMut> EncodeArg<Option<&'a mut T>> for ViaMut {
    const SHAPE: ArgShape = T::GIVEN_MUT.nullable();

    #[inline]
    fn encode(value: &mut Option<&'a mut T>) -> OpValue {
        value.as_mut().map_or(OpValue::plain(0), <Self as EncodeArg<&'a mut T>>::encode)
    }
}

/// Carrier of small structs by value. `#[derive(Pod)]` names it.
#[doc(hidden)]
pub enum ViaValue {}

/// Most bytes that the C ABI passes in registers.
const BY_VALUE: usize = 16;

// SAFETY: the bytes of a value without padding, as numbers of 8 bytes each, the last one filled up with zeroes.
unsafe impl<T: Pod + BtfObject> EncodeArg<T> for ViaValue {
    const SHAPE: ArgShape = {
        assert!(
            size_of::<T>() <= BY_VALUE && size_of::<T>() > 0,
            "an operation takes structs of 1 to 16 bytes by value, as the C ABI passes them in registers; lend larger ones: `&T`"
        );
        assert!(
            align_of::<T>() <= 8,
            "an operation takes structs by value that are aligned to 8 bytes at most"
        );
        let mut shape = ArgShape::new(ArgForm::Value, T::EXPR);
        shape.regs = if size_of::<T>() > 8 { 2 } else { 1 };
        #[expect(clippy::cast_possible_truncation, reason = "at most 16")]
        {
            shape.bytes = size_of::<T>() as u32;
        }
        shape
    };

    #[inline]
    fn encode(value: &mut T) -> OpValue {
        let mut words = [0_u64; 2];
        // SAFETY: a `T` has at most 16 bytes (asserted by `SHAPE`, without which nothing encodes it) and none of them is padding.
        unsafe {
            ptr::copy_nonoverlapping(
                ptr::from_ref(value).cast::<u8>(),
                words.as_mut_ptr().cast(),
                size_of::<T>(),
            )
        };
        OpValue::pair(words[0], words[1])
    }
}
