//! Memory for machine code, and all of this crate's `unsafe`: pages are writable *or* executable, never both.
//!
//! [`CodeBuffer::publish`] consumes the writable pages and returns executable ones; there is no way back. Pages are taken
//! near the host's own code where the address space has room, so that compiled code reaches host functions with `call rel32`.

use std::io;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicUsize, Ordering};

/// What unused bytes hold: `int3`, so that a stray jump traps.
const FILLER: u8 = 0xcc;
/// How far below the host's code the search begins: beyond the binary itself and its guard gaps.
const FIRST_GAP: usize = 64 << 20;
/// How far the search goes: a rel32 call must reach from there.
const LAST_GAP: usize = 1 << 30;
/// How many addresses are tried before any place will do.
const MAX_TRIES: usize = 64;

/// Distance below the anchor at which the next search begins. A hint that saves system calls; any value is correct.
static NEXT_GAP: AtomicUsize = AtomicUsize::new(FIRST_GAP);

/// Pages that this process mapped.
struct Mapping {
    /// Invariant 1: `base .. base + len` was mapped by us, is ours alone, and stays mapped until drop.
    base: NonNull<u8>,
    /// A multiple of the page size, not 0.
    len: usize,
}

impl Mapping {
    /// Maps fresh read-write pages: at `address`, if given and free, else anywhere.
    fn new(len: usize, address: Option<usize>) -> io::Result<Self> {
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
        let (hint, flags) = match address {
            Some(address) => (address as *mut libc::c_void, flags | libc::MAP_FIXED_NOREPLACE),
            None => (std::ptr::null_mut(), flags),
        };
        // SAFETY: without MAP_FIXED (NOREPLACE refuses instead of replacing) a private anonymous mapping touches no existing
        // memory; length and protection are plain numbers.
        let base = unsafe { libc::mmap(hint, len, libc::PROT_READ | libc::PROT_WRITE, flags, -1, 0) };
        if base == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let base = NonNull::new(base.cast::<u8>()).ok_or(io::ErrorKind::AddrNotAvailable)?;
        // Kernels before 4.17 take NOREPLACE for a mere hint; the pages are good all the same.
        Ok(Self { base, len })
    }

    /// Gives back the pages from `keep` bytes on; `keep` is rounded up to a page.
    fn truncate(&mut self, keep: usize) {
        let keep = round_to_pages(keep.max(1));
        if keep >= self.len {
            return;
        }
        // SAFETY: keep < len, so the result lies inside our mapping (invariant 1).
        let tail = unsafe { self.base.add(keep) };
        // SAFETY: tail .. base + len are whole pages of our own mapping, and nothing points into them: the only borrows of
        // them are through `&mut self`.
        let failed = unsafe { libc::munmap(tail.as_ptr().cast(), self.len - keep) };
        if failed == 0 {
            self.len = keep;
        }
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: the range is ours alone (invariant 1), and whoever runs code in it holds the owner of this mapping.
        let failed = unsafe { libc::munmap(self.base.as_ptr().cast(), self.len) };
        debug_assert_eq!(failed, 0, "munmap of our own pages");
    }
}

/// Writable pages for code.
pub(crate) struct CodeBuffer(Mapping);

/// Executable, read-only pages.
pub(crate) struct CodePages(Mapping);

// SAFETY: after publication nobody writes to the pages, and they belong to no thread.
unsafe impl Send for CodePages {}
// SAFETY: shared references only read.
unsafe impl Sync for CodePages {}

impl CodeBuffer {
    /// Reserves at least `len` bytes, within [`LAST_GAP`] of `anchor` if there is room.
    pub(crate) fn reserve(len: usize, anchor: usize) -> io::Result<Self> {
        let len = round_to_pages(len.max(1));
        let start = NEXT_GAP.load(Ordering::Relaxed);
        let mut gap = start;
        for _ in 0..MAX_TRIES {
            gap = gap.saturating_add(len);
            if gap > LAST_GAP {
                gap = FIRST_GAP;
                continue;
            }
            let Some(address) = (anchor & !(page_size() - 1)).checked_sub(gap) else { break };
            if let Ok(mapping) = Mapping::new(len, Some(address)) {
                NEXT_GAP.store(gap, Ordering::Relaxed);
                return Ok(Self(mapping));
            }
        }
        Mapping::new(len, None).map(Self)
    }

