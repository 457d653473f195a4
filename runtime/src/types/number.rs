//! Numbers: each side sees exactly the declared width; in a register a number is extended by its signedness.

use crate::declare::{ArgForm, ArgShape, IntForm, RetForm, RetShape, TypeExpr};
use crate::run::Run;

use super::arg::{Decode, KfuncArg, Raw};
use super::btf::BtfType;
use super::op::{DecodeRet, EncodeArg, OpArg, OpRet, OpValue};
use super::ret::{Encode, KfuncRet};

/// Carrier of numbers.
#[doc(hidden)]
pub enum ViaNumber {}

const fn arg(ty: TypeExpr, bytes: u32, int: IntForm) -> ArgShape {
    let mut shape = ArgShape::new(ArgForm::Scalar, ty);
    shape.bytes = bytes;
    shape.int = int;
    shape
}

const fn ret(ty: TypeExpr, bytes: u32, int: IntForm) -> RetShape {
    let mut shape = RetShape::new(RetForm::Scalar, ty);
    shape.bytes = bytes;
    shape.int = int;
    shape
}

macro_rules! numbers {
    ($($ty:ty: $form:ident as $wide:ty),*) => {$(
        impl KfuncArg for $ty {
            type Via = ViaNumber;
            type At<'x> = $ty;
        }

        // SAFETY: any register is a number.
        unsafe impl Decode<$ty> for ViaNumber {
            const SHAPE: ArgShape = arg(<$ty>::EXPR, size_of::<$ty>() as u32, IntForm::$form);

            unsafe fn decode(raw: Raw<'_>) -> Result<$ty, u64> {
                Ok(raw.first as $ty)
            }
        }

        impl KfuncRet for $ty {
            type Via = ViaNumber;
            type At<'x> = $ty;
        }

        // SAFETY: the number, extended by its signedness.
        unsafe impl Encode<$ty> for ViaNumber {
            const SHAPE: RetShape = ret(<$ty>::EXPR, size_of::<$ty>() as u32, IntForm::$form);

            fn encode(value: $ty, _run: &Run<'_>) -> u64 {
                value as $wide as u64
            }
        }

        impl OpArg for $ty {
            type Via = ViaNumber;
        }

        // SAFETY: the number, extended by its signedness.
        unsafe impl EncodeArg<$ty> for ViaNumber {
            const SHAPE: ArgShape = arg(<$ty>::EXPR, size_of::<$ty>() as u32, IntForm::$form);

            fn encode(value: &mut $ty) -> OpValue {
                OpValue::plain(*value as $wide as u64)
            }
        }

        impl OpRet for $ty {
            type Via = ViaNumber;
        }

        // SAFETY: any register is a number.
        unsafe impl DecodeRet<$ty> for ViaNumber {
            const SHAPE: RetShape = ret(<$ty>::EXPR, size_of::<$ty>() as u32, IntForm::$form);

            unsafe fn decode(raw: u64) -> Result<$ty, u64> {
                Ok(raw as $ty)
            }
        }
    )*};
}

numbers!(
    u8: Unsigned as u64, u16: Unsigned as u64, u32: Unsigned as u64, u64: Unsigned as u64, usize: Unsigned as u64,
    i8: Signed as i64, i16: Signed as i64, i32: Signed as i64, i64: Signed as i64, isize: Signed as i64
);
