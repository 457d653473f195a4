//! [`Btf`] to bytes: one record per type in the order of ids, strings in the order of their first use, each once.

use std::collections::HashMap;
use std::sync::Arc;

use super::Btf;
use super::cursor::MAGIC;
use super::error::{BtfError, BtfSection};
use super::kind::{KindNumber, MAX_NAME_OFFSET, MAX_TYPES, MAX_VLEN};
use super::types::{BtfType, FwdKind, IntEncoding, Member, Signedness, TagForm, VarLinkage};
use crate::ids::BtfId;
use crate::program::Linkage;

impl Btf {
    /// The BTF file: little-endian, a function of the types alone. A split BTF holds only its own types.
    ///
    /// # Errors
    /// A type has more than 65,535 parts or a name with a NUL byte, a bitfield lies beyond bit 2^24, or the whole is
    /// larger than the format allows.
    pub fn to_bytes(&self) -> Result<Vec<u8>, BtfError> {
        let (types, strings) = self.encode()?;
        let mut bytes = Vec::with_capacity(24 + types.len() + strings.len());
        bytes.extend_from_slice(&MAGIC.to_le_bytes());
        bytes.extend_from_slice(&[1, 0]);
        // Header length; type section's offset and length; string section's offset and length.
        for word in [24, 0, types.len(), types.len(), strings.len()] {
            let word = u32::try_from(word).map_err(|_| too_large(BtfSection::Header, word))?;
            bytes.extend_from_slice(&word.to_le_bytes());
        }
        bytes.extend_from_slice(&types);
        bytes.extend_from_slice(&strings);
        Ok(bytes)
    }

    /// The string section as a file has it: what was read, or what would be written.
    pub(super) fn string_section(&self) -> Result<Arc<[u8]>, BtfError> {
        let own = match &self.strings {
            Some(strings) => Arc::clone(strings),
            None => Arc::from(self.encode()?.1),
        };
        let Some(base) = &self.base else { return Ok(own) };
        Ok(Arc::from([&*base.string_section()?, &*own].concat()))
    }

    fn encode(&self) -> Result<(Vec<u8>, Vec<u8>), BtfError> {
        if self.len() > MAX_TYPES as usize + 1 {
            return Err(too_large(BtfSection::Types, self.len()));
        }
        let base = match &self.base {
            Some(base) => base.string_section()?,
            None => Arc::from(&[][..]),
        };
        let mut encoder = Encoder { types: Vec::new(), strings: Strings::after(&base) };
        // Id 0 has no record.
        let unwritten = usize::from(self.base.is_none());
        for (index, ty) in self.types.iter().enumerate().skip(unwritten) {
            let offset = encoder.types.len();
            encoder.record(ty).map_err(|reason| BtfError::Type {
                id: BtfId(u32::try_from(self.first + index).unwrap_or(u32::MAX)),
                kind: ty.kind_word(),
                name: ty.name().unwrap_or_default().into(),
                offset,
                reason,
            })?;
        }
        if encoder.strings.end() > MAX_NAME_OFFSET as usize {
            return Err(too_large(BtfSection::Strings, encoder.strings.end()));
        }
        Ok((encoder.types, encoder.strings.bytes))
    }

    /// Byte offset of a record in the type section as it would be written; for error messages.
    pub(super) fn record_offset(&self, id: BtfId) -> usize {
        let own = id.index().saturating_sub(self.first);
        self.types.iter().take(own).map(record_len).sum()
    }
}

fn too_large(section: BtfSection, found: usize) -> BtfError {
    BtfError::Format { section, offset: 0, reason: format!("{found} is more than the format allows") }
}

fn record_len(ty: &BtfType) -> usize {
    12 + match ty {
        // `void` has no record at all.
        BtfType::Void => return 0,
        BtfType::Int(_) | BtfType::Var(_) | BtfType::DeclTag { .. } => 4,
        BtfType::Array(_) => 12,
        BtfType::Struct { members, .. } | BtfType::Union { members, .. } => members.len() * 12,
        BtfType::Enum { values, .. } => values.len() * 8,
        BtfType::Enum64 { values, .. } => values.len() * 12,
        BtfType::FuncProto { params, .. } => params.len() * 8,
        BtfType::Datasec { vars, .. } => vars.len() * 12,
        BtfType::Ptr { .. }
        | BtfType::Fwd { .. }
        | BtfType::Typedef { .. }
        | BtfType::Volatile { .. }
        | BtfType::Const { .. }
        | BtfType::Restrict { .. }
        | BtfType::Func(_)
        | BtfType::Float { .. }
        | BtfType::TypeTag { .. } => 0,
    }
}

/// A string section in the making; names of the base are found, not repeated.
struct Strings<'a> {
    offsets: HashMap<&'a [u8], u32>,
    base_len: usize,
    bytes: Vec<u8>,
}

impl<'a> Strings<'a> {
    fn after(base: &'a [u8]) -> Self {
        let mut offsets = HashMap::new();
        let mut at = 0;
        for name in base.split_inclusive(|&byte| byte == 0) {
            offsets.entry(&name[..name.len() - 1]).or_insert(u32::try_from(at).unwrap_or(u32::MAX));
            at += name.len();
        }
        let bytes = if base.is_empty() { vec![0] } else { Vec::new() };
        offsets.insert(&[], 0);
        Self { offsets, base_len: base.len(), bytes }
    }

    fn end(&self) -> usize {
        self.base_len + self.bytes.len()
    }

    fn offset(&mut self, name: &'a str) -> Result<u32, String> {
        if let Some(&offset) = self.offsets.get(name.as_bytes()) {
            return Ok(offset);
        }
        if name.bytes().any(|byte| byte == 0) {
            return Err("a name contains a NUL byte".into());
        }
        let offset = u32::try_from(self.end()).map_err(|_| "the names are longer than 4 GiB".to_owned())?;
        self.bytes.extend_from_slice(name.as_bytes());
        self.bytes.push(0);
        self.offsets.insert(name.as_bytes(), offset);
        Ok(offset)
    }
}

