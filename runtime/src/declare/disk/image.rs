//! [`Image`]: memory as the loader would lay it out at address 0.

use std::collections::HashMap;

use object::LittleEndian as LE;
use object::elf;
use object::read::elf::{FileHeader, ProgramHeader, Rela, SectionHeader, Sym};

use super::DiskError;

/// Bytes of a file by address, with relocations applied.
#[derive(Debug)]
pub(super) struct Image<'a> {
    /// Address and content.
    segments: Vec<(u64, &'a [u8])>,
    /// 64-bit words that relocations fill in.
    words: HashMap<u64, u64>,
    /// Name, address and size.
    sections: Vec<(String, u64, u64)>,
}

fn unreadable(error: object::read::Error) -> DiskError {
    DiskError::NotABinary { reason: error.to_string() }
}

impl<'a> Image<'a> {
    pub(super) fn load(bytes: &'a [u8]) -> Result<Self, DiskError> {
        let header = elf::FileHeader64::<LE>::parse(bytes).map_err(unreadable)?;
        let endian = header.endian().map_err(unreadable)?;
        let (machine, kind) = (header.e_machine(endian), header.e_type(endian));
        if machine != elf::EM_X86_64 || !matches!(kind, elf::ET_EXEC | elf::ET_DYN) {
            let reason =
                format!("expected an executable or a shared library, found machine {machine}, type {kind}");
            return Err(DiskError::NotABinary { reason });
        }
        let mut segments = Vec::new();
        for segment in header.program_headers(endian, bytes).map_err(unreadable)? {
            if segment.p_type(endian) == elf::PT_LOAD {
                let reason =
                    || DiskError::NotABinary { reason: "a segment lies outside the file".to_owned() };
                segments.push((segment.p_vaddr(endian), segment.data(endian, bytes).map_err(|()| reason())?));
            }
        }
        let table = header.sections(endian, bytes).map_err(unreadable)?;
        let mut image = Self { segments, words: HashMap::new(), sections: Vec::new() };
        for section in table.iter() {
            let name = table.section_name(endian, section).map_err(unreadable)?;
            let name = String::from_utf8_lossy(name).into_owned();
            image.sections.push((name, section.sh_addr(endian), section.sh_size(endian)));
            // Only the dynamic ones: a debug build may keep the linker's too, which are applied already.
            let is_dynamic = section.sh_flags(endian).0 & elf::SHF_ALLOC.0 != 0;
            if let (true, Some((relocations, symbols))) =
                (is_dynamic, section.rela(endian, bytes).map_err(unreadable)?)
            {
                let symbols = table.symbol_table_by_index(endian, bytes, symbols);
                for relocation in relocations {
                    let base = match relocation.r_type(endian, false) {
                        elf::R_X86_64_RELATIVE => 0,
                        elf::R_X86_64_64 => {
                            let symbol = object::SymbolIndex(relocation.r_sym(endian, false) as usize);
                            let symbols = symbols.as_ref().map_err(|error| unreadable(*error))?;
                            symbols.symbol(symbol).map_err(unreadable)?.st_value(endian)
                        }
                        _ => continue,
                    };
                    let value = base.wrapping_add_signed(relocation.r_addend(endian));
                    image.words.insert(relocation.r_offset(endian), value);
                }
            }
        }
        Ok(image)
    }

    /// Whether the file has no table of sections.
    pub(super) fn has_no_sections(&self) -> bool {
        self.sections.is_empty()
    }

    /// Address and size of the section with this name.
    pub(super) fn section(&self, name: &str) -> Option<(u64, u64)> {
        let found = self.sections.iter().find(|(found, ..)| found == name)?;
        Some((found.1, found.2))
    }

    /// Bytes as the file has them.
    pub(super) fn bytes(&self, address: u64, len: u64) -> Option<&'a [u8]> {
        self.segments.iter().find_map(|(base, content)| {
            let start = usize::try_from(address.checked_sub(*base)?).ok()?;
            content.get(start..start.checked_add(usize::try_from(len).ok()?)?)
        })
    }

    /// A 64-bit word, relocated.
    pub(super) fn word(&self, address: u64) -> Option<u64> {
        if let Some(word) = self.words.get(&address) {
            return Some(*word);
        }
        let (bytes, _) = self.bytes(address, 8)?.split_first_chunk()?;
        Some(u64::from_le_bytes(*bytes))
    }
}
