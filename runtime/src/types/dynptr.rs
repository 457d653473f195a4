//! [`Dynptr`]: memory of a size that is known at run time, behind 16 bytes of the program's stack.

use std::ptr;
use std::slice;

use crate::declare::{ArgForm, ArgShape, KernelType, MemRule, TypeExpr};

use super::arg::Raw;
use super::btf::BtfType;
use super::cell::BpfCell;
use super::pointee::{Pointee, PointeeMut};
use super::uninit::{OnStack, Uninit, aligned, used};

/// Most bytes behind a dynptr (Linux: `DYNPTR_MAX_SIZE`).
const MAX_BYTES: usize = (1 << 24) - 1;

/// Memory of a size that is known at run time: a part of a map value, or of the host. Programs cannot look into it.
///
/// There are dynptrs on programs' stacks only: kfuncs take `&Dynptr`, `&mut Dynptr` and `Uninit<Dynptr>`, and cannot keep one.
///
/// Other threads may change the memory at any time, so it is read and written by copying, or looked at as cells.
#[derive(Debug)]
#[repr(C)]
pub struct Dynptr {
    /// # Invariants
    /// 1. NULL and 0 bytes, or `bytes` bytes from here are mapped, initialised, accessed by everybody as relaxed atomics (unless nobody writes
    ///    them), and stay so for as long as the verifier lets programs use the dynptr.
    start: *const u8,
    bytes: u32,
    writable: Writable,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u32)]
enum Writable {
    No = 0,
    Yes = 1,
}

/// An access to a dynptr outside its memory, or a write where only reading is allowed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum DynptrError {
    /// The access ends behind the memory.
    #[error("{bytes} bytes at offset {offset} lie outside the {len} bytes of the dynptr")]
    OutOfBounds {
        /// Where it begins.
        offset: usize,
        /// How much it wants.
        bytes: usize,
        /// Bytes of the dynptr.
        len: usize,
    },
    /// The memory may only be read.
    #[error("the dynptr's memory may only be read")]
    ReadOnly,
    /// A dynptr reaches less than 16 MiB.
    #[error("{len} bytes are too many for a dynptr: it reaches less than 16 MiB")]
    TooLarge {
        /// Bytes of the memory.
        len: usize,
    },
}

impl Uninit<'_, Dynptr> {
    /// Makes it a dynptr to memory of the host that programs may write.
    ///
    /// # Errors
    /// [`DynptrError::TooLarge`]: the program gets a dynptr to nothing.
    pub fn to_static(self, cells: &'static [BpfCell<u8>]) -> Result<(), DynptrError> {
        // SAFETY: invariant 1: cells are atomics, and live for good.
        let dynptr = unsafe { Dynptr::over(cells.as_ptr().cast(), cells.len(), Writable::Yes) }?;
        self.write(dynptr);
        Ok(())
    }

    /// Makes it a dynptr to memory of the host that nobody writes.
    ///
    /// # Errors
    /// [`DynptrError::TooLarge`]: the program gets a dynptr to nothing.
    pub fn to_constant(self, bytes: &'static [u8]) -> Result<(), DynptrError> {
        // SAFETY: invariant 1: nobody writes behind a shared reference, which lives for good.
        let dynptr = unsafe { Dynptr::over(bytes.as_ptr(), bytes.len(), Writable::No) }?;
        self.write(dynptr);
        Ok(())
    }
}

impl Dynptr {
    const NULL: Self = Self { start: ptr::null(), bytes: 0, writable: Writable::No };

    /// # Safety
    /// Invariant 1, with `len` bytes from `start`.
    unsafe fn over(start: *const u8, len: usize, writable: Writable) -> Result<Self, DynptrError> {
        start.expose_provenance();
        let bytes = u32::try_from(len).ok().filter(|_| len <= MAX_BYTES);
        Ok(Self { start, bytes: bytes.ok_or(DynptrError::TooLarge { len })?, writable })
    }

    /// Writes a dynptr to a part of a map value, or one to nothing, to a program's stack.
    ///
    /// # Errors
    /// [`DynptrError::TooLarge`]: one to nothing was written.
    ///
    /// # Safety
    /// There is room for a dynptr at `room`, and the bytes lie in a value of a map of the program that owns the room.
    pub(crate) unsafe fn write_local(
        room: *mut Self,
        memory: Option<(u64, usize)>,
    ) -> Result<(), DynptrError> {
        let made = memory.map(|(address, len)| {
            let start = ptr::with_exposed_provenance(address as usize);
            // SAFETY: map values are atomics, and live as long as the program's map.
            unsafe { Self::over(start, len, Writable::Yes) }
        });
        let (dynptr, result) = match made {
            Some(Ok(dynptr)) => (dynptr, Ok(())),
            Some(Err(fault)) => (Self::NULL, Err(fault)),
            None => (Self::NULL, Ok(())),
        };
        // SAFETY: the caller's promise.
        unsafe { room.write(dynptr) };
        result
    }

    /// Whether bytes are there.
    pub(crate) fn check(&self, offset: usize, bytes: usize) -> Result<(), DynptrError> {
        self.at(offset, bytes).map(|_| ())
    }

