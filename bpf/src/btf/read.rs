//! Bytes to [`Btf`]: the container and the records, each with its byte offset in every error. What the records mean
//! together is judged by `validate`.

use std::ffi::CStr;
use std::sync::Arc;

use super::error::{BtfError, BtfSection};
use super::kind::{KindNumber, MAX_BYTES, MAX_NAME_OFFSET, MAX_TYPES, Wire};
use super::types::{
    ArrayType, BtfType, DatasecVar, Enum64Value, EnumValue, Func, FwdKind, IntEncoding, IntType, Member,
    Param, Signedness, TagForm, Var, VarLinkage,
};
use super::{Btf, cursor};
use crate::ids::BtfId;
use crate::program::Linkage;
use cursor::{Cursor, u32_at};

/// All names of one BTF together, once they are owned strings: far above any real BTF (vmlinux has 10 MiB), and a bound
/// on what a small file with a long string can make us allocate.
const MAX_NAME_BYTES: usize = 64 << 20;

impl Btf {
    /// Reads a little-endian BTF.
    ///
    /// # Errors
    /// Names the part of the format and the byte offset in it, or the type, that is wrong.
    pub fn parse(bytes: &[u8]) -> Result<Self, BtfError> {
        Self::parse_onto(None, bytes)
    }

    /// Reads a BTF whose type ids and string offsets continue those of `base` (as kernel modules have it).
    ///
    /// # Errors
    /// As [`Btf::parse`].
    pub fn parse_split(base: Arc<Self>, bytes: &[u8]) -> Result<Self, BtfError> {
        Self::parse_onto(Some(base), bytes)
    }

    fn parse_onto(base: Option<Arc<Self>>, bytes: &[u8]) -> Result<Self, BtfError> {
        let header = Header::read(bytes)?;
        let types = header.types.of(bytes);
        let strings = header.strings.of(bytes);
        let base_strings = match &base {
            Some(base) => base.string_section()?,
            None => Arc::from(&[][..]),
        };
        let mut names = Names::new(&base_strings, strings, base.is_some())?;
        let mut btf = base.map_or_else(Self::new, Self::split);
        let mut records = Cursor::new(types, BtfSection::Types);
        while !records.is_empty() {
            if btf.len() > MAX_TYPES as usize {
                return Err(records.error(format!("more than {MAX_TYPES} types")));
            }
            let ty = read_record(&mut records, &mut names)?;
            btf.push(ty);
        }
        btf.validate()?;
        btf.strings = Some(Arc::from(strings));
        Ok(btf)
    }
}

/// Byte range of a section within the data.
#[derive(Clone, Copy)]
struct Range {
    start: usize,
    len: usize,
}

impl Range {
    fn end(self) -> usize {
        self.start + self.len
    }

    fn of(self, bytes: &[u8]) -> &[u8] {
        &bytes[self.start..self.end()]
    }
}

struct Header {
    types: Range,
    strings: Range,
}

/// `struct btf_header` without later extensions.
const HEADER_LEN: usize = 24;

impl Header {
    fn read(bytes: &[u8]) -> Result<Self, BtfError> {
        let fail = |offset, reason| Err(BtfError::Format { section: BtfSection::Header, offset, reason });
        if bytes.len() > MAX_BYTES {
            return fail(0, format!("{} bytes; at most {MAX_BYTES} (16 MiB) are read", bytes.len()));
        }
        let header_len = super::cursor::preamble(bytes, HEADER_LEN, BtfSection::Header)?;
        let field = |at: usize| u32_at(bytes, at).unwrap_or_default() as usize;
        let section = |at: usize, name: &str| {
            let (offset, len) = (field(at), field(at + 4));
            let start = header_len + offset;
            if start + len > bytes.len() {
                return Err(BtfError::Format {
                    section: BtfSection::Header,
                    offset: at,
                    reason: format!(
                        "{name} section of {len} bytes at {start:#x} ends after the data ({} bytes)",
                        bytes.len()
                    ),
                });
            }
            Ok(Range { start, len })
        };
        let types = section(8, "type")?;
        let strings = section(16, "string")?;
        if types.start % 4 != 0 {
            return fail(
                8,
                format!("type section begins at {:#x}, which is not a multiple of 4", types.start),
            );
        }
        let (first, second) = if types.start <= strings.start { (types, strings) } else { (strings, types) };
        if first.end() > second.start {
            return fail(8, "type and string sections overlap".into());
        }
        if first.start != header_len || first.end() != second.start || second.end() != bytes.len() {
            return fail(8, "sections do not follow each other without gaps".into());
        }
        Ok(Self { types, strings })
    }
}

