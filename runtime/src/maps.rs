//! [`Map`]: storage that programs and the host share.
//!
//! Values are plain bytes at addresses that stay valid as long as the map, so programs work on them directly; the host copies them
//! in and out. Any number of threads and programs may use a map at the same time.
//!
//! | file | owns |
//! |---|---|
//! | `memory` | shared words; the only unsafe code of maps |
//! | `array` | arrays, and the global data of objects |
//! | `hash` | hash maps |
//! | `programs` | program arrays |

mod array;
mod hash;
mod memory;
mod programs;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use opswap_bpf::MapProto;
use opswap_bpf::map::{BPF_F_RDONLY_PROG, MapKind, SpecialField};

use self::array::ArrayMap;
use self::hash::HashMap;
use self::programs::ProgramArray;
use crate::error::MapError;
use crate::program::ProgramCore;

pub(crate) use self::memory::read_passed;

/// Whether an update may create or replace.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum UpdateMode {
    /// Either (`BPF_ANY`).
    Any,
    /// Only create (`BPF_NOEXIST`).
    IfAbsent,
    /// Only replace (`BPF_EXIST`).
    IfPresent,
}

impl UpdateMode {
    /// The mode with the kernel's number.
    pub fn from_flags(flags: u64) -> Option<Self> {
        match flags {
            0 => Some(Self::Any),
            1 => Some(Self::IfAbsent),
            2 => Some(Self::IfPresent),
            3.. => None,
        }
    }
}

#[derive(Debug)]
enum Storage {
    Array(ArrayMap),
    Hash(HashMap),
    Programs(ProgramArray),
    /// A kind that needs a kernel: always empty.
    Inert,
}

/// Who will use a map.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum MapUse {
    /// An application's programs: every kind works as it should, or is refused.
    Application,
    /// A kernel's programs, run one at a time without that kernel: per-CPU maps have one copy, kinds that need a kernel are
    /// empty.
    Kernel,
}

/// A map. Handles are shared: [`Object::map`](crate::Object::map) gives an `Arc`.
pub struct Map {
    proto: Arc<MapProto>,
    storage: Storage,
    /// The host may not write any more either.
    frozen: AtomicBool,
}

impl Map {
    /// Creates an empty map, if its memory is at most `limit` bytes.
    pub(crate) fn new(proto: Arc<MapProto>, limit: u64, user: MapUse) -> Result<Self, MapError> {
        check_fields(&proto, user)?;
        let storage = match (storage_kind(&proto, user), user) {
            (Some(MapKind::Array), _) => Storage::Array(ArrayMap::new(&proto, limit)?),
            (Some(MapKind::Hash), _) => Storage::Hash(HashMap::new(&proto, limit)?),
            (Some(MapKind::ProgArray), _) => Storage::Programs(ProgramArray::new(&proto, limit)?),
            (Some(_) | None, MapUse::Kernel) => Storage::Inert,
            (Some(_) | None, MapUse::Application) => {
                return Err(MapError::UnsupportedKind { kind: proto.kind });
            }
        };
        Ok(Self { proto, storage, frozen: AtomicBool::new(false) })
    }

    /// The program at an index of a program array.
    pub(crate) fn program(&self, index: u32) -> Option<Arc<ProgramCore>> {
        match &self.storage {
            Storage::Programs(map) => map.get(index),
            Storage::Array(_) | Storage::Hash(_) | Storage::Inert => None,
        }
    }

    /// Puts a program into a program array.
    pub(crate) fn set_program(&self, index: u32, program: &Arc<ProgramCore>) {
        match &self.storage {
            Storage::Programs(map) => map.set(index, program),
            Storage::Array(_) | Storage::Hash(_) | Storage::Inert => {}
        }
    }

    /// The map's shape.
    pub fn proto(&self) -> &MapProto {
        &self.proto
    }

    /// Number of elements; of an array, its size.
    pub fn len(&self) -> u32 {
        match &self.storage {
            Storage::Array(map) => map.len(),
            Storage::Hash(map) => map.len(),
            Storage::Programs(_) | Storage::Inert => 0,
        }
    }

    /// Whether there are no elements.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// A copy of the value with this key.
    ///
    /// # Errors
    /// The key has the wrong size.
    pub fn lookup(&self, key: &[u8]) -> Result<Option<Vec<u8>>, MapError> {
        self.check_size("the key", key, self.proto.key_size)?;
        Ok(with_words(key, |key| match &self.storage {
            Storage::Array(map) => map.read(index(key)),
            Storage::Hash(map) => map.read(key),
            Storage::Programs(_) | Storage::Inert => None,
        }))
    }

