//! [`IrqFlag`]: an interrupt state that a function saves on the program's stack and another restores.

use crate::declare::{ArgForm, ArgShape, IntForm, MemRule, TypeExpr};

use super::arg::Raw;
use super::pointee::{Pointee, PointeeMut};
use super::uninit::{OnStack, aligned, used};

/// What a function saved on the program's stack: `Uninit<IrqFlag>` saves, `&mut IrqFlag` restores.
///
/// The verifier demands that every flag is restored, the last one first, and that nothing sleeps in between. What is saved is the
/// functions' own business; programs cannot change it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[repr(transparent)]
pub struct IrqFlag(u64);

impl IrqFlag {
    /// A flag with this in it.
    pub const fn new(saved: u64) -> Self {
        Self(saved)
    }

    /// What was saved.
    pub const fn saved(self) -> u64 {
        self.0
    }
}

// SAFETY: the verifier keeps programs from the eight bytes until the flag is restored; any bytes are a value.
unsafe impl OnStack for IrqFlag {
    const SHAPE: ArgShape = {
        let mut shape = ArgShape::new(ArgForm::IrqFlag, TypeExpr::int(8, IntForm::Unsigned));
        shape.bytes = 8;
        shape
    };

    unsafe fn blank() -> Self {
        Self(0)
    }
}

// SAFETY: the shape asks for an initialised flag. (The registry refuses it: a flag that is only looked at is neither saved nor restored.)
unsafe impl Pointee for IrqFlag {
    const SHARED: ArgShape = used(<Self as OnStack>::SHAPE, MemRule::Read);

    unsafe fn shared<'a>(raw: Raw<'_>) -> Result<&'a Self, u64> {
        let flag = aligned::<Self>(raw)?;
        // SAFETY: aligned and initialised.
        Ok(unsafe { &*flag })
    }
}

// SAFETY: the shape asks for an initialised flag; nothing else reaches a program's stack during the call.
unsafe impl PointeeMut for IrqFlag {
    const EXCLUSIVE: ArgShape = used(<Self as OnStack>::SHAPE, MemRule::ReadWrite);

    unsafe fn exclusive<'a>(raw: Raw<'_>) -> Result<&'a mut Self, u64> {
        let flag = aligned::<Self>(raw)?;
        // SAFETY: as for `shared`, and no other argument overlaps it: the shim checks that.
        Ok(unsafe { &mut *flag })
    }
}
