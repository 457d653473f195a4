//! [`BpfCell`]: a number that programs and the host change through shared references.

use std::sync::atomic::{self, Ordering};

/// A number that [`BpfCell`] can hold.
pub trait CellValue: Copy + sealed::Sealed {
    /// The atomic of the same layout.
    #[doc(hidden)]
    type Atomic: Default + std::fmt::Debug;
    #[doc(hidden)]
    fn wrap(self) -> Self::Atomic;
    #[doc(hidden)]
    fn load(cell: &Self::Atomic) -> Self;
    #[doc(hidden)]
    fn store(cell: &Self::Atomic, value: Self);
}

mod sealed {
    pub trait Sealed {}
}

macro_rules! cell_values {
    ($($ty:ty: $atomic:ty),*) => {$(
        impl sealed::Sealed for $ty {}
        impl CellValue for $ty {
            type Atomic = $atomic;
            fn wrap(self) -> $atomic {
                <$atomic>::new(self)
            }
            fn load(cell: &$atomic) -> Self {
                cell.load(Ordering::Relaxed)
            }
            fn store(cell: &$atomic, value: Self) {
                cell.store(value, Ordering::Relaxed);
            }
        }
    )*};
}

cell_values!(
    u8: atomic::AtomicU8, u16: atomic::AtomicU16, u32: atomic::AtomicU32, u64: atomic::AtomicU64,
    usize: atomic::AtomicUsize,
    i8: atomic::AtomicI8, i16: atomic::AtomicI16, i32: atomic::AtomicI32, i64: atomic::AtomicI64,
    isize: atomic::AtomicIsize
);

/// A number in a shared object that programs may write. Same size and alignment as the number; every access is a relaxed atomic
/// one, so a program on another thread is no data race.
#[repr(transparent)]
pub struct BpfCell<T: CellValue>(T::Atomic);

impl<T: CellValue> BpfCell<T> {
    /// A cell with this value.
    pub fn new(value: T) -> Self {
        Self(value.wrap())
    }

    /// The value now.
    pub fn get(&self) -> T {
        T::load(&self.0)
    }

    /// Replaces the value.
    pub fn set(&self, value: T) {
        T::store(&self.0, value);
    }
}

impl<T: CellValue> Default for BpfCell<T> {
    fn default() -> Self {
        Self(T::Atomic::default())
    }
}

impl<T: CellValue + std::fmt::Debug> std::fmt::Debug for BpfCell<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("BpfCell").field(&self.get()).finish()
    }
}
