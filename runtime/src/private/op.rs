//! The way from a typed wrapper into an operation: converts the arguments, calls what is attached, converts the result.

use opswap_bpf::OpIdx;

use crate::declare::{RetForm, RetShape};
use crate::struct_ops::{Handover, PinGuard, Returns, StructOpsType};
use crate::types::{DecodeRet, EncodeArg, OpArg, OpRet, OpValue};

/// One argument as a slot of the context. The caller keeps the value.
#[inline]
pub fn op_value<A: OpArg>(value: &mut A) -> OpValue {
    <A::Via as EncodeArg<A>>::encode(value)
}

const fn returns(shape: &RetShape) -> Returns {
    match shape.form {
        RetForm::Object => Returns::Owned,
        RetForm::Void | RetForm::Scalar | RetForm::ErrnoOr | RetForm::Memory | RetForm::Fixed => {
            Returns::Value
        }
    }
}

/// Calls the program that the pinned version has for operation `op`. `None` when there is none, or when it failed: the native
/// implementation has to answer.
#[inline]
pub fn call<T: StructOpsType, R: OpRet, const N: usize>(
    guard: &PinGuard<'_, T>,
    op: u32,
    hash: u32,
    values: impl FnOnce() -> [OpValue; N],
) -> Option<R> {
    let entry = guard.program(OpIdx(op))?;
    let values = values();
    let mut args = values.map(|value| value.raw());
    let returns = const { returns(&<R::Via as DecodeRet<R>>::SHAPE) };
    let given = values.iter().any(|value| value.handover().is_some());
    let raw = if given || matches!(returns, Returns::Owned) {
        let mut handovers = [Handover { object: 0, release: nothing }; N];
        let mut len = 0;
        for value in &values {
            if let Some(release) = value.handover() {
                handovers[len] = Handover { object: value.raw() as usize, release };
                len += 1;
            }
        }
        entry.call_with(hash, &mut args, &handovers[..len], returns)
    } else {
        entry.call(hash, &mut args)
    };
    // SAFETY: the program was verified against the prototype whose hash the entry carries, which covers the shape of `R`; an owned
    // reference was taken out of the ledger by `call_with`.
    unsafe { <R::Via as DecodeRet<R>>::decode(raw.ok()?) }.ok()
}

/// # Safety
/// None: it does nothing.
unsafe fn nothing(_object: usize) {}
