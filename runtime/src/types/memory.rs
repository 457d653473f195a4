//! Plain memory: numbers by reference, slices, strings.
//!
//! The verifier proves that the bytes are there. Alignment is checked here: compiled programs may use any address.

use std::ffi::CStr;
use std::ptr;
use std::slice;

use crate::declare::{ArgForm, ArgShape, IntForm, MemRule, RetForm, RetShape, SizeDecl, TypeExpr};
use crate::run::Run;

use super::arg::Raw;
use super::btf::BtfType;
use super::constant::ConstSize;
use super::pod::Pod;
use super::pointee::{Pointee, PointeeMut};
use super::ret::{Encode, KfuncRet};

const fn bytes_of<T>() -> u32 {
    assert!(size_of::<T>() <= 1 << 29, "plain memory of at most 512 MiB");
    #[expect(clippy::cast_possible_truncation, reason = "checked on the line above")]
    let bytes = size_of::<T>() as u32;
    bytes
}

const fn align_of_u32<T>() -> u32 {
    #[expect(clippy::cast_possible_truncation, reason = "at most its size for plain data")]
    let align = align_of::<T>() as u32;
    align
}

pub(super) const fn fixed<T: BtfType>(mem: MemRule) -> ArgShape {
    let mut shape = ArgShape::new(ArgForm::Memory, T::EXPR);
    shape.mem = mem;
    shape.bytes = bytes_of::<T>();
    shape.bytes2 = align_of_u32::<T>();
    shape
}

pub(super) const fn slice_of<T>(ty: TypeExpr, mem: MemRule, size: SizeDecl) -> ArgShape {
    let mut shape = ArgShape::new(ArgForm::Slice, ty);
    shape.mem = mem;
    shape.size = size;
    shape.regs = 2;
    shape.bytes = bytes_of::<T>();
    shape.bytes2 = align_of_u32::<T>();
    shape
}

/// A slice of bytes is `void *` to C; one of numbers is a pointer to them.
pub(super) const fn element<T: BtfType>() -> TypeExpr {
    if size_of::<T>() == 1 { TypeExpr::VOID } else { T::EXPR }
}

fn pointer<T>(raw: Raw<'_>) -> Result<*mut T, u64> {
    let address = raw.first as usize;
    let pointer = ptr::with_exposed_provenance_mut::<T>(address);
    if pointer.is_aligned() { Ok(pointer) } else { Err(raw.first) }
}

/// Start and number of elements. The size in bytes is a C `u32`; a part of an element at the end is refused.
pub(super) fn elements<T>(raw: Raw<'_>) -> Result<(*mut T, usize), u64> {
    let bytes = raw.second as u32 as usize;
    if bytes == 0 {
        return Ok((ptr::dangling_mut(), 0));
    }
    if !bytes.is_multiple_of(size_of::<T>()) {
        return Err(raw.second);
    }
    Ok((pointer(raw)?, bytes / size_of::<T>()))
}

macro_rules! numbers_by_reference {
    ($($ty:ty),*) => {$(
        // SAFETY: the shape asks for initialised memory of the number's size; alignment is checked.
        unsafe impl Pointee for $ty {
            const SHARED: ArgShape = fixed::<$ty>(MemRule::Read);

            unsafe fn shared<'a>(raw: Raw<'_>) -> Result<&'a Self, u64> {
                let number = pointer::<$ty>(raw)?;
                // SAFETY: aligned, and the shape asks for initialised memory of this size; any bytes are a number.
                Ok(unsafe { &*number })
            }
        }

        // SAFETY: the shape asks for initialised, writable memory of the number's size; alignment is checked.
        unsafe impl PointeeMut for $ty {
            const EXCLUSIVE: ArgShape = fixed::<$ty>(MemRule::ReadWrite);

            unsafe fn exclusive<'a>(raw: Raw<'_>) -> Result<&'a mut Self, u64> {
                let number = pointer::<$ty>(raw)?;
                // SAFETY: as for `shared`, and no other argument overlaps it: the shim checks that.
                Ok(unsafe { &mut *number })
            }
        }
    )*};
}

numbers_by_reference!(u8, u16, u32, u64, usize, i8, i16, i32, i64, isize);

// SAFETY: the shape asks for initialised memory of that many elements; alignment is checked.
unsafe impl<T: Pod, const N: usize> Pointee for [T; N] {
    const SHARED: ArgShape = fixed::<Self>(MemRule::Read);

    unsafe fn shared<'a>(raw: Raw<'_>) -> Result<&'a Self, u64> {
        let array = pointer::<Self>(raw)?;
        // SAFETY: aligned, and the shape asks for initialised memory of this size; `T: Pod`, so any bytes are a value.
        Ok(unsafe { &*array })
    }
}

// SAFETY: as for `Pointee`, writable.
unsafe impl<T: Pod, const N: usize> PointeeMut for [T; N] {
    const EXCLUSIVE: ArgShape = fixed::<Self>(MemRule::ReadWrite);

    unsafe fn exclusive<'a>(raw: Raw<'_>) -> Result<&'a mut Self, u64> {
        let array = pointer::<Self>(raw)?;
        // SAFETY: as for `shared`, and no other argument overlaps it: the shim checks that.
        Ok(unsafe { &mut *array })
    }
}