struct Encoder<'a> {
    types: Vec<u8>,
    strings: Strings<'a>,
}

impl<'a> Encoder<'a> {
    fn word(&mut self, word: u32) {
        self.types.extend_from_slice(&word.to_le_bytes());
    }

    fn name(&mut self, name: &'a str) -> Result<(), String> {
        let offset = self.strings.offset(name)?;
        self.word(offset);
        Ok(())
    }

    fn record(&mut self, ty: &'a BtfType) -> Result<(), String> {
        let kind = KindNumber::of(ty).ok_or("`void` is id 0 alone")?;
        let (vlen, flag, word) = common(ty);
        if vlen > MAX_VLEN {
            return Err(format!("has {vlen} parts; at most {MAX_VLEN} can be written"));
        }
        self.name(ty.name().unwrap_or_default())?;
        let vlen = u32::try_from(vlen).unwrap_or(u32::MAX);
        self.word(u32::from(flag) << 31 | u32::from(kind as u8) << 24 | vlen);
        self.word(word);
        self.body(ty)
    }

    fn body(&mut self, ty: &'a BtfType) -> Result<(), String> {
        match ty {
            BtfType::Int(int) => {
                let encoding: u32 = match int.encoding {
                    IntEncoding::Unsigned => 0,
                    IntEncoding::Signed => 1,
                    IntEncoding::Char => 2,
                    IntEncoding::Bool => 4,
                };
                self.word(encoding << 24 | u32::from(int.bit_offset) << 16 | u32::from(int.bits));
            }
            BtfType::Array(array) => {
                for word in [array.element.0, array.index.0, array.count] {
                    self.word(word);
                }
            }
            BtfType::Struct { members, .. } | BtfType::Union { members, .. } => self.members(members)?,
            BtfType::Enum { values, .. } => {
                for value in values {
                    self.name(&value.name)?;
                    self.word(value.value.cast_unsigned());
                }
            }
            BtfType::Enum64 { values, .. } => {
                for value in values {
                    self.name(&value.name)?;
                    self.types.extend_from_slice(&value.value.to_le_bytes());
                }
            }
            BtfType::FuncProto { params, .. } => {
                for param in params {
                    self.name(&param.name)?;
                    self.word(param.ty.0);
                }
            }
            BtfType::Var(var) => self.word(match var.linkage {
                VarLinkage::Static => 0,
                VarLinkage::Global => 1,
                VarLinkage::Extern => 2,
            }),
            BtfType::Datasec { vars, .. } => {
                for var in vars {
                    for word in [var.ty.0, var.offset, var.size] {
                        self.word(word);
                    }
                }
            }
            BtfType::DeclTag { component, .. } => self.word(component.unwrap_or(u32::MAX)),
            BtfType::Void
            | BtfType::Ptr { .. }
            | BtfType::Fwd { .. }
            | BtfType::Typedef { .. }
            | BtfType::Volatile { .. }
            | BtfType::Const { .. }
            | BtfType::Restrict { .. }
            | BtfType::Func(_)
            | BtfType::Float { .. }
            | BtfType::TypeTag { .. } => {}
        }
        Ok(())
    }

    fn members(&mut self, members: &'a [Member]) -> Result<(), String> {
        let bitfields = has_bitfields(members);
        for member in members {
            self.name(&member.name)?;
            self.word(member.ty.0);
            if bitfields && member.bit_offset > 0x00ff_ffff {
                return Err(format!(
                    "member `{}` begins at bit {}; beside bitfields at most 16777215 can be written",
                    member.name, member.bit_offset
                ));
            }
            self.word(u32::from(member.bitfield_bits) << 24 | member.bit_offset);
        }
        Ok(())
    }
}

fn has_bitfields(members: &[Member]) -> bool {
    members.iter().any(|member| member.bitfield_bits != 0)
}

/// `vlen`, `kind_flag` and the size/type word.
fn common(ty: &BtfType) -> (usize, bool, u32) {
    match ty {
        BtfType::Void | BtfType::Array(_) => (0, false, 0),
        BtfType::Int(int) => (0, false, int.size),
        BtfType::Float { size, .. } => (0, false, *size),
        BtfType::Struct { size, members, .. } | BtfType::Union { size, members, .. } => {
            (members.len(), has_bitfields(members), *size)
        }
        BtfType::Enum { size, signed, values, .. } => (values.len(), *signed == Signedness::Signed, *size),
        BtfType::Enum64 { size, signed, values, .. } => (values.len(), *signed == Signedness::Signed, *size),
        BtfType::Fwd { kind, .. } => (0, *kind == FwdKind::Union, 0),
        BtfType::Ptr { to } => (0, false, to.0),
        BtfType::Typedef { of, .. }
        | BtfType::Volatile { of }
        | BtfType::Const { of }
        | BtfType::Restrict { of } => (0, false, of.0),
        BtfType::DeclTag { of, form, .. } | BtfType::TypeTag { of, form, .. } => {
            (0, *form == TagForm::Attribute, of.0)
        }
        BtfType::Func(func) => {
            let linkage = match func.linkage {
                Linkage::Static => 0,
                Linkage::Global => 1,
                Linkage::Extern => 2,
            };
            (linkage, false, func.proto.0)
        }
        BtfType::FuncProto { ret, params } => (params.len(), false, ret.0),
        BtfType::Var(var) => (0, false, var.ty.0),
        BtfType::Datasec { size, vars, .. } => (vars.len(), false, *size),
    }
}
