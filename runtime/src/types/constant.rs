//! [`Const`], [`ConstSize`], [`Ignored`]: markers that ask for something other than a plain number or slice.

use std::ops::{Deref, DerefMut};
use std::ptr;

use crate::declare::{ArgForm, ArgShape};

use super::arg::{Decode, KfuncArg, Raw};
use super::number::ViaNumber;

/// A number that the verifier knows at each call (`__k`).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Const<T>(pub T);

/// A slice whose size the verifier knows at each call (`__szk`): `&ConstSize<[u8]>`.
#[derive(PartialEq, Eq, Debug)]
#[repr(transparent)]
pub struct ConstSize<T: ?Sized>(T);

/// An argument that nobody looks at (`__ign`): programs may pass anything.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Ignored<T>(std::marker::PhantomData<T>);

/// Carrier of constants.
#[doc(hidden)]
pub enum ViaConst {}

impl<T> KfuncArg for Const<T>
where
    ViaNumber: Decode<T>,
{
    type Via = ViaConst;
    type At<'x> = Self;
}

// SAFETY: the number's promise; a constant is a number.
unsafe impl<T> Decode<Const<T>> for ViaConst
where
    ViaNumber: Decode<T>,
{
    const SHAPE: ArgShape = {
        let mut shape = <ViaNumber as Decode<T>>::SHAPE;
        shape.form = ArgForm::Constant;
        shape
    };

    unsafe fn decode(raw: Raw<'_>) -> Result<Const<T>, u64> {
        // SAFETY: the shape is the number's, with a further demand.
        unsafe { <ViaNumber as Decode<T>>::decode(raw) }.map(Const)
    }
}

/// Carrier of what is not looked at.
#[doc(hidden)]
pub enum ViaIgnored {}

impl<T: KfuncArg> KfuncArg for Ignored<T> {
    type Via = ViaIgnored;
    type At<'x> = Self;
}

// SAFETY: the registers are not looked at.
unsafe impl<T: KfuncArg> Decode<Ignored<T>> for ViaIgnored {
    const SHAPE: ArgShape = {
        let mut shape = <T::Via as Decode<T>>::SHAPE;
        assert!(shape.regs == 1, "`Ignored` stands for one register");
        shape.form = ArgForm::Ignored;
        shape
    };

    unsafe fn decode(_raw: Raw<'_>) -> Result<Ignored<T>, u64> {
        Ok(Ignored(std::marker::PhantomData))
    }
}

impl<T> ConstSize<[T]> {
    pub(crate) fn wrap(slice: &[T]) -> &Self {
        // SAFETY: `repr(transparent)` over `[T]`: same layout, same metadata.
        unsafe { &*(ptr::from_ref(slice) as *const Self) }
    }

    pub(crate) fn wrap_mut(slice: &mut [T]) -> &mut Self {
        // SAFETY: `repr(transparent)` over `[T]`: same layout, same metadata.
        unsafe { &mut *(ptr::from_mut(slice) as *mut Self) }
    }
}

impl<T: ?Sized> Deref for ConstSize<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T: ?Sized> DerefMut for ConstSize<T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.0
    }
}
