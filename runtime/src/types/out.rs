//! [`Out`]: memory that a kfunc fills in.
//!
//! `&mut [MaybeUninit<T>]` would do for a callee that keeps to the rules, but safe code may write `MaybeUninit::uninit()` into it, and
//! the program reads what lies there afterwards. An `Out` holds values from the start, so there is nothing to expose.

use std::ops::{Deref, DerefMut};
use std::ptr;

use crate::declare::{ArgShape, MemRule, SizeDecl};

use super::arg::Raw;
use super::memory::{element, elements, slice_of};
use super::pod::Pod;
use super::pointee::{Pointee, PointeeMut};

/// A slice that the program need not have initialised (`__uninit`): `&mut Out<[u8]>`. It is all zeroes when the kfunc is called, and
/// initialised for the program afterwards, whatever the kfunc writes.
#[derive(PartialEq, Eq, Debug)]
#[repr(transparent)]
pub struct Out<T: ?Sized>(T);

impl<T: ?Sized> Deref for Out<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T: ?Sized> DerefMut for Out<T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.0
    }
}

// SAFETY: `[T]`'s promise; the layout is the same (`repr(transparent)`).
unsafe impl<T: Pod> Pointee for Out<[T]> {
    const SHARED: ArgShape = <[T] as Pointee>::SHARED;

    unsafe fn shared<'a>(raw: Raw<'_>) -> Result<&'a Self, u64> {
        // SAFETY: the shape is that of `[T]`.
        let slice = unsafe { <[T] as Pointee>::shared(raw) }?;
        // SAFETY: `repr(transparent)` over `[T]`: same layout, same metadata.
        Ok(unsafe { &*(ptr::from_ref(slice) as *const Self) })
    }
}

// SAFETY: the shape asks for that many writable bytes; they are filled before anybody reads them, and alignment is checked.
unsafe impl<T: Pod> PointeeMut for Out<[T]> {
    const EXCLUSIVE: ArgShape = slice_of::<T>(element::<T>(), MemRule::Uninit, SizeDecl::Bounded);

    unsafe fn exclusive<'a>(raw: Raw<'_>) -> Result<&'a mut Self, u64> {
        let (start, len) = elements::<T>(raw)?;
        // SAFETY: aligned, and the shape asks for that many writable bytes.
        unsafe { ptr::write_bytes(start, 0, len) };
        let slice = ptr::slice_from_raw_parts_mut(start, len);
        // SAFETY: as above, and initialised now: zeroes are a `T`, as `T: Pod`. No other argument overlaps it: the shim checks that.
        // A `Self` has the layout of `[T]`.
        Ok(unsafe { &mut *(slice as *mut Self) })
    }
}