/// The string sections, and the budget for copies out of them. Only what types are called is judged: lines of source
/// code, which BTF.ext refers to, stand in the same section.
struct Names<'a> {
    base: &'a [u8],
    own: &'a [u8],
    budget: usize,
}

impl<'a> Names<'a> {
    fn new(base: &'a [u8], own: &'a [u8], split: bool) -> Result<Self, BtfError> {
        let fail = |offset, reason| Err(BtfError::Format { section: BtfSection::Strings, offset, reason });
        if base.len() + own.len() > MAX_NAME_OFFSET as usize {
            return fail(0, format!("more than {MAX_NAME_OFFSET:#x} bytes"));
        }
        if !split && own.first() != Some(&0) {
            return fail(0, "expected the empty string first".into());
        }
        if own.last().is_some_and(|last| *last != 0) {
            return fail(own.len() - 1, "the last string is not terminated".into());
        }
        Ok(Self { base, own, budget: MAX_NAME_BYTES })
    }

    /// The string at an offset as the format counts: the base's strings first.
    fn get(&mut self, offset: u32) -> Result<String, String> {
        if offset == 0 {
            return Ok(String::new());
        }
        let at = offset as usize;
        let rest = match at.checked_sub(self.base.len()) {
            Some(at) => self.own.get(at..),
            None => self.base.get(at..),
        };
        let name = rest
            .and_then(|rest| CStr::from_bytes_until_nul(rest).ok())
            .ok_or_else(|| format!("name offset {offset:#x} is not in the string section"))?;
        let name = name.to_str().map_err(|_| format!("the name at {offset:#x} is not UTF-8"))?;
        self.budget = self
            .budget
            .checked_sub(name.len())
            .ok_or_else(|| format!("names take more than {MAX_NAME_BYTES} bytes together"))?;
        Ok(name.to_owned())
    }
}

/// The first three words of a record.
struct Record {
    name: String,
    vlen: usize,
    flag: Wire,
    /// `size` or `type`.
    word: u32,
}

fn read_record(records: &mut Cursor<'_>, names: &mut Names<'_>) -> Result<BtfType, BtfError> {
    let start = records.clone();
    let name_offset = records.u32()?;
    let info = records.u32()?;
    let word = records.u32()?;
    if info & !0x9f00_ffff != 0 {
        return Err(start.error(format!("info word {info:#010x} has reserved bits set")));
    }
    let number = (info >> 24) as u8 & 0x1f;
    let kind = KindNumber::from_number(number)
        .ok_or_else(|| start.error(format!("unknown kind {number}; kinds 1 to 19 are known")))?;
    let name = names.get(name_offset).map_err(|reason| start.error(reason))?;
    // Tags hold any text that stood in the source.
    if !matches!(kind, KindNumber::DeclTag | KindNumber::TypeTag) {
        check_name(name_offset, &name).map_err(|reason| start.error(reason))?;
    }
    let flag = if info >> 31 == 0 { Wire::Clear } else { Wire::Set };
    let record = Record { name, vlen: (info & 0xffff) as usize, flag, word };
    check_head(kind, &record).map_err(|reason| start.error(format!("{}: {reason}", kind.word())))?;
    read_body(kind, record, records, names)
}

