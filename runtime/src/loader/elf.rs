//! The ELF container as plain tables: sections, symbols, relocations. Nothing here knows what a section means.

use object::elf;
use object::read::elf::{FileHeader, Rel, SectionHeader, Sym};
use object::{LittleEndian, SectionIndex};

use super::error::{ElfProblem, ObjectError};

type Header = elf::FileHeader64<LittleEndian>;

/// A section.
#[derive(Debug)]
pub(super) struct Section<'a> {
    pub(super) name: &'a str,
    /// Contents; empty for a section without any in the file.
    pub(super) data: &'a [u8],
    /// Bytes in memory: more than `data` for `.bss`.
    pub(super) size: u64,
    pub(super) content: Content,
    /// Relocations, sorted by offset.
    pub(super) relocations: Vec<Relocation>,
}

/// What the section's type and flags say.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Content {
    Code,
    Data,
    /// Zeroes that the file does not hold.
    Zeroes,
    /// Symbols, strings, relocations, notes.
    Other,
}

/// Where a symbol is defined.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Place {
    Undefined,
    Section(usize),
    /// Absolute, common or another special index.
    Special,
}

/// What a symbol names.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum SymbolKind {
    Function,
    Object,
    Section,
    Other,
}

/// Who sees a symbol.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Binding {
    Local,
    Global,
    Weak,
}

/// A symbol.
#[derive(Debug)]
pub(super) struct Symbol<'a> {
    pub(super) name: &'a str,
    pub(super) place: Place,
    pub(super) kind: SymbolKind,
    pub(super) binding: Binding,
    /// Hidden or internal: global to the compiler alone.
    pub(super) visibility: Visibility,
    pub(super) value: u64,
    pub(super) size: u64,
}

/// Visibility of a global symbol.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Visibility {
    Default,
    Hidden,
}

/// A relocation.
#[derive(Clone, Copy, Debug)]
pub(super) struct Relocation {
    pub(super) offset: u64,
    /// `R_BPF_…`.
    pub(super) kind: u32,
    /// Index into [`Elf::symbols`].
    pub(super) symbol: usize,
}

/// Load of a 64-bit immediate.
pub(super) const R_BPF_64_64: u32 = 1;
/// 64-bit word of data.
pub(super) const R_BPF_64_ABS64: u32 = 2;
/// Call.
pub(super) const R_BPF_64_32: u32 = 10;

/// The container.
#[derive(Debug)]
pub(super) struct Elf<'a> {
    pub(super) sections: Vec<Section<'a>>,
    pub(super) symbols: Vec<Symbol<'a>>,
}

fn damaged(what: &'static str, reason: impl ToString) -> ObjectError {
    ObjectError::Elf { problem: ElfProblem::Damaged { what, reason: reason.to_string() } }
}

fn text<'a>(what: &'static str, bytes: object::read::Result<&'a [u8]>) -> Result<&'a str, ObjectError> {
    let bytes = bytes.map_err(|error| damaged(what, error))?;
    std::str::from_utf8(bytes).map_err(|_| damaged(what, "a name is not UTF-8"))
}

impl<'a> Elf<'a> {
    pub(super) fn parse(bytes: &'a [u8]) -> Result<Self, ObjectError> {
        check_identity(bytes)?;
        let header = Header::parse(bytes).map_err(|error| damaged("file header", error))?;
        let table =
            header.sections(LittleEndian, bytes).map_err(|error| damaged("section headers", error))?;
        let mut sections = Vec::with_capacity(table.len());
        for section in table.iter() {
            sections.push(read_section(
                bytes,
                text("section names", table.section_name(LittleEndian, section))?,
                section,
            )?);
        }
        let symbol_table = table
            .symbols(LittleEndian, bytes, elf::SHT_SYMTAB)
            .map_err(|error| damaged("symbol table", error))?;
        let mut symbols = Vec::with_capacity(symbol_table.len());
        for (at, symbol) in symbol_table.iter().enumerate() {
            let name = text("symbol names", symbol_table.symbol_name(LittleEndian, symbol))?;
            let section = symbol_table
                .symbol_section(LittleEndian, symbol, object::SymbolIndex(at))
                .map_err(|error| damaged("symbol table", error))?;
            let symbol = read_symbol(name, symbol, section);
            if let Place::Section(index) = symbol.place
                && index >= sections.len()
            {
                let reason =
                    format!("symbol {at} `{name}` is in section {index}; there are {}", sections.len());
                return Err(damaged("symbol table", reason));
            }
            symbols.push(symbol);
        }
        for section in table.iter() {
            let Some((relocations, _)) =
                section.rel(LittleEndian, bytes).map_err(|error| damaged("relocations", error))?
            else {
                continue;
            };
            let target = section.sh_info(LittleEndian) as usize;
            let target = sections
                .get_mut(target)
                .ok_or_else(|| damaged("relocations", format!("for section {target}")))?;
            read_relocations(relocations, symbols.len(), target)?;
        }
        Ok(Self { sections, symbols })
    }