    /// Address of the first byte.
    pub(crate) fn base(&self) -> usize {
        self.0.base.as_ptr() as usize
    }

    /// The bytes, all of them writable.
    pub(crate) fn bytes_mut(&mut self) -> &mut [u8] {
        // SAFETY: the pages are mapped read-write for as long as `self` lives (invariant 1; `publish` consumes it), fresh
        // anonymous pages are initialised (zero), and `&mut self` makes the borrow unique.
        unsafe { std::slice::from_raw_parts_mut(self.0.base.as_ptr(), self.0.len) }
    }

    /// Makes the first `len` bytes executable and gives the rest of the pages back. What is left of the last page traps.
    pub(crate) fn publish(mut self, len: usize) -> io::Result<CodePages> {
        self.0.truncate(len);
        if let Some(rest) = self.bytes_mut().get_mut(len..) {
            rest.fill(FILLER);
        }
        // SAFETY: the whole mapping is ours (invariant 1) and `self` is consumed, so no writable borrow is left.
        let failed = unsafe {
            libc::mprotect(self.0.base.as_ptr().cast(), self.0.len, libc::PROT_READ | libc::PROT_EXEC)
        };
        if failed == 0 { Ok(CodePages(self.0)) } else { Err(io::Error::last_os_error()) }
    }
}

impl CodePages {
    /// Address of the first byte.
    pub(crate) fn base(&self) -> usize {
        self.0.base.as_ptr() as usize
    }

    /// Everything that is mapped, the trapping rest of the last page included.
    pub(crate) fn bytes(&self) -> &[u8] {
        // SAFETY: the pages are mapped readable and never written again while `self` lives (invariant 1).
        unsafe { std::slice::from_raw_parts(self.0.base.as_ptr(), self.0.len) }
    }
}

fn round_to_pages(len: usize) -> usize {
    len.next_multiple_of(page_size())
}

/// Every x86-64 Linux has pages of this size (huge pages are built of them).
const fn page_size() -> usize {
    4096
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Permissions of the mapping at an address, as the operating system reports them (`r-xp`).
    fn permissions(address: usize) -> Option<String> {
        let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
        maps.lines().find_map(|line| {
            let (range, rest) = line.split_once(' ')?;
            let (start, end) = range.split_once('-')?;
            let start = usize::from_str_radix(start, 16).unwrap();
            let end = usize::from_str_radix(end, 16).unwrap();
            (start..end).contains(&address).then(|| rest.split(' ').next().unwrap_or_default().to_owned())
        })
    }

    #[test]
    fn pages_are_writable_then_executable_then_gone() {
        let mut buffer = CodeBuffer::reserve(10_000, permissions as *const () as usize).unwrap();
        let base = buffer.base();
        buffer.bytes_mut()[..3].copy_from_slice(&[1, 2, 3]);
        assert_eq!(permissions(base).as_deref(), Some("rw-p"));
        let pages = buffer.publish(5_000).unwrap();
        assert_eq!(pages.base(), base);
        assert_eq!(permissions(base).as_deref(), Some("r-xp"));
        assert_eq!(pages.bytes().len(), 8192, "the third page was given back");
        assert_eq!(pages.bytes()[..3], [1, 2, 3]);
        assert!(pages.bytes()[5_000..].iter().all(|&byte| byte == FILLER));
    }

    #[test]
    fn code_lies_within_reach_of_a_near_call() {
        let anchor = permissions as *const () as usize;
        let images: Vec<CodePages> =
            (0..200).map(|_| CodeBuffer::reserve(100, anchor).unwrap().publish(100).unwrap()).collect();
        for pages in &images {
            assert!(pages.base().abs_diff(anchor) < 1 << 31, "{:#x} from {anchor:#x}", pages.base());
        }
    }
}