// SAFETY: the shape asks for initialised memory of the size in the second register; alignment is checked.
unsafe impl<T: Pod> Pointee for [T] {
    const SHARED: ArgShape = slice_of::<T>(element::<T>().constant(), MemRule::Read, SizeDecl::Bounded);

    unsafe fn shared<'a>(raw: Raw<'_>) -> Result<&'a Self, u64> {
        let (start, len) = elements::<T>(raw)?;
        // SAFETY: aligned, and the shape asks for that many initialised bytes; `T: Pod`, so any bytes are values.
        Ok(unsafe { slice::from_raw_parts(start, len) })
    }
}

// SAFETY: as for `Pointee`, writable.
unsafe impl<T: Pod> PointeeMut for [T] {
    const EXCLUSIVE: ArgShape = slice_of::<T>(element::<T>(), MemRule::ReadWrite, SizeDecl::Bounded);

    unsafe fn exclusive<'a>(raw: Raw<'_>) -> Result<&'a mut Self, u64> {
        let (start, len) = elements::<T>(raw)?;
        // SAFETY: as for `shared`, and no other argument overlaps it: the shim checks that.
        Ok(unsafe { slice::from_raw_parts_mut(start, len) })
    }
}

const fn constant_size(mut shape: ArgShape) -> ArgShape {
    shape.size = SizeDecl::Constant;
    shape
}

// SAFETY: `T`'s promise; the layout is the same (`repr(transparent)`), and a constant size is a bounded one.
unsafe impl<T: Pod> Pointee for ConstSize<[T]> {
    const SHARED: ArgShape = constant_size(<[T] as Pointee>::SHARED);

    unsafe fn shared<'a>(raw: Raw<'_>) -> Result<&'a Self, u64> {
        // SAFETY: the shape is that of `[T]`, with a further demand.
        let slice = unsafe { <[T] as Pointee>::shared(raw) }?;
        Ok(ConstSize::wrap(slice))
    }
}

// SAFETY: as for `Pointee`.
unsafe impl<T: Pod> PointeeMut for ConstSize<[T]> {
    const EXCLUSIVE: ArgShape = constant_size(<[T] as PointeeMut>::EXCLUSIVE);

    unsafe fn exclusive<'a>(raw: Raw<'_>) -> Result<&'a mut Self, u64> {
        // SAFETY: the shape is that of `[T]`, with a further demand.
        let slice = unsafe { <[T] as PointeeMut>::exclusive(raw) }?;
        Ok(ConstSize::wrap_mut(slice))
    }
}

// SAFETY: the shape asks for a constant, NUL-terminated string.
unsafe impl Pointee for CStr {
    const SHARED: ArgShape = ArgShape::new(ArgForm::Str, TypeExpr::int(1, IntForm::Char).constant());

    unsafe fn shared<'a>(raw: Raw<'_>) -> Result<&'a Self, u64> {
        let start = ptr::with_exposed_provenance(raw.first as usize);
        // SAFETY: the shape asks for a NUL-terminated string in memory that never changes.
        Ok(unsafe { CStr::from_ptr(start) })
    }
}

/// Carrier of returned slices.
#[doc(hidden)]
pub enum ViaSlice {}

const fn returned<T: Pod>(mem: MemRule) -> RetShape {
    let mut shape = RetShape::new(RetForm::Memory, element::<T>());
    shape.mem = mem;
    shape.bytes = bytes_of::<T>();
    shape
}

macro_rules! returned_slices {
    ($($slice:ty, $at:ty, $encoded:ty, $rule:ident;)*) => {$(
        impl<T: Pod> KfuncRet for $slice {
            type Via = ViaSlice;
            type At<'x> = $at;
        }

        // SAFETY: a pointer to memory that lives as long as the lifetime, which the declaration ties to an argument. How much of it
        // the program may use is an argument, and the shim refuses a slice that is shorter.
        unsafe impl<'a, T: Pod> Encode<$encoded> for ViaSlice {
            const SHAPE: RetShape = returned::<T>(MemRule::$rule);

            fn encode(value: $encoded, _run: &Run<'_>) -> u64 {
                value.as_ptr().expose_provenance() as u64
            }

            fn bytes(value: &$encoded) -> Option<usize> {
                Some(size_of_val::<[T]>(&**value))
            }
        }

        impl<T: Pod> KfuncRet for Option<$slice> {
            type Via = ViaSlice;
            type At<'x> = Option<$at>;
        }

        // SAFETY: as without `Option`, or NULL.
        unsafe impl<'a, T: Pod> Encode<Option<$encoded>> for ViaSlice {
            const SHAPE: RetShape = returned::<T>(MemRule::$rule).nullable();

            fn encode(value: Option<$encoded>, run: &Run<'_>) -> u64 {
                value.map_or(0, |value| <Self as Encode<$encoded>>::encode(value, run))
            }

            fn bytes(value: &Option<$encoded>) -> Option<usize> {
                value.as_ref().and_then(<Self as Encode<$encoded>>::bytes)
            }
        }
    )*};
}

returned_slices! {
    &[T], &'x [T], &'a [T], Read;
    &mut [T], &'x mut [T], &'a mut [T], ReadWrite;
}