fn check_name(offset: u32, name: &str) -> Result<(), String> {
    match name.bytes().find(|byte| byte.is_ascii_control()) {
        Some(control) => {
            Err(format!("the name at {offset:#x} contains the control character {control:#04x}"))
        }
        None => Ok(()),
    }
}

/// Rules about the common words, by kind.
fn check_head(kind: KindNumber, record: &Record) -> Result<(), String> {
    if record.vlen != 0 && !kind.has_vlen() {
        return Err(format!("vlen is {} but must be 0", record.vlen));
    }
    if record.flag == Wire::Set && !kind.has_flag() {
        return Err("kind_flag must be 0".into());
    }
    if record.word != 0 && kind.word_is_zero() {
        return Err(format!("the size/type word is {} but must be 0", record.word));
    }
    if !record.name.is_empty() && kind.is_nameless() {
        return Err(format!("has the name `{}` but must have none", record.name));
    }
    if record.name.is_empty() && kind.needs_name() {
        return Err("must have a name".into());
    }
    Ok(())
}

fn read_body(
    kind: KindNumber,
    record: Record,
    body: &mut Cursor<'_>,
    names: &mut Names<'_>,
) -> Result<BtfType, BtfError> {
    let Record { name, vlen, flag, word } = record;
    let to = BtfId(word);
    Ok(match kind {
        KindNumber::Int => BtfType::Int(read_int(name, word, body)?),
        KindNumber::Ptr => BtfType::Ptr { to },
        KindNumber::Array => BtfType::Array(ArrayType {
            element: BtfId(body.u32()?),
            index: BtfId(body.u32()?),
            count: body.u32()?,
        }),
        KindNumber::Struct => {
            BtfType::Struct { name, size: word, members: read_members(vlen, flag, body, names)? }
        }
        KindNumber::Union => {
            BtfType::Union { name, size: word, members: read_members(vlen, flag, body, names)? }
        }
        KindNumber::Enum => BtfType::Enum {
            name,
            size: word,
            signed: signedness(flag),
            values: read_values(vlen, body, names)?,
        },
        KindNumber::Enum64 => BtfType::Enum64 {
            name,
            size: word,
            signed: signedness(flag),
            values: read_values64(vlen, body, names)?,
        },
        KindNumber::Fwd => BtfType::Fwd {
            name,
            kind: match flag {
                Wire::Clear => FwdKind::Struct,
                Wire::Set => FwdKind::Union,
            },
        },
        KindNumber::Typedef => BtfType::Typedef { name, of: to },
        KindNumber::Volatile => BtfType::Volatile { of: to },
        KindNumber::Const => BtfType::Const { of: to },
        KindNumber::Restrict => BtfType::Restrict { of: to },
        KindNumber::Func => BtfType::Func(Func {
            linkage: match vlen {
                0 => Linkage::Static,
                1 => Linkage::Global,
                2 => Linkage::Extern,
                _ => return Err(body.error(format!("FUNC `{name}`: unknown linkage {vlen}"))),
            },
            name: name.into(),
            proto: to,
        }),
        KindNumber::FuncProto => BtfType::FuncProto {
            ret: to,
            params: body.entries(vlen, 8)?.map(|entry| read_param(entry, names)).collect::<Result<_, _>>()?,
        },
        KindNumber::Var => {
            let linkage = match body.u32()? {
                0 => VarLinkage::Static,
                1 => VarLinkage::Global,
                2 => VarLinkage::Extern,
                other => return Err(body.error(format!("VAR `{name}`: unknown linkage {other}"))),
            };
            BtfType::Var(Var { name, ty: to, linkage })
        }
        KindNumber::Datasec => BtfType::Datasec {
            name,
            size: word,
            vars: body
                .entries(vlen, 12)?
                .map(|mut entry| {
                    Ok(DatasecVar { ty: BtfId(entry.u32()?), offset: entry.u32()?, size: entry.u32()? })
                })
                .collect::<Result<_, BtfError>>()?,
        },
        KindNumber::Float => BtfType::Float { name, size: word },
        KindNumber::DeclTag => {
            let component = match body.u32()? {
                u32::MAX => None,
                index if index <= 0xffff => Some(index),
                other => return Err(body.error(format!("DECL_TAG `{name}`: component index {other:#x}"))),
            };
            BtfType::DeclTag { name: name.into(), of: to, component, form: tag_form(flag) }
        }
        KindNumber::TypeTag => BtfType::TypeTag { name, of: to, form: tag_form(flag) },
    })
}