    /// Index of the section with this name.
    pub(super) fn section(&self, name: &str) -> Option<usize> {
        self.sections.iter().position(|section| section.name == name)
    }
}

fn check_identity(bytes: &[u8]) -> Result<(), ObjectError> {
    let wrong = |found: String| Err(ObjectError::Elf { problem: ElfProblem::WrongTarget { found } });
    let Some(header) = bytes.first_chunk::<64>() else {
        if !bytes.starts_with(&elf::ELFMAG) && bytes.len() >= 4 {
            return wrong(format!("a file that begins with {:02x?}", &bytes[..4]));
        }
        return Err(ObjectError::Elf {
            problem: ElfProblem::Truncated { what: "file header", len: bytes.len() },
        });
    };
    if !header.starts_with(&elf::ELFMAG) {
        return wrong(format!("a file that begins with {:02x?}", &header[..4]));
    }
    if header[4] != 2 {
        return wrong(format!("an ELF file of class {} (2 is 64-bit)", header[4]));
    }
    if header[5] != 1 {
        return wrong(format!("an ELF file of byte order {} (1 is little-endian)", header[5]));
    }
    let kind = u16::from_le_bytes([header[16], header[17]]);
    let machine = u16::from_le_bytes([header[18], header[19]]);
    // Compilers before LLVM 4 left the machine 0.
    if kind != elf::ET_REL.0 || !matches!(machine, 0 | 247) {
        return wrong(format!(
            "an ELF file of type {kind} (1 is relocatable) for machine {machine} (247 is BPF)"
        ));
    }
    Ok(())
}

fn read_section<'a>(
    bytes: &'a [u8],
    name: &'a str,
    section: &'a elf::SectionHeader64<LittleEndian>,
) -> Result<Section<'a>, ObjectError> {
    let data = section.data(LittleEndian, bytes).map_err(|_| ObjectError::Section {
        section: name.into(),
        offset: 0,
        reason: format!(
            "its {} bytes at {:#x} end after the file ({} bytes)",
            section.sh_size(LittleEndian),
            section.sh_offset(LittleEndian),
            bytes.len()
        ),
    })?;
    let kind = section.sh_type(LittleEndian);
    let flags = section.sh_flags(LittleEndian).0;
    let content = if kind == elf::SHT_NOBITS {
        Content::Zeroes
    } else if kind != elf::SHT_PROGBITS {
        Content::Other
    } else if flags & elf::SHF_EXECINSTR.0 != 0 {
        Content::Code
    } else {
        Content::Data
    };
    Ok(Section { name, data, size: section.sh_size(LittleEndian), content, relocations: Vec::new() })
}

fn read_symbol<'a>(
    name: &'a str,
    symbol: &elf::Sym64<LittleEndian>,
    section: Option<SectionIndex>,
) -> Symbol<'a> {
    let place = match section {
        Some(index) => Place::Section(index.0),
        None if symbol.st_shndx(LittleEndian) == elf::SHN_UNDEF => Place::Undefined,
        None => Place::Special,
    };
    let kind = match symbol.st_type() {
        elf::STT_FUNC => SymbolKind::Function,
        elf::STT_OBJECT => SymbolKind::Object,
        elf::STT_SECTION => SymbolKind::Section,
        _ => SymbolKind::Other,
    };
    let binding = match symbol.st_bind() {
        elf::STB_LOCAL => Binding::Local,
        elf::STB_WEAK => Binding::Weak,
        _ => Binding::Global,
    };
    let visibility = match symbol.st_visibility() {
        elf::STV_HIDDEN | elf::STV_INTERNAL => Visibility::Hidden,
        _ => Visibility::Default,
    };
    Symbol {
        name,
        place,
        kind,
        binding,
        visibility,
        value: symbol.st_value(LittleEndian),
        size: symbol.st_size(LittleEndian),
    }
}

fn read_relocations(
    relocations: &[elf::Rel64<LittleEndian>],
    symbols: usize,
    target: &mut Section<'_>,
) -> Result<(), ObjectError> {
    for relocation in relocations {
        let offset = relocation.r_offset(LittleEndian);
        let symbol = relocation.r_sym(LittleEndian) as usize;
        let fail = |reason| Err(ObjectError::Section { section: target.name.into(), offset, reason });
        if symbol >= symbols {
            return fail(format!("relocation against symbol {symbol}; there are {symbols}"));
        }
        if offset >= target.size {
            return fail(format!("relocation after the end of the section ({} bytes)", target.size));
        }
        target.relocations.push(Relocation { offset, kind: relocation.r_type(LittleEndian).0, symbol });
    }
    target.relocations.sort_by_key(|relocation| relocation.offset);
    Ok(())
}
