//! The way from a typed wrapper into an operation: converts the arguments, calls what is attached, converts the result.

use opswap_bpf::OpIdx;

use crate::declare::{RetForm, RetShape, cfi_hash};
use crate::struct_ops::{PinGuard, Returns, StructOpsType};
use crate::types::{DecodeRet, OpArgs, OpRet, gives};

const fn returns(shape: &RetShape) -> Returns {
    match shape.form {
        RetForm::Object => Returns::Owned,
        RetForm::Void | RetForm::Scalar | RetForm::ErrnoOr | RetForm::Memory | RetForm::Fixed => {
            Returns::Value
        }
    }
}

/// Calls the program that the pinned version has for operation `op`. `None` when there is none, or when it failed: the native
/// implementation has to answer, with the arguments, which stay the caller's.
#[inline]
pub fn call<T: StructOpsType, A: OpArgs, R: OpRet>(
    guard: &PinGuard<'_, T>,
    op: u32,
    args: &mut A,
) -> Option<R> {
    let entry = guard.program(OpIdx(op))?;
    let hash = const { cfi_hash(A::SHAPES, &<R::Via as DecodeRet<R>>::SHAPE) };
    let returns = const { returns(&<R::Via as DecodeRet<R>>::SHAPE) };
    let (mut slots, given) = args.encode();
    let raw = if const { gives(A::SHAPES) } || matches!(returns, Returns::Owned) {
        entry.call_with(hash, slots.as_mut(), given, returns)
    } else {
        entry.call(hash, slots.as_mut())
    };
    // SAFETY: the program was verified against the prototype whose hash the entry carries, and the hash compared with it covers the
    // shape of `R`; an owned reference was taken out of the ledger by `call_with`.
    unsafe { <R::Via as DecodeRet<R>>::decode(raw.ok()?) }.ok()
}
