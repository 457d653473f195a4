//! Reading little-endian words with a section and an offset for every error; shared by BTF and BTF.ext.

use super::error::{BtfError, BtfSection};

/// `BTF_MAGIC`.
pub(super) const MAGIC: u16 = 0xeb9f;

pub(super) fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..)?.first_chunk().copied().map(u16::from_le_bytes)
}

pub(super) fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().copied().map(u32::from_le_bytes)
}

/// Checks the eight bytes with which BTF and BTF.ext begin, and returns the header's length.
pub(super) fn preamble(bytes: &[u8], expected: usize, section: BtfSection) -> Result<usize, BtfError> {
    let fail = |offset, reason| Err(BtfError::Format { section, offset, reason });
    let (Some(magic), Some(&version), Some(&flags), Some(len)) =
        (u16_at(bytes, 0), bytes.get(2), bytes.get(3), u32_at(bytes, 4))
    else {
        return fail(bytes.len(), "ends within the first eight bytes".into());
    };
    if magic == MAGIC.swap_bytes() {
        return fail(0, "big-endian BTF; only little-endian BTF is read".into());
    }
    if magic != MAGIC {
        return fail(0, format!("magic is {magic:#06x}; expected {MAGIC:#06x}"));
    }
    if version != 1 {
        return fail(2, format!("version is {version}; version 1 is read"));
    }
    if flags != 0 {
        return fail(3, format!("flags are {flags:#x} but must be 0"));
    }
    let len = len as usize;
    if len < expected || len > bytes.len() || !len.is_multiple_of(4) {
        return fail(
            4,
            format!(
                "header length is {len}; expected a multiple of 4 from {expected} to {} (the data's length)",
                bytes.len()
            ),
        );
    }
    if let Some(extra) = bytes[expected..len].iter().position(|&byte| byte != 0) {
        return fail(expected + extra, "unknown header fields are not zero".into());
    }
    Ok(len)
}

/// A position in a section.
#[derive(Clone)]
pub(super) struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
    section: BtfSection,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(bytes: &'a [u8], section: BtfSection) -> Self {
        Self { bytes, at: 0, section }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.at >= self.bytes.len()
    }

    /// An error at this position.
    pub(super) fn error(&self, reason: String) -> BtfError {
        BtfError::Format { section: self.section, offset: self.at, reason }
    }

    pub(super) fn u32(&mut self) -> Result<u32, BtfError> {
        let value = u32_at(self.bytes, self.at).ok_or_else(|| {
            self.error(format!("needs 4 bytes, {} are left", self.bytes.len().saturating_sub(self.at)))
        })?;
        self.at += 4;
        Ok(value)
    }

    /// A cursor over the next `len` bytes, which are skipped here.
    pub(super) fn take(&mut self, len: usize) -> Result<Self, BtfError> {
        let left = self.bytes.len().saturating_sub(self.at);
        if len > left {
            return Err(self.error(format!("needs {len} bytes, {left} are left")));
        }
        let taken = Self { bytes: &self.bytes[..self.at + len], at: self.at, section: self.section };
        self.at += len;
        Ok(taken)
    }

    /// Cursors over the next `count` entries of `size` bytes.
    pub(super) fn entries(
        &mut self,
        count: usize,
        size: usize,
    ) -> Result<impl ExactSizeIterator<Item = Self> + use<'a>, BtfError> {
        let taken = self.take(count.saturating_mul(size))?;
        Ok((0..count).map(move |entry| Self {
            bytes: taken.bytes,
            at: taken.at + entry * size,
            section: taken.section,
        }))
    }
}
