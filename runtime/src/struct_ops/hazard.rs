//! Hazard pointers: how a thread says "I am using this version" without a locked instruction, and how a version that was
//! swapped out is freed once nobody says so any more.
//!
//! A reader writes the pointer into a cell of its own, then checks that the pointer is still current. A writer swaps first,
//! then looks into every cell. One of the two must see the other's write; on the reader's side that takes no more than a
//! compiler fence, because the writer makes every running thread pass a barrier (`membarrier(2)`, private expedited). Where the
//! system call is missing, both sides use sequentially consistent fences.
//!
//! A version in use when it is retired stays in limbo, and the reader that holds it is asked (`Reader::asked`) to collect when
//! it lets go. So readers pay nothing for retirement unless they stand in its way, and nobody waits: an operation may swap the
//! very slot through which it was called.

use std::cell::Cell;
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU8, AtomicU32, Ordering, compiler_fence, fence};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use super::version::Version;
use crate::error::RunError;

/// Pins that one thread can hold without the slow path.
const CELLS: usize = 8;

/// How readers and writers order their writes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Barrier {
    /// Readers: compiler fence. Writers: `membarrier`.
    Asymmetric,
    /// Both: `fence(SeqCst)`.
    Symmetric,
}

/// What one thread protects. Lives for ever; reused by later threads.
#[derive(Debug)]
#[repr(align(128))]
pub(crate) struct Reader {
    /// INVARIANT 1: written by the owning thread only, null or a version it uses.
    cells: [AtomicPtr<Version>; CELLS],
    /// A writer found one of `cells` in its way: collect after letting go.
    asked: AtomicBool,
    /// Bit `i`: `cells[i]` is taken. Owning thread only.
    taken: AtomicU8,
    /// Runs nested on this thread. Owning thread only.
    depth: AtomicU32,
    /// This reader's number, from 0, unique among living threads.
    pub(crate) index: u32,
    barrier: Barrier,
}

/// A cell of the calling thread's reader that protects a version.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Hazard {
    pub(crate) reader: &'static Reader,
    cell: u8,
}

/// Runs that may be nested on one thread through host functions that call operations or programs.
const MAX_DEPTH: u32 = 32;

/// A run on this thread, counted until dropped.
#[derive(Debug)]
pub(crate) struct Nesting {
    reader: Option<&'static Reader>,
}

impl Nesting {
    /// Counts a run on the calling thread.
    pub(crate) fn enter() -> Result<Self, RunError> {
        Self::on(Reader::current())
    }

    /// Counts a run on the thread of `reader`, which is the calling one. Without a reader (the thread is being torn down) nothing
    /// is counted.
    #[inline]
    pub(crate) fn on(reader: Option<&'static Reader>) -> Result<Self, RunError> {
        if let Some(reader) = reader {
            let depth = reader.depth.load(Ordering::Relaxed);
            if depth >= MAX_DEPTH {
                return Err(RunError::TooDeep { limit: MAX_DEPTH });
            }
            reader.depth.store(depth + 1, Ordering::Relaxed);
        }
        Ok(Self { reader })
    }
}

impl Drop for Nesting {
    #[inline]
    fn drop(&mut self) {
        if let Some(reader) = self.reader {
            reader.depth.store(reader.depth.load(Ordering::Relaxed) - 1, Ordering::Relaxed);
        }
    }
}

/// Readers without a thread, and all readers.
#[derive(Default)]
struct Registry {
    all: Vec<&'static Reader>,
    free: Vec<&'static Reader>,
}

static READERS: Mutex<Registry> = Mutex::new(Registry { all: Vec::new(), free: Vec::new() });

/// Versions that were swapped out and may still be in use.
static LIMBO: Mutex<Vec<Arc<Version>>> = Mutex::new(Vec::new());

thread_local! {
    static READER: Cell<Option<&'static Reader>> = const { Cell::new(None) };
    static OWNER: Owner = const { Owner { reader: Cell::new(None) } };
}

/// Gives the thread's reader back when the thread ends.
struct Owner {
    reader: Cell<Option<&'static Reader>>,
}

