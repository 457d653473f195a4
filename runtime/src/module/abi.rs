//! [`ModuleDecl`]: what a module exports, and what must agree before anything in it is used.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::Arc;
use std::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};

use super::slots::AttachPoint;
use crate::declare::Place;
use crate::initcall::{self, RegisteredSet};
use crate::registry::Records;

/// Version of what follows [`Prefix`] in a [`ModuleDecl`], and of how the two sides speak.
pub(crate) const ABI: u32 = 1;

/// First bytes of a [`ModuleDecl`].
pub(crate) const MAGIC: [u8; 8] = *b"OPSWAPMD";

/// Name of the exported symbol.
pub(crate) const SYMBOL: &str = "opswap_module";

/// Room for [`BUILD`].
const BUILD_BYTES: usize = 192;

/// Compiler and sources of this build of opswap. Types have the same layout on both sides only if these are the same.
pub(crate) const BUILD: &str = concat!(
    "opswap ",
    env!("CARGO_PKG_VERSION"),
    " (sources ",
    env!("OPSWAP_SOURCES"),
    "), ",
    env!("OPSWAP_RUSTC")
);

/// What every version of a [`ModuleDecl`] begins with. Never changes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(C)]
pub(crate) struct Prefix {
    pub(crate) magic: [u8; 8],
    pub(crate) abi: u32,
    /// Bytes of the whole declaration.
    pub(crate) size: u32,
    /// Who built it, ended by zeroes.
    pub(crate) build: [u8; BUILD_BYTES],
}

/// Bytes of a [`Prefix`].
pub(crate) const PREFIX_BYTES: usize = size_of::<Prefix>();

impl Prefix {
    /// Of this build.
    pub(crate) const OWN: Self = {
        let mut build = [0; BUILD_BYTES];
        let text = BUILD.as_bytes();
        assert!(text.len() < BUILD_BYTES, "room for the build's text");
        let mut at = 0;
        while at < text.len() {
            build[at] = text[at];
            at += 1;
        }
        #[expect(clippy::cast_possible_truncation, reason = "a few hundred bytes")]
        let size = size_of::<ModuleDecl>() as u32;
        Self { magic: MAGIC, abi: ABI, size, build }
    };

    /// From the first bytes of a declaration; `None` when they are none.
    pub(crate) fn read(bytes: &[u8]) -> Option<Self> {
        let (magic, rest) = bytes.split_first_chunk::<8>()?;
        let (abi, rest) = rest.split_first_chunk::<4>()?;
        let (size, rest) = rest.split_first_chunk::<4>()?;
        let build = *rest.first_chunk::<BUILD_BYTES>()?;
        let (abi, size) = (u32::from_le_bytes(*abi), u32::from_le_bytes(*size));
        (*magic == MAGIC).then_some(Self { magic: *magic, abi, size, build })
    }

    /// Who built it.
    pub(crate) fn builder(&self) -> String {
        let end = self.build.iter().position(|&byte| byte == 0).unwrap_or(BUILD_BYTES);
        format!("{} (module ABI {})", String::from_utf8_lossy(&self.build[..end]), self.abi)
    }
}

/// What a module exports under the name `opswap_module`.
#[derive(Debug)]
#[repr(C)]
pub struct ModuleDecl {
    pub(crate) prefix: Prefix,
    pub(crate) name: &'static str,
    pub(crate) place: Place,
    pub(crate) allocator: &'static HostAllocator,
    /// The declarations that are linked into the module.
    pub(crate) records: fn() -> Records<'static>,
    /// Runs the module's initcalls.
    pub(crate) initcalls: fn() -> Result<Vec<RegisteredSet>, String>,
    /// Makes handles to its slots.
    pub(crate) slots: &'static [fn() -> Arc<dyn AttachPoint>],
}

impl ModuleDecl {
    /// The declaration of the module that this is compiled into.
    pub const fn new(
        name: &'static str,
        place: Place,
        allocator: &'static HostAllocator,
        slots: &'static [fn() -> Arc<dyn AttachPoint>],
    ) -> Self {
        Self { prefix: Prefix::OWN, name, place, allocator, records: Records::linked, initcalls, slots }
    }
}

fn initcalls() -> Result<Vec<RegisteredSet>, String> {
    initcall::registered().map(<[RegisteredSet]>::to_vec)
}

