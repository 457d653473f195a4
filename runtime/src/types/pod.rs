//! [`Pod`]: types for which any bytes are a value.

use super::btf::BtfType;

/// A type without padding for which any bytes are a value: what programs may pass as plain memory.
#[diagnostic::on_unimplemented(
    message = "a program cannot pass a `{Self}` as plain memory: not every pattern of bytes is a value of it",
    label = "not plain data",
    note = "numbers and arrays of numbers are plain data; a struct of them is with `#[derive(opswap::Btf, opswap::Pod)]`; for memory that the program need not have initialised take `&mut Out<[u8]>`"
)]
///
/// Derive it for structs of such types.
///
/// # Safety
/// The type has no padding, and any bytes of its size are a value of it.
pub unsafe trait Pod: BtfType + Copy + 'static {}

macro_rules! plain {
    ($($ty:ty),*) => {$(
        // SAFETY: a primitive number.
        unsafe impl Pod for $ty {}
    )*};
}

plain!(u8, u16, u32, u64, u128, usize, i8, i16, i32, i64, i128, isize, f32, f64);

// SAFETY: an array has no padding between its elements, and each is a value.
unsafe impl<T: Pod, const N: usize> Pod for [T; N] {}
