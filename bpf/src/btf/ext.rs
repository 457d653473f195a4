//! BTF.ext: what an object says about its instructions, by ELF section: functions, source lines, CO-RE relocations.

use std::borrow::Cow;
use std::ffi::CStr;

use super::Btf;
use super::cursor::{Cursor, preamble, u32_at};
use super::error::{BtfError, BtfSection};
use crate::ids::BtfId;

/// Function that begins at an offset.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FuncInfo {
    /// Byte offset in the ELF section.
    pub offset: u32,
    /// Its FUNC.
    pub func: BtfId,
}

/// Source line that begins at an offset. Names are offsets into the object's BTF: see [`Btf::string_at`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LineInfo {
    /// Byte offset in the ELF section.
    pub offset: u32,
    /// String offset of the file's name.
    pub file: u32,
    /// String offset of the line's text.
    pub text: u32,
    /// Line, from 1.
    pub line: u32,
    /// Column, from 1; 0 when unknown.
    pub column: u32,
}

/// What a CO-RE relocation asks (`enum bpf_core_relo_kind`).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[expect(missing_docs, reason = "the kernel's names")]
pub enum CoreReloKind {
    FieldByteOffset,
    FieldByteSize,
    FieldExists,
    FieldSigned,
    FieldLshiftU64,
    FieldRshiftU64,
    TypeIdLocal,
    TypeIdTarget,
    TypeExists,
    TypeSize,
    EnumvalExists,
    EnumvalValue,
    TypeMatches,
}

impl CoreReloKind {
    const ALL: [Self; 13] = [
        Self::FieldByteOffset,
        Self::FieldByteSize,
        Self::FieldExists,
        Self::FieldSigned,
        Self::FieldLshiftU64,
        Self::FieldRshiftU64,
        Self::TypeIdLocal,
        Self::TypeIdTarget,
        Self::TypeExists,
        Self::TypeSize,
        Self::EnumvalExists,
        Self::EnumvalValue,
        Self::TypeMatches,
    ];
}

/// A CO-RE relocation: the instruction at `offset` depends on the host's types.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CoreRelo {
    /// Byte offset in the ELF section.
    pub offset: u32,
    /// Root type in the object's BTF.
    pub ty: BtfId,
    /// String offset of the access path (`0:1:2`).
    pub access: u32,
    /// What is asked.
    pub kind: CoreReloKind,
}

/// Records of one ELF section, sorted by offset.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ExtSection<T> {
    /// String offset of the ELF section's name.
    pub name: u32,
    /// Records.
    pub records: Vec<T>,
}

/// The contents of `.BTF.ext`.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct BtfExt {
    /// Functions.
    pub funcs: Vec<ExtSection<FuncInfo>>,
    /// Source lines.
    pub lines: Vec<ExtSection<LineInfo>>,
    /// CO-RE relocations.
    pub relocations: Vec<ExtSection<CoreRelo>>,
}

/// Header up to and with `line_info`; the fields of `core_relo` are optional.
const HEADER_LEN: usize = 24;
const HEADER_LEN_CORE: usize = 32;

impl BtfExt {
    /// Reads a little-endian `.BTF.ext`.
    ///
    /// # Errors
    /// Names the part and the byte offset in it.
    pub fn parse(bytes: &[u8]) -> Result<Self, BtfError> {
        let expected = match u32_at(bytes, 4) {
            Some(len) if len as usize >= HEADER_LEN_CORE => HEADER_LEN_CORE,
            Some(_) | None => HEADER_LEN,
        };
        let header_len = preamble(bytes, expected, BtfSection::Header)?;
        let part = |at: usize, section: BtfSection| {
            let (Some(offset), Some(len)) = (u32_at(bytes, at), u32_at(bytes, at + 4)) else {
                return Ok(Cursor::new(&[], section));
            };
            let start = header_len + offset as usize;
            let range = bytes.get(start..start + len as usize).ok_or_else(|| BtfError::Format {
                section: BtfSection::Header,
                offset: at,
                reason: format!(
                    "{section} of {len} bytes at {start:#x} ends after the data ({} bytes)",
                    bytes.len()
                ),
            })?;
            Ok(Cursor::new(range, section))
        };
        let relocations = if expected == HEADER_LEN_CORE {
            sections(part(24, BtfSection::CoreRelo)?, 16, read_relocation)?
        } else {
            Vec::new()
        };
        Ok(Self {
            funcs: sections(part(8, BtfSection::FuncInfo)?, 8, |record| {
                Ok(FuncInfo { offset: record.u32()?, func: BtfId(record.u32()?) })
            })?,
            lines: sections(part(16, BtfSection::LineInfo)?, 16, read_line)?,
            relocations,
        })
    }
}

/// A record size, then for each ELF section its name, a count, and the records.
fn sections<T>(
    mut part: Cursor<'_>,
    least: usize,
    read: impl Fn(&mut Cursor<'_>) -> Result<T, BtfError>,
) -> Result<Vec<ExtSection<T>>, BtfError> {
    let mut sections = Vec::new();
    if part.is_empty() {
        return Ok(sections);
    }
    let size = part.u32()? as usize;
    if size < least || !size.is_multiple_of(4) {
        return Err(part.error(format!("record size is {size}; expected a multiple of 4 from {least}")));
    }
    while !part.is_empty() {
        let name = part.u32()?;
        let count = part.u32()? as usize;
        let records =
            part.entries(count, size)?.map(|mut record| read(&mut record)).collect::<Result<_, _>>()?;
        sections.push(ExtSection { name, records });
    }
    Ok(sections)
}

fn read_line(record: &mut Cursor<'_>) -> Result<LineInfo, BtfError> {
    let (offset, file, text, place) = (record.u32()?, record.u32()?, record.u32()?, record.u32()?);
    Ok(LineInfo { offset, file, text, line: place >> 10, column: place & 0x3ff })
}

fn read_relocation(record: &mut Cursor<'_>) -> Result<CoreRelo, BtfError> {
    let (offset, ty, access) = (record.u32()?, BtfId(record.u32()?), record.u32()?);
    let at = record.clone();
    let number = record.u32()?;
    let kind = CoreReloKind::ALL
        .get(number as usize)
        .copied()
        .ok_or_else(|| at.error(format!("unknown kind of relocation {number}; 0 to 12 are known")))?;
    Ok(CoreRelo { offset, ty, access, kind })
}

impl Btf {
    /// The string at an offset of the string section that was read: BTF.ext refers to its names so.
    /// Bytes that are no UTF-8, as lines of source code may have them, are replaced.
    pub fn string_at(&self, offset: u32) -> Option<Cow<'_, str>> {
        let mut at = offset as usize;
        if let Some(base) = &self.base {
            let base_len = base.string_section().ok()?.len();
            match at.checked_sub(base_len) {
                Some(own) => at = own,
                None => return base.string_at(offset),
            }
        }
        let rest = self.strings.as_ref()?.get(at..)?;
        Some(CStr::from_bytes_until_nul(rest).ok()?.to_string_lossy())
    }
}