    /// Bytes of the memory; 0 for a dynptr to nothing.
    pub fn len(&self) -> usize {
        self.bytes as usize
    }

    /// Whether there is no memory.
    pub fn is_empty(&self) -> bool {
        self.bytes == 0
    }

    /// Whether it is a dynptr to nothing: what a function gives that could not make one.
    pub fn is_null(&self) -> bool {
        self.start.is_null()
    }

    /// Whether the memory may only be read.
    pub fn is_read_only(&self) -> bool {
        self.writable == Writable::No
    }

    fn at(&self, offset: usize, bytes: usize) -> Result<*const u8, DynptrError> {
        let inside = offset.checked_add(bytes).is_some_and(|end| end <= self.len());
        if inside {
            Ok(self.start.wrapping_add(offset))
        } else {
            Err(DynptrError::OutOfBounds { offset, bytes, len: self.len() })
        }
    }

    /// Address of a part, for the helper that lends it to the program.
    pub(crate) fn part(&self, offset: u32, bytes: u32) -> Option<u64> {
        let part = self
            .at(offset as usize, bytes as usize)
            .ok()
            .filter(|_| !self.is_null() && !self.is_read_only())?;
        Some(part.addr() as u64)
    }

    /// Copies bytes out of the memory.
    ///
    /// # Errors
    /// They lie outside; nothing was copied.
    pub fn read(&self, offset: usize, to: &mut [u8]) -> Result<(), DynptrError> {
        let from = self.at(offset, to.len())?;
        for (at, byte) in to.iter_mut().enumerate() {
            let cell = from.wrapping_add(at).cast::<std::sync::atomic::AtomicU8>();
            // SAFETY: invariant 1; a relaxed load is a plain one on memory that nobody writes.
            *byte = unsafe { &*cell }.load(std::sync::atomic::Ordering::Relaxed);
        }
        Ok(())
    }

    /// Copies bytes into the memory.
    ///
    /// # Errors
    /// They lie outside, or the memory may only be read; nothing was copied.
    pub fn write(&mut self, offset: usize, from: &[u8]) -> Result<(), DynptrError> {
        self.store(offset, from)
    }

    /// As [`write`](Self::write), for the helper.
    pub(crate) fn store(&self, offset: usize, from: &[u8]) -> Result<(), DynptrError> {
        let to = self.at(offset, from.len())?;
        if self.is_read_only() {
            return Err(DynptrError::ReadOnly);
        }
        for (at, byte) in from.iter().enumerate() {
            let cell = to.wrapping_add(at).cast::<std::sync::atomic::AtomicU8>();
            // SAFETY: invariant 1, and it is writable, so everybody accesses it as atomics.
            unsafe { &*cell }.store(*byte, std::sync::atomic::Ordering::Relaxed);
        }
        Ok(())
    }

    /// Looks at the memory without copying it. `None` when it may only be read.
    pub fn with_cells<R>(&self, look: impl FnOnce(&[BpfCell<u8>]) -> R) -> Option<R> {
        if self.is_read_only() || self.is_null() {
            return None;
        }
        // SAFETY: invariant 1; a `BpfCell<u8>` is an atomic byte. The reference does not leave `look`, so nobody can make a dynptr
        // of it that lives longer.
        Some(look(unsafe { slice::from_raw_parts(self.start.cast::<BpfCell<u8>>(), self.len()) }))
    }
}

// SAFETY: 16 bytes that programs cannot look into.
unsafe impl BtfType for Dynptr {
    const EXPR: TypeExpr = TypeExpr::kernel(KernelType::Dynptr);
    const ACCESS: crate::declare::AccessDecl = crate::declare::AccessDecl::Hidden;
}

// SAFETY: the verifier keeps programs from the 16 bytes while the dynptr is there; alignment is 8, and there is nothing to drop.
unsafe impl OnStack for Dynptr {
    const SHAPE: ArgShape = {
        assert!(size_of::<Self>() == 16 && align_of::<Self>() == 8);
        let mut shape = ArgShape::new(ArgForm::Dynptr, Self::EXPR);
        shape.bytes = 16;
        shape
    };

    unsafe fn blank() -> Self {
        Self::NULL
    }
}

// SAFETY: the shape asks for an initialised dynptr, which only functions that take an `Uninit<Dynptr>`, and the helpers, have written.
unsafe impl Pointee for Dynptr {
    const SHARED: ArgShape = used(<Self as OnStack>::SHAPE, MemRule::Read);

    unsafe fn shared<'a>(raw: Raw<'_>) -> Result<&'a Self, u64> {
        let dynptr = aligned::<Self>(raw)?;
        // SAFETY: aligned and initialised.
        Ok(unsafe { &*dynptr })
    }
}

// SAFETY: as for `Pointee`; nothing else reaches a program's stack during the call.
unsafe impl PointeeMut for Dynptr {
    const EXCLUSIVE: ArgShape = used(<Self as OnStack>::SHAPE, MemRule::ReadWrite);

    unsafe fn exclusive<'a>(raw: Raw<'_>) -> Result<&'a mut Self, u64> {
        let dynptr = aligned::<Self>(raw)?;
        // SAFETY: as for `shared`, and no other argument overlaps it: the shim checks that.
        Ok(unsafe { &mut *dynptr })
    }
}