    /// Creates or replaces the value with this key.
    ///
    /// # Errors
    /// Key or value have the wrong size, the map is full or read-only, or `mode` forbids it.
    pub fn update(&self, key: &[u8], value: &[u8], mode: UpdateMode) -> Result<(), MapError> {
        self.check_size("the key", key, self.proto.key_size)?;
        self.check_size("the value", value, self.proto.value_size)?;
        if self.frozen.load(Ordering::Relaxed) {
            return Err(MapError::ReadOnly);
        }
        with_words(key, |key| with_words(value, |value| self.write(key, value, mode)))
    }

    /// Deletes the element with this key.
    ///
    /// # Errors
    /// The key has the wrong size, there is no such element, or elements of this kind of map cannot be deleted.
    pub fn delete(&self, key: &[u8]) -> Result<(), MapError> {
        self.check_size("the key", key, self.proto.key_size)?;
        if self.frozen.load(Ordering::Relaxed) {
            return Err(MapError::ReadOnly);
        }
        with_words(key, |key| self.remove(key))
    }

    /// All keys. Elements that come or go meanwhile may be in it or not.
    pub fn keys(&self) -> Vec<Vec<u8>> {
        match &self.storage {
            Storage::Array(map) => (0..map.len()).map(|index| index.to_ne_bytes().to_vec()).collect(),
            Storage::Hash(map) => map.keys(),
            Storage::Programs(_) | Storage::Inert => Vec::new(),
        }
    }

    /// Refuses every write by the host from now on.
    pub fn freeze(&self) {
        self.frozen.store(true, Ordering::Relaxed);
    }

    /// Address of the value with this key, for a program.
    #[inline]
    pub(crate) fn find(&self, key: &[u64]) -> Option<usize> {
        match &self.storage {
            Storage::Array(map) => map.find(index(key)),
            Storage::Hash(map) => map.find(key),
            Storage::Programs(_) | Storage::Inert => None,
        }
    }

    /// Address of the map itself, as a program names it. Valid as long as the `Arc` that holds the map.
    pub(crate) fn address(&self) -> usize {
        std::ptr::from_ref(self).expose_provenance()
    }

    /// Address of the first value, if that is the only one.
    pub(crate) fn only_value(&self) -> Option<usize> {
        match &self.storage {
            Storage::Array(map) if map.len() == 1 => map.find(0),
            Storage::Array(_) | Storage::Hash(_) | Storage::Programs(_) | Storage::Inert => None,
        }
    }

    /// Where the values lie: first byte and number of bytes.
    pub(crate) fn value_memory(&self) -> (usize, usize) {
        match &self.storage {
            Storage::Array(map) => map.value_memory(),
            Storage::Hash(map) => map.value_memory(),
            Storage::Programs(_) | Storage::Inert => (0, 0),
        }
    }

    pub(crate) fn is_read_only_to_programs(&self) -> bool {
        self.proto.flags & BPF_F_RDONLY_PROG != 0
    }

    /// An update by a program.
    pub(crate) fn update_by_program(
        &self,
        key: &[u64],
        value: &[u64],
        mode: UpdateMode,
    ) -> Result<(), MapError> {
        self.writable_by_programs()?;
        self.write(key, value, mode)
    }

    /// A deletion by a program.
    pub(crate) fn delete_by_program(&self, key: &[u64]) -> Result<(), MapError> {
        self.writable_by_programs()?;
        self.remove(key)
    }

    fn writable_by_programs(&self) -> Result<(), MapError> {
        if self.is_read_only_to_programs() { Err(MapError::ReadOnly) } else { Ok(()) }
    }

    fn write(&self, key: &[u64], value: &[u64], mode: UpdateMode) -> Result<(), MapError> {
        match &self.storage {
            Storage::Array(map) => map.update(index(key), value, mode),
            Storage::Hash(map) => map.update(key, value, mode),
            Storage::Programs(_) | Storage::Inert => Err(MapError::Unsupported),
        }
    }

    fn remove(&self, key: &[u64]) -> Result<(), MapError> {
        match &self.storage {
            Storage::Array(_) | Storage::Programs(_) | Storage::Inert => Err(MapError::Unsupported),
            Storage::Hash(map) => map.delete(key),
        }
    }

    fn check_size(&self, what: &'static str, bytes: &[u8], expected: u32) -> Result<(), MapError> {
        if bytes.len() == expected as usize {
            Ok(())
        } else {
            Err(MapError::WrongSize { what, found: bytes.len(), expected })
        }
    }
}

