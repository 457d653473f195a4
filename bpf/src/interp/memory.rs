//! [`Memory`]: what the interpreter reads and writes; and [`Regions`], a memory of named, bounds-checked regions.

use crate::insn::Size;

/// What an access wanted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Access {
    /// To read.
    Read,
    /// To write, or to read and write.
    Write,
}

/// An access that the memory refuses.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{} of {bytes} bytes at {address:#x}: no region there allows it", match access { Access::Read => "read", Access::Write => "write" })]
pub struct Fault {
    /// First byte.
    pub address: u64,
    /// How many bytes.
    pub bytes: u32,
    /// What was wanted.
    pub access: Access,
}

/// Memory as a program sees it: 64-bit addresses, little-endian.
pub trait Memory {
    /// Reads a number, zero-extended.
    ///
    /// # Errors
    /// The bytes may not be read.
    fn load(&mut self, address: u64, size: Size) -> Result<u64, Fault>;

    /// Writes the low bytes of `value`.
    ///
    /// # Errors
    /// The bytes may not be written.
    fn store(&mut self, address: u64, size: Size, value: u64) -> Result<(), Fault>;

    /// Replaces a number by `change` of it, as one step for other threads, and returns the old one. A memory that is not
    /// shared may leave this as it is.
    ///
    /// # Errors
    /// The bytes may not be written.
    fn update(&mut self, address: u64, size: Size, change: &mut dyn FnMut(u64) -> u64) -> Result<u64, Fault> {
        let old = self.load(address, size)?;
        self.store(address, size, change(old))?;
        Ok(old)
    }

    /// Makes a stack frame and returns the address just behind it, which becomes `R10`.
    ///
    /// # Errors
    /// There is no room.
    fn push_frame(&mut self, bytes: u32) -> Result<u64, Fault>;

    /// Drops the newest stack frame.
    fn pop_frame(&mut self);
}

/// Whether a region may be written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Protection {
    /// Reads only.
    ReadOnly,
    /// Reads and writes.
    ReadWrite,
}

/// A stretch of memory at an address of the caller's choice.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Region {
    /// Name, for looking it up.
    pub name: String,
    /// Address of the first byte.
    pub base: u64,
    /// Its content.
    pub bytes: Vec<u8>,
    /// What programs may do with it.
    pub protection: Protection,
}

/// Memory made of regions; everything between them faults. Stack frames are regions too, far apart from each other.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Regions {
    regions: Vec<Region>,
    frames: Vec<Region>,
}

/// The address behind the first stack frame of [`Regions`]; deeper frames lie lower.
pub const STACK_TOP: u64 = 0x7fff_0000_0000;

/// Distance between the frames of [`Regions`].
const FRAME_STRIDE: u64 = 0x10_0000;

impl Regions {
    /// Empty memory.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a region. Where two regions overlap, the older one is seen.
    #[must_use]
    pub fn with(mut self, name: &str, base: u64, bytes: Vec<u8>, protection: Protection) -> Self {
        self.regions.push(Region { name: name.to_owned(), base, bytes, protection });
        self
    }

    /// The content of the region with this name; empty when there is none.
    pub fn bytes(&self, name: &str) -> &[u8] {
        self.regions.iter().find(|region| region.name == name).map_or(&[], |region| &region.bytes)
    }

    /// All regions but the stack.
    pub fn iter(&self) -> impl Iterator<Item = &Region> {
        self.regions.iter()
    }

    /// The bytes of an access, when one region holds all of them and allows it.
    fn find(&mut self, address: u64, bytes: u32, access: Access) -> Result<&mut [u8], Fault> {
        let found = self.frames.iter_mut().chain(&mut self.regions).find_map(|region| {
            let start = usize::try_from(address.checked_sub(region.base)?).ok()?;
            let end = start.checked_add(bytes as usize)?;
            match (region.protection, access) {
                (Protection::ReadOnly, Access::Write) => None,
                (Protection::ReadOnly | Protection::ReadWrite, _) => region.bytes.get_mut(start..end),
            }
        });
        found.ok_or(Fault { address, bytes, access })
    }

    /// Reads bytes, for functions that the program calls.
    ///
    /// # Errors
    /// The bytes may not be read.
    pub fn read(&mut self, address: u64, bytes: u32) -> Result<&[u8], Fault> {
        self.find(address, bytes, Access::Read).map(|found| &*found)
    }

    /// Bytes to write to, for functions that the program calls.
    ///
    /// # Errors
    /// The bytes may not be written.
    pub fn write(&mut self, address: u64, bytes: u32) -> Result<&mut [u8], Fault> {
        self.find(address, bytes, Access::Write)
    }
}

impl Memory for Regions {
    fn load(&mut self, address: u64, size: Size) -> Result<u64, Fault> {
        let bytes = self.find(address, size.bytes(), Access::Read)?;
        Ok(bytes.iter().rev().fold(0, |value, byte| value << 8 | u64::from(*byte)))
    }

    fn store(&mut self, address: u64, size: Size, value: u64) -> Result<(), Fault> {
        let bytes = self.find(address, size.bytes(), Access::Write)?;
        bytes.iter_mut().zip(value.to_le_bytes()).for_each(|(byte, new)| *byte = new);
        Ok(())
    }

    fn push_frame(&mut self, bytes: u32) -> Result<u64, Fault> {
        let depth = self.frames.len() as u64;
        let top = STACK_TOP - depth * FRAME_STRIDE;
        if u64::from(bytes) > FRAME_STRIDE / 2 || depth > 1_000 {
            return Err(Fault { address: top, bytes, access: Access::Write });
        }
        self.frames.push(Region {
            name: format!("stack{depth}"),
            base: top - u64::from(bytes),
            bytes: vec![0; bytes as usize],
            protection: Protection::ReadWrite,
        });
        Ok(top)
    }

    fn pop_frame(&mut self) {
        self.frames.pop();
    }
}