impl Drop for Owner {
    fn drop(&mut self) {
        READER.set(None);
        let Some(reader) = self.reader.take() else { return };
        // A guard that outlives this destructor (in another thread-local) or was forgotten still owns a cell: then the reader
        // cannot get a second owner.
        if reader.taken.load(Ordering::Relaxed) == 0 {
            locked(&READERS).free.push(reader);
        }
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing panics while these are held; a poisoned one is as good as new.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Which barriers this process uses; decided once.
fn barrier() -> Barrier {
    static BARRIER: OnceLock<Barrier> = OnceLock::new();
    *BARRIER.get_or_init(|| if membarrier::register() { Barrier::Asymmetric } else { Barrier::Symmetric })
}

impl Reader {
    /// The calling thread's reader; `None` while the thread is being torn down.
    #[inline]
    pub(crate) fn current() -> Option<&'static Self> {
        match READER.get() {
            Some(reader) => Some(reader),
            None => Self::register(),
        }
    }

    #[cold]
    fn register() -> Option<&'static Self> {
        OWNER
            .try_with(|owner| {
                let mut readers = locked(&READERS);
                let reader = readers.free.pop().unwrap_or_else(|| {
                    let reader: &'static Self = Box::leak(Box::new(Self {
                        cells: [const { AtomicPtr::new(std::ptr::null_mut()) }; CELLS],
                        asked: AtomicBool::new(false),
                        taken: AtomicU8::new(0),
                        depth: AtomicU32::new(0),
                        index: u32::try_from(readers.all.len()).unwrap_or(u32::MAX),
                        barrier: barrier(),
                    }));
                    readers.all.push(reader);
                    reader
                });
                owner.reader.set(Some(reader));
                READER.set(Some(reader));
                reader
            })
            .ok()
    }

    /// The reader's half of the ordering: its write above comes before its read below, as far as writers can see.
    #[inline]
    fn light(&self) {
        match self.barrier {
            Barrier::Asymmetric => compiler_fence(Ordering::SeqCst),
            Barrier::Symmetric => fence(Ordering::SeqCst),
        }
    }

    /// Protects the version that `current` holds. `None`: all cells are taken.
    ///
    /// The returned pointer was current after it had been announced, so a writer that swaps it out later finds it in the cell.
    #[inline]
    pub(crate) fn protect(&'static self, current: &AtomicPtr<Version>) -> Option<(Hazard, *const Version)> {
        let taken = self.taken.load(Ordering::Relaxed);
        let cell = (!taken).trailing_zeros() as usize;
        let announced = self.cells.get(cell)?;
        let mut version = current.load(Ordering::Relaxed);
        loop {
            announced.store(version, Ordering::Release);
            self.light();
            let again = current.load(Ordering::Acquire);
            if again == version {
                break;
            }
            version = again;
        }
        self.taken.store(taken | 1 << cell, Ordering::Relaxed);
        let hazard = Hazard { reader: self, cell: u8::try_from(cell).unwrap_or(u8::MAX) };
        Some((hazard, version))
    }
}

impl Hazard {
    /// Lets go. The version must not be used afterwards.
    #[inline]
    pub(crate) fn clear(self) {
        let reader = self.reader;
        let taken = reader.taken.load(Ordering::Relaxed);
        if let Some(cell) = reader.cells.get(usize::from(self.cell)) {
            cell.store(std::ptr::null_mut(), Ordering::Release);
        }
        reader.taken.store(taken & !(1 << self.cell), Ordering::Relaxed);
        reader.light();
        if reader.asked.load(Ordering::Relaxed) {
            collect_when_asked(reader);
        }
    }
}

#[cold]
fn collect_when_asked(reader: &Reader) {
    // Cleared before the scan: whoever finds a cell in the way during or after it asks again.
    reader.asked.store(false, Ordering::Relaxed);
    collect();
}

/// Hands over a version that nobody can find any more: it is dropped now, or by the last reader that lets go.
pub(crate) fn retire(version: Arc<Version>) {
    locked(&LIMBO).push(version);
    collect();
}

/// Drops every version in limbo that no reader uses.
pub(crate) fn collect() {
    let freed = {
        let mut limbo = locked(&LIMBO);
        sweep(&mut limbo)
    };
    // Outside the lock: dropping a version unmaps code and may run destructors that come back here.
    drop(freed);
}

fn sweep(limbo: &mut Vec<Arc<Version>>) -> Vec<Arc<Version>> {
    if limbo.is_empty() {
        return Vec::new();
    }
    let readers = locked(&READERS);
    loop {
        if !heavy() {
            return Vec::new();
        }
        let mut used = Vec::new();
        let mut asked_more = false;
        for reader in &readers.all {
            let before = used.len();
            used.extend(
                reader
                    .cells
                    .iter()
                    .map(|cell| cell.load(Ordering::Acquire).cast_const())
                    .filter(|cell| limbo.iter().any(|version| std::ptr::eq(Arc::as_ptr(version), *cell))),
            );
            let in_the_way = used.len() > before;
            asked_more |= in_the_way && !reader.asked.swap(true, Ordering::Relaxed);
        }
        // Asked first, then looked again: a reader that let go in between either sees the question or is seen to have let go.
        // Each reader answers at most once while we hold the lock on limbo, so this ends.
        if !asked_more {
            let (kept, freed) = limbo.drain(..).partition(|version| used.contains(&Arc::as_ptr(version)));
            *limbo = kept;
            return freed;
        }
    }
}

/// The writer's half of the ordering. `false`: the barrier failed, so nothing may be concluded from what is read after it.
fn heavy() -> bool {
    match barrier() {
        Barrier::Asymmetric => membarrier::all_threads(),
        Barrier::Symmetric => {
            fence(Ordering::SeqCst);
            true
        }
    }
}

mod membarrier {
    //! The system call, for the calling process's own threads.

    /// `MEMBARRIER_CMD_PRIVATE_EXPEDITED`.
    const BARRIER: libc::c_long = 1 << 3;
    /// `MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED`.
    const REGISTER: libc::c_long = 1 << 4;

    fn call(command: libc::c_long) -> bool {
        if cfg!(any(miri, not(target_os = "linux"))) {
            return false;
        }
        // SAFETY: `membarrier` takes three integers, reads and writes no memory of ours, and an unknown command is an error.
        let result =
            unsafe { libc::syscall(libc::SYS_membarrier, command, 0 as libc::c_long, 0 as libc::c_long) };
        result == 0
    }

    /// Whether the process may use [`all_threads`].
    pub(super) fn register() -> bool {
        call(REGISTER) && call(BARRIER)
    }

    /// Makes every running thread of the process pass a full barrier; registers anew should a fork have lost it.
    pub(super) fn all_threads() -> bool {
        call(BARRIER) || register()
    }
}