impl fmt::Debug for Map {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Map")
            .field("name", &self.proto.name)
            .field("kind", &self.proto.kind)
            .field("len", &self.len())
            .finish_non_exhaustive()
    }
}

/// Which of the kinds that this crate has serves a map.
fn storage_kind(proto: &MapProto, user: MapUse) -> Option<MapKind> {
    let kind = proto.kind;
    match user {
        MapUse::Application => matches!(kind, MapKind::Array | MapKind::Hash).then_some(kind),
        MapUse::Kernel => match kind {
            MapKind::Array | MapKind::PercpuArray => Some(MapKind::Array),
            MapKind::Hash | MapKind::PercpuHash | MapKind::LruHash | MapKind::LruPercpuHash => {
                Some(MapKind::Hash)
            }
            MapKind::ProgArray => Some(MapKind::ProgArray),
            MapKind::Unspec
            | MapKind::PerfEventArray
            | MapKind::StackTrace
            | MapKind::CgroupArray
            | MapKind::LpmTrie
            | MapKind::ArrayOfMaps
            | MapKind::HashOfMaps
            | MapKind::Devmap
            | MapKind::Sockmap
            | MapKind::Cpumap
            | MapKind::Xskmap
            | MapKind::Sockhash
            | MapKind::CgroupStorage
            | MapKind::ReuseportSockarray
            | MapKind::PercpuCgroupStorage
            | MapKind::Queue
            | MapKind::Stack
            | MapKind::SkStorage
            | MapKind::DevmapHash
            | MapKind::StructOps
            | MapKind::Ringbuf
            | MapKind::InodeStorage
            | MapKind::TaskStorage
            | MapKind::BloomFilter
            | MapKind::UserRingbuf
            | MapKind::CgrpStorage
            | MapKind::Arena => None,
        },
    }
}

/// Values are plain bytes here. What a kernel's programs may not touch as bytes lies idle, but a pointer must not: an update would
/// forge it.
fn check_fields(proto: &MapProto, user: MapUse) -> Result<(), MapError> {
    let refused = proto.fields.iter().filter(|field| match (user, &field.field) {
        (MapUse::Application, _) => true,
        (
            MapUse::Kernel,
            SpecialField::SpinLock
            | SpecialField::ResSpinLock
            | SpecialField::Timer
            | SpecialField::Workqueue
            | SpecialField::Refcount,
        ) => false,
        (
            MapUse::Kernel,
            SpecialField::ListHead { .. }
            | SpecialField::ListNode
            | SpecialField::RbRoot { .. }
            | SpecialField::RbNode
            | SpecialField::Kptr { .. },
        ) => true,
    });
    match refused.count() {
        0 => Ok(()),
        found => Err(MapError::Definition {
            what: "the number of locks, timers and kernel pointers in a value",
            found: found as u64,
            expected: "0: values are plain bytes",
        }),
    }
}

/// The index in an array's key.
fn index(key: &[u64]) -> u32 {
    // The first four bytes of the first word; the rest is 0.
    key.first().and_then(|&word| u32::try_from(word).ok()).unwrap_or(u32::MAX)
}

/// Bytes as words, without the heap when they are few.
fn with_words<R>(bytes: &[u8], run: impl FnOnce(&[u64]) -> R) -> R {
    with_scratch(bytes.len(), |words| {
        for (word, chunk) in words.iter_mut().zip(bytes.chunks(memory::WORD)) {
            let mut value = [0; memory::WORD];
            value[..chunk.len()].copy_from_slice(chunk);
            *word = u64::from_ne_bytes(value);
        }
        run(words)
    })
}

/// Zeroed words for `bytes` bytes, on the stack when they are few.
#[inline]
pub(crate) fn with_scratch<R>(bytes: usize, run: impl FnOnce(&mut [u64]) -> R) -> R {
    match memory::words_for(bytes) {
        1 => run(&mut [0; 1]),
        2 => run(&mut [0; 2]),
        words @ ..=8 => run(&mut [0; 8][..words]),
        words => run(&mut vec![0; words]),
    }
}

fn store_words(to: &[AtomicU64], from: &[u64]) {
    for (word, value) in to.iter().zip(from) {
        word.store(*value, Ordering::Relaxed);
    }
}

fn expect(
    what: &'static str,
    found: u64,
    expected: &'static str,
    holds: impl FnOnce(u64) -> bool,
) -> Result<(), MapError> {
    if holds(found) { Ok(()) } else { Err(MapError::Definition { what, found, expected }) }
}

#[cfg(test)]
mod tests;
