//! [`ObjectFile::parse`]: from the container's tables to programs, maps, tables of operations and imports.

use std::collections::HashMap;
use std::sync::Arc;

use opswap_bpf::btf::{BtfError, BtfExt, ExtSection, VarLinkage};
use opswap_bpf::program::{License, Linkage};
use opswap_bpf::proto::Sleepable;
use opswap_bpf::{Btf, BtfId, BtfType};

use super::ObjectFile;
use super::agree::relocated_types;
use super::code::{Code, CodeSection, Function, SLOT};
use super::elf::{Binding, Content, Elf, Place, Section, Symbol, SymbolKind, Visibility};
use super::error::ObjectError;
use super::globals::{Config, arena_globals, complete_datasecs, config_values, global_map};
use super::image::{
    Autoload, Extern, ExternKind, LinkKind, MapImage, MapOrigin, ProgramImage, Strength, StructOpsImage,
};
use super::maps::{declared_maps, fill_entries};
use super::references::references;
use super::tables::tables;

/// Bytes of code and data that one object may bring. Sections of a hostile file can overlap, so that the file's size
/// is no bound.
const MAX_COPIED: u64 = 64 << 20;

/// What a section is to the loader.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Role {
    /// Code; index into [`Code::sections`].
    Code(usize),
    /// Declared maps.
    Maps,
    /// Global data; index of its map.
    Global(u32),
    /// Tables of operations.
    Tables(LinkKind, Autoload),
    /// Nothing that programs can refer to.
    Ignored,
}

/// An object while it is being read.
pub(super) struct Reader<'a> {
    pub(super) elf: Elf<'a>,
    pub(super) btf: Option<Btf>,
    /// By section index.
    pub(super) roles: Vec<Role>,
    pub(super) code: Code,
    pub(super) programs: Vec<ProgramImage>,
    /// Index into [`Code::functions`] for each program.
    pub(super) entries: Vec<usize>,
    pub(super) maps: Vec<MapImage>,
    /// Byte offset of each declared map in `.maps`.
    pub(super) declared: HashMap<u64, u32>,
    pub(super) struct_ops: Vec<StructOpsImage>,
    pub(super) externs: Vec<Extern>,
    /// By symbol index.
    pub(super) extern_of: HashMap<usize, usize>,
    /// Configuration values by symbol index: map and offset.
    pub(super) config_of: HashMap<usize, (u32, u32)>,
    copied: u64,
}

pub(super) fn parse(bytes: &[u8], config: Config<'_>) -> Result<ObjectFile, ObjectError> {
    let elf = Elf::parse(bytes)?;
    let btf_error = |section| move |source: BtfError| ObjectError::Btf { section, source };
    let data_of = |name| elf.section(name).map(|at| elf.sections[at].data);
    let btf = data_of(".BTF").map(Btf::parse).transpose().map_err(btf_error(".BTF"))?;
    let ext = match (&btf, data_of(".BTF.ext")) {
        (Some(_), Some(bytes)) => BtfExt::parse(bytes).map_err(btf_error(".BTF.ext"))?,
        _nothing_to_name_things => BtfExt::default(),
    };
    let license = data_of("license").map_or(License::Other, license);
    let roles = vec![Role::Ignored; elf.sections.len()];
    let mut reader = Reader {
        elf,
        btf,
        roles,
        code: Code::default(),
        programs: Vec::new(),
        entries: Vec::new(),
        maps: Vec::new(),
        declared: HashMap::new(),
        struct_ops: Vec::new(),
        externs: Vec::new(),
        extern_of: HashMap::new(),
        config_of: HashMap::new(),
        copied: 0,
    };
    if let Some(mut btf) = reader.btf.take() {
        complete_datasecs(&mut btf, &reader.elf);
        reader.btf = Some(btf);
    }
    reader.code(&ext)?;
    reader.functions()?;
    declared_maps(&mut reader)?;
    reader.globals()?;
    arena_globals(&mut reader)?;
    config_values(&mut reader, config)?;
    reader.externs();
    for at in 0..reader.code.sections.len() {
        reader.code.sections[at].references = references(&reader, at)?;
    }
    fill_entries(&mut reader)?;
    tables(&mut reader)?;
    Ok(ObjectFile {
        relocated: relocated_types(reader.btf.as_ref(), &reader.code.sections),
        btf: reader.btf.map(Arc::new),
        license,
        programs: reader.programs,
        entries: reader.entries,
        code: reader.code,
        maps: reader.maps,
        struct_ops: reader.struct_ops,
        externs: reader.externs,
    })
}

/// The kernel's list of licences that count as GPL-compatible.
fn license(bytes: &[u8]) -> License {
    const COMPATIBLE: [&str; 6] =
        ["GPL", "GPL v2", "GPL and additional rights", "Dual BSD/GPL", "Dual MIT/GPL", "Dual MPL/GPL"];
    let text = bytes.split(|&byte| byte == 0).next().unwrap_or_default();
    if COMPATIBLE.iter().any(|name| name.as_bytes() == text) { License::Gpl } else { License::Other }
}

