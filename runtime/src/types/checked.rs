//! `bool` and fieldless enums: numbers with values that the host must never see.
//!
//! A program may pass any number; the conversion refuses what is no value of the type, and the run ends with an error.

use crate::declare::{ArgForm, ArgShape, IntForm, RetForm, RetShape};
use crate::run::Run;

use super::arg::{Decode, KfuncArg, Raw};
use super::btf::BtfType;
use super::op::{DecodeRet, EncodeArg, OpArg, OpRet, OpValue};
use super::ret::{Encode, KfuncRet};

/// A fieldless enum with `#[repr(uN)]` or `#[repr(iN)]`. Derived with [`BtfType`].
pub trait BtfEnum: BtfType + Copy {
    /// Bytes and signedness of the representation.
    #[doc(hidden)]
    const REPR: (u32, IntForm);
    /// The values as 64-bit patterns, ascending as unsigned numbers.
    #[doc(hidden)]
    const LEGAL: &'static [u64];
    /// The value with this pattern, of which only the representation's width counts.
    #[doc(hidden)]
    fn from_bits(bits: u64) -> Option<Self>;
    /// The value's pattern, extended by its signedness.
    #[doc(hidden)]
    fn to_bits(self) -> u64;
}

/// Carrier of `bool` and enums.
#[doc(hidden)]
pub enum ViaEnum {}

const fn arg<T: BtfEnum>() -> ArgShape {
    let mut shape = ArgShape::new(ArgForm::Checked, T::EXPR);
    (shape.bytes, shape.int) = T::REPR;
    shape.legal = T::LEGAL;
    shape
}

const fn ret<T: BtfEnum>() -> RetShape {
    let mut shape = RetShape::new(RetForm::Scalar, T::EXPR);
    (shape.bytes, shape.int) = T::REPR;
    shape
}

// SAFETY: any register is accepted; what is no value of `T` is refused by `from_bits`, which returns a `T` in safe code.
unsafe impl<T: BtfEnum> Decode<T> for ViaEnum {
    const SHAPE: ArgShape = arg::<T>();

    unsafe fn decode(raw: Raw<'_>) -> Result<T, u64> {
        T::from_bits(raw.first).ok_or(raw.first)
    }
}

// SAFETY: a number of the promised width; there are no others to promise.
unsafe impl<T: BtfEnum> Encode<T> for ViaEnum {
    const SHAPE: RetShape = ret::<T>();

    fn encode(value: T, _run: &Run<'_>) -> u64 {
        value.to_bits()
    }
}

// SAFETY: a number of the promised width.
unsafe impl<T: BtfEnum> EncodeArg<T> for ViaEnum {
    const SHAPE: ArgShape = arg::<T>();

    fn encode(value: &mut T) -> OpValue {
        OpValue::plain(value.to_bits())
    }
}

// SAFETY: as for `Decode`.
unsafe impl<T: BtfEnum> DecodeRet<T> for ViaEnum {
    const SHAPE: RetShape = ret::<T>();

    unsafe fn decode(raw: u64) -> Result<T, u64> {
        T::from_bits(raw).ok_or(raw)
    }
}

impl BtfEnum for bool {
    const REPR: (u32, IntForm) = (1, IntForm::Bool);
    const LEGAL: &'static [u64] = &[0, 1];

    fn from_bits(bits: u64) -> Option<Self> {
        match bits.to_le_bytes()[0] {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        }
    }

    fn to_bits(self) -> u64 {
        u64::from(self)
    }
}

impl KfuncArg for bool {
    type Via = ViaEnum;
    type At<'x> = bool;
}

impl KfuncRet for bool {
    type Via = ViaEnum;
    type At<'x> = bool;
}

impl OpArg for bool {
    type Via = ViaEnum;
}

impl OpRet for bool {
    type Via = ViaEnum;
}