fn signedness(flag: Wire) -> Signedness {
    match flag {
        Wire::Clear => Signedness::Unsigned,
        Wire::Set => Signedness::Signed,
    }
}

fn tag_form(flag: Wire) -> TagForm {
    match flag {
        Wire::Clear => TagForm::Tag,
        Wire::Set => TagForm::Attribute,
    }
}

fn read_int(name: String, size: u32, body: &mut Cursor<'_>) -> Result<IntType, BtfError> {
    let at = body.clone();
    let word = body.u32()?;
    let (encoding, bit_offset, bits) = ((word >> 24) & 0xf, (word >> 16) as u8, word as u8);
    if word & 0xf000_ff00 != 0 {
        return Err(at.error(format!("INT `{name}`: reserved bits set in {word:#010x}")));
    }
    let encoding = match encoding {
        0 => IntEncoding::Unsigned,
        1 => IntEncoding::Signed,
        2 => IntEncoding::Char,
        4 => IntEncoding::Bool,
        other => return Err(at.error(format!("INT `{name}`: unknown encoding {other:#x}"))),
    };
    Ok(IntType { name, size, encoding, bit_offset, bits })
}

fn read_members(
    vlen: usize,
    flag: Wire,
    body: &mut Cursor<'_>,
    names: &mut Names<'_>,
) -> Result<Vec<Member>, BtfError> {
    body.entries(vlen, 12)?
        .map(|mut entry| {
            let name = entry.name(names)?;
            let ty = BtfId(entry.u32()?);
            let word = entry.u32()?;
            let (bit_offset, bitfield_bits) = match flag {
                Wire::Clear => (word, 0),
                Wire::Set => (word & 0x00ff_ffff, (word >> 24) as u8),
            };
            Ok(Member { name, ty, bit_offset, bitfield_bits })
        })
        .collect()
}

fn read_values(
    vlen: usize,
    body: &mut Cursor<'_>,
    names: &mut Names<'_>,
) -> Result<Vec<EnumValue>, BtfError> {
    body.entries(vlen, 8)?
        .map(|mut entry| Ok(EnumValue { name: entry.name(names)?, value: entry.u32()?.cast_signed() }))
        .collect()
}

fn read_values64(
    vlen: usize,
    body: &mut Cursor<'_>,
    names: &mut Names<'_>,
) -> Result<Vec<Enum64Value>, BtfError> {
    body.entries(vlen, 12)?
        .map(|mut entry| {
            let name = entry.name(names)?;
            let (low, high) = (u64::from(entry.u32()?), u64::from(entry.u32()?));
            Ok(Enum64Value { name, value: high << 32 | low })
        })
        .collect()
}

fn read_param(mut entry: Cursor<'_>, names: &mut Names<'_>) -> Result<Param, BtfError> {
    Ok(Param { name: entry.name(names)?, ty: BtfId(entry.u32()?) })
}

impl Cursor<'_> {
    fn name(&mut self, names: &mut Names<'_>) -> Result<String, BtfError> {
        let at = self.clone();
        let offset = self.u32()?;
        let name = names.get(offset).map_err(|reason| at.error(reason))?;
        check_name(offset, &name).map_err(|reason| at.error(reason))?;
        Ok(name)
    }
}