/// A name without what follows `___`: several versions of one declaration may stand beside each other in C.
pub(super) fn essential_name(name: &str) -> &str {
    match name.find("___") {
        Some(at) if at > 0 => &name[..at],
        Some(_) | None => name,
    }
}

impl Reader<'_> {
    /// Counts bytes about to be copied.
    pub(super) fn charge(&mut self, section: &str, bytes: u64) -> Result<(), ObjectError> {
        self.copied = self.copied.saturating_add(bytes);
        if self.copied > MAX_COPIED {
            let reason = format!(
                "with its {bytes} bytes the object has {} bytes of code and data; at most {MAX_COPIED} are loaded",
                self.copied
            );
            return Err(ObjectError::Section { section: section.into(), offset: 0, reason });
        }
        Ok(())
    }

    fn code(&mut self, ext: &BtfExt) -> Result<(), ObjectError> {
        for at in 0..self.elf.sections.len() {
            let Section { name, data, content, .. } = self.elf.sections[at];
            if content != Content::Code {
                continue;
            }
            self.charge(name, data.len() as u64)?;
            if !data.len().is_multiple_of(SLOT as usize) {
                return Err(ObjectError::Section {
                    section: name.into(),
                    offset: data.len() as u64,
                    reason: "the section ends within an instruction of 8 bytes".into(),
                });
            }
            self.roles[at] = Role::Code(self.code.sections.len());
            self.code.sections.push(CodeSection {
                name: name.to_owned(),
                bytes: data.to_vec(),
                references: Vec::new(),
                funcs: self.records(&ext.funcs, name, |info| info.offset),
                lines: self.records(&ext.lines, name, |info| info.offset),
                relocations: self.records(&ext.relocations, name, |info| info.offset),
            });
        }
        Ok(())
    }

    /// Records of BTF.ext for one ELF section, sorted.
    fn records<T: Copy>(&self, all: &[ExtSection<T>], name: &str, offset: impl Fn(&T) -> u32) -> Vec<T> {
        let Some(btf) = &self.btf else { return Vec::new() };
        let mut records: Vec<T> = all
            .iter()
            .filter(|section| btf.string_at(section.name).as_deref() == Some(name))
            .flat_map(|section| section.records.iter().copied())
            .collect();
        records.sort_by_key(offset);
        records
    }

    fn functions(&mut self) -> Result<(), ObjectError> {
        let mut found = Vec::new();
        for symbol in &self.elf.symbols {
            if let Some(function) = self.function(symbol)? {
                found.push((function, symbol.binding));
            }
        }
        // A global name wins over a local alias of the same place.
        found.sort_by_key(|(function, binding)| {
            (function.section, function.offset, *binding == Binding::Local, function.name.clone())
        });
        found.dedup_by_key(|(function, _)| (function.section, function.offset));
        for (at, (function, binding)) in found.iter().enumerate() {
            let section = &self.code.sections[function.section].name;
            if section == ".text" || *binding == Binding::Local {
                continue;
            }
            let name = section.strip_prefix('?');
            let autoload = if name.is_some() { Autoload::OnRequest } else { Autoload::Yes };
            let name = name.unwrap_or(section);
            let sleepable = match name.split('/').next() {
                Some(kind) if kind.ends_with(".s") => Sleepable::Yes,
                Some(_) | None => Sleepable::No,
            };
            self.programs.push(ProgramImage {
                name: function.name.clone(),
                section: name.to_owned(),
                autoload,
                sleepable,
                slots: function.len / SLOT as u32,
                func: function.func,
            });
            self.entries.push(at);
        }
        self.code.functions = found.into_iter().map(|(function, _)| function).collect();
        Ok(())
    }

    /// The function that a symbol names, if it is one of a code section.
    fn function(&self, symbol: &Symbol<'_>) -> Result<Option<Function>, ObjectError> {
        let (SymbolKind::Function, Place::Section(index)) = (symbol.kind, symbol.place) else {
            return Ok(None);
        };
        let Role::Code(section) = self.roles[index] else { return Ok(None) };
        let code = &self.code.sections[section];
        let len = code.bytes.len() as u64;
        let fail = |reason: String| ObjectError::Section {
            section: code.name.clone(),
            offset: symbol.value,
            reason: format!("function `{}`: {reason}", symbol.name),
        };
        let end = symbol.value.checked_add(symbol.size).filter(|&end| end <= len);
        let end =
            end.ok_or_else(|| fail(format!("its {} bytes end after the section ({len})", symbol.size)))?;
        if symbol.size == 0 {
            return Err(fail("it has no instructions (the symbol's size is 0)".into()));
        }
        if !symbol.value.is_multiple_of(SLOT) || !end.is_multiple_of(SLOT) {
            return Err(fail(format!("its {} bytes are not whole instructions", symbol.size)));
        }
        let (Ok(offset), Ok(len)) = (u32::try_from(symbol.value), u32::try_from(symbol.size)) else {
            return Err(fail("it lies beyond 4 GiB".into()));
        };
        let func = match code.funcs.binary_search_by_key(&offset, |info| info.offset) {
            Ok(at) => code.funcs[at].func,
            Err(_) => BtfId(0),
        };
        // A global function without BTF, or one that the compiler hides, is verified where it is called.
        let declared = self.btf.as_ref().and_then(|btf| btf.func(func)).map(|func| func.linkage);
        let linkage = match declared {
            Some(linkage) if symbol.visibility == Visibility::Default => linkage,
            Some(_) | None => Linkage::Static,
        };
        let func = if declared.is_some() { func } else { BtfId(0) };
        Ok(Some(Function { name: symbol.name.to_owned(), section, offset, len, func, linkage }))
    }

    fn globals(&mut self) -> Result<(), ObjectError> {
        for at in 0..self.elf.sections.len() {
            let Section { name, content, size, .. } = self.elf.sections[at];
            let is = |prefix: &str| {
                name.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
            };
            let origin = match content {
                Content::Data if is(".rodata") => MapOrigin::Rodata,
                Content::Data if is(".data") => MapOrigin::Data,
                Content::Zeroes if is(".bss") => MapOrigin::Bss,
                Content::Data | Content::Zeroes if is(".bss") => MapOrigin::Data,
                Content::Code | Content::Data | Content::Zeroes | Content::Other => {
                    if let Some((link, autoload)) = table_section(name)
                        && content == Content::Data
                    {
                        self.roles[at] = Role::Tables(link, autoload);
                    }
                    continue;
                }
            };
            if size == 0 {
                continue;
            }
            self.charge(name, size)?;
            let map = u32::try_from(self.maps.len()).unwrap_or(u32::MAX);
            self.maps.push(global_map(&self.elf.sections[at], origin, self.btf.as_ref())?);
            self.roles[at] = Role::Global(map);
        }
        Ok(())
    }

    /// Imports: undefined symbols that code refers to.
    fn externs(&mut self) {
        let Elf { sections, symbols } = &self.elf;
        let code = sections.iter().filter(|section| section.content == Content::Code);
        let mut used: Vec<usize> =
            code.flat_map(|section| section.relocations.iter().map(|relocation| relocation.symbol)).collect();
        used.sort_unstable();
        used.dedup();
        for index in used {
            let symbol = &symbols[index];
            if symbol.place != Place::Undefined
                || symbol.name.is_empty()
                || self.config_of.contains_key(&index)
            {
                continue;
            }
            let strength = match symbol.binding {
                Binding::Weak => Strength::Weak,
                Binding::Local | Binding::Global => Strength::Strong,
            };
            let (kind, ty) = self.declaration(symbol.name);
            self.extern_of.insert(index, self.externs.len());
            self.externs.push(Extern { name: essential_name(symbol.name).to_owned(), kind, strength, ty });
        }
    }

    /// What the object's BTF says of an import.
    fn declaration(&self, name: &str) -> (ExternKind, BtfId) {
        let nothing = (ExternKind::Kfunc, BtfId(0));
        let Some(btf) = &self.btf else { return nothing };
        let func = btf.find(name, |ty| matches!(ty, BtfType::Func(func) if func.linkage == Linkage::Extern));
        if let Some(func) = func {
            return (ExternKind::Kfunc, func);
        }
        let var = btf.find(name, |ty| matches!(ty, BtfType::Var(var) if var.linkage == VarLinkage::Extern));
        let Some(var) = var else { return nothing };
        let in_config = btf.ids_named(".kconfig").filter_map(|id| btf.get(id)).any(
            |ty| matches!(ty, BtfType::Datasec { vars, .. } if vars.iter().any(|entry| entry.ty == var)),
        );
        let is_void = match btf.get(var) {
            Some(BtfType::Var(var)) => matches!(btf.resolve(var.ty), BtfType::Void),
            Some(_) | None => false,
        };
        let kind = match (in_config, is_void) {
            (true, _) => ExternKind::Config,
            (false, true) => ExternKind::Address,
            (false, false) => ExternKind::Variable,
        };
        (kind, var)
    }
}

/// `.struct_ops`, `.struct_ops.link`, and both with a leading `?`.
fn table_section(name: &str) -> Option<(LinkKind, Autoload)> {
    let required = name.strip_prefix('?');
    let autoload = if required.is_some() { Autoload::OnRequest } else { Autoload::Yes };
    match required.unwrap_or(name) {
        ".struct_ops" => Some((LinkKind::Map, autoload)),
        ".struct_ops.link" => Some((LinkKind::Link, autoload)),
        _ => None,
    }
}