/// An application's allocator, as a module calls it.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct HostTable {
    alloc: unsafe fn(Layout) -> *mut u8,
    alloc_zeroed: unsafe fn(Layout) -> *mut u8,
    dealloc: unsafe fn(*mut u8, Layout),
    realloc: unsafe fn(*mut u8, Layout, usize) -> *mut u8,
}

/// The allocator of the program that this is compiled into.
pub(crate) static HOST: HostTable = HostTable {
    alloc: std::alloc::alloc,
    alloc_zeroed: std::alloc::alloc_zeroed,
    dealloc: std::alloc::dealloc,
    realloc: std::alloc::realloc,
};

/// A module's allocator: that of the application that loaded it, so that either side can free what the other allocated.
#[derive(Debug)]
pub struct HostAllocator {
    /// INVARIANT 1: null, or the table of the application, which is never unmapped.
    host: AtomicPtr<HostTable>,
    /// Allocations from before the application was known: they came from the system's allocator.
    early: AtomicUsize,
}

impl HostAllocator {
    /// That of a module which is not loaded yet.
    #[expect(clippy::new_without_default, reason = "made in constants only")]
    pub const fn new() -> Self {
        Self { host: AtomicPtr::new(std::ptr::null_mut()), early: AtomicUsize::new(0) }
    }

    /// From now on allocates with `host`.
    ///
    /// # Errors
    /// Memory was allocated already, which `host` could not free.
    pub(crate) fn adopt(&self, host: &'static HostTable) -> Result<(), ()> {
        if self.early.load(Ordering::Acquire) != 0 {
            return Err(());
        }
        self.host.store(std::ptr::from_ref(host).cast_mut(), Ordering::Release);
        Ok(())
    }

    fn host(&self) -> Option<&'static HostTable> {
        // SAFETY: INVARIANT 1.
        unsafe { self.host.load(Ordering::Acquire).as_ref() }
    }

    /// Counts an allocation of the system's.
    fn early(&self, memory: *mut u8) -> *mut u8 {
        self.early.fetch_add(1, Ordering::AcqRel);
        memory
    }
}

// SAFETY: either all memory comes from the application's allocator, or (while it is not known, and then for good, because `adopt`
// refuses) from the system's; both keep the contract of `GlobalAlloc`.
unsafe impl GlobalAlloc for HostAllocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        match self.host() {
            // SAFETY: the caller's promise is `alloc`'s.
            Some(host) => unsafe { (host.alloc)(layout) },
            // SAFETY: as above.
            None => self.early(unsafe { System.alloc(layout) }),
        }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        match self.host() {
            // SAFETY: the caller's promise is `alloc_zeroed`'s.
            Some(host) => unsafe { (host.alloc_zeroed)(layout) },
            // SAFETY: as above.
            None => self.early(unsafe { System.alloc_zeroed(layout) }),
        }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        match self.host() {
            // SAFETY: the memory came from the same allocator: once `host` is set nothing from before is left.
            Some(host) => unsafe { (host.dealloc)(memory, layout) },
            // SAFETY: as above.
            None => unsafe { System.dealloc(memory, layout) },
        }
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        match self.host() {
            // SAFETY: as for `dealloc`, and the caller's promise is `realloc`'s.
            Some(host) => unsafe { (host.realloc)(memory, layout, size) },
            // SAFETY: as above.
            None => self.early(unsafe { System.realloc(memory, layout, size) }),
        }
    }
}

/// Makes a crate of type `cdylib` a module: its kfuncs, tables and types can be loaded by a running application with
/// [`Module::load`](crate::Module::load).
///
/// `slots` lists the places (`Slot` or something that derefs to one) where objects may be attached from outside. The macro stands
/// once in the crate, and sets its global allocator: a module uses its application's.
///
/// ```text
/// static COUNTERS: LazyLock<Slot<CounterOps>> = LazyLock::new(|| Slot::new(…));
///
/// opswap::module! { name = "counting", slots = [COUNTERS] }
/// ```
#[macro_export]
macro_rules! module {
    (name = $name:literal $(, slots = [$($slot:expr),* $(,)?])? $(,)?) => {
        const _: () = {
            #[global_allocator]
            static ALLOCATOR: $crate::__private::HostAllocator = $crate::__private::HostAllocator::new();

            #[unsafe(no_mangle)]
            #[allow(non_upper_case_globals)]
            pub static opswap_module: $crate::__private::ModuleDecl = $crate::__private::ModuleDecl::new(
                $name,
                $crate::__place!(),
                &ALLOCATOR,
                &[$($(|| $crate::__private::attach_point(&$slot)),*)?],
            );
        };
    };
}
