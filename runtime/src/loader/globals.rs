//! Global data: `.rodata…`, `.data…` and `.bss…` as arrays with one entry, the arena's variables, configuration values,
//! and the layout that compilers leave open.

use std::collections::HashMap;
use std::sync::Arc;

use opswap_bpf::btf::DatasecVar;
use opswap_bpf::map::{BPF_F_MMAPABLE, BPF_F_RDONLY_PROG, MapKind};
use opswap_bpf::{Btf, BtfId, BtfType, MapProto};

use super::elf::{Binding, Content, Elf, Place, Section, SymbolKind};
use super::error::ObjectError;
use super::image::{MapImage, MapOrigin};
use super::parse::{Reader, Role};

/// Fills in sizes and offsets of DATASECs from the section headers and symbols: in an object they are 0, with
/// relocations in `.rel.BTF` for the static linker.
pub(super) fn complete_datasecs(btf: &mut Btf, elf: &Elf<'_>) {
    let sections: HashMap<&str, usize> =
        elf.sections.iter().enumerate().map(|(at, section)| (section.name, at)).collect();
    let objects: HashMap<(usize, &str), u64> = elf
        .symbols
        .iter()
        .filter_map(|symbol| match (symbol.kind, symbol.place) {
            (SymbolKind::Object, Place::Section(section)) => Some(((section, symbol.name), symbol.value)),
            (
                SymbolKind::Object | SymbolKind::Function | SymbolKind::Section | SymbolKind::Other,
                Place::Section(_) | Place::Undefined | Place::Special,
            ) => None,
        })
        .collect();
    let mut completed = Vec::new();
    for (id, ty) in btf.iter() {
        let BtfType::Datasec { name, vars, .. } = ty else { continue };
        let Some(&section) = sections.get(name.as_str()) else { continue };
        let Ok(size) = u32::try_from(elf.sections[section].size) else { continue };
        let mut vars: Vec<DatasecVar> = vars.clone();
        for var in &mut vars {
            // Variables that only this file sees have no symbol of their own; their offset stands in the record.
            let offset = objects.get(&(section, btf.name_of(var.ty))).copied();
            var.offset = offset.and_then(|offset| u32::try_from(offset).ok()).unwrap_or(var.offset);
        }
        vars.sort_by_key(|var| var.offset);
        completed.push((id, size, vars));
    }
    for (id, size, vars) in completed {
        btf.complete_datasec(id, size, vars);
    }
}

/// The map for a section of global data.
pub(super) fn global_map(
    section: &Section<'_>,
    origin: MapOrigin,
    btf: Option<&Btf>,
) -> Result<MapImage, ObjectError> {
    let fail = |reason: String| ObjectError::Section { section: section.name.into(), offset: 0, reason };
    let value_size = u32::try_from(section.size).map_err(|_| fail("larger than 4 GiB".into()))?;
    let mut initial = section.data.to_vec();
    initial.resize(section.size as usize, 0);
    let value_type = btf.and_then(|btf| btf.find(section.name, |ty| matches!(ty, BtfType::Datasec { .. })));
    let fields = match (btf, value_type) {
        // As in the kernel, a section that breaks the rules is plain memory: no function takes what lies in it.
        (Some(btf), Some(datasec)) => btf.special_fields(datasec).unwrap_or_default(),
        (Some(_) | None, Some(_) | None) => Vec::new(),
    };
    let (flags, frozen) = match origin {
        MapOrigin::Rodata => (BPF_F_RDONLY_PROG | BPF_F_MMAPABLE, Some(Arc::from(initial.as_slice()))),
        // Locks and other objects of the runtime cannot be shared with the host byte by byte.
        MapOrigin::Declared | MapOrigin::Data | MapOrigin::Bss if fields.is_empty() => (BPF_F_MMAPABLE, None),
        MapOrigin::Declared | MapOrigin::Data | MapOrigin::Bss => (0, None),
    };
    let proto = MapProto {
        name: section.name.to_owned(),
        kind: MapKind::Array,
        key_size: 4,
        value_size,
        max_entries: 1,
        flags,
        key_type: BtfId(0),
        value_type: value_type.unwrap_or_default(),
        fields,
        inner: None,
        frozen,
    };
    Ok(MapImage { proto: Arc::new(proto), initial: Some(initial), origin, entries: Vec::new() })
}

/// What the host says of a configuration value (`LINUX_KERNEL_VERSION`, `CONFIG_HZ`).
pub(super) type Config<'a> = &'a dyn Fn(&str) -> Option<u64>;

/// Section of variables in the arena (clang's address space 1).
const ARENA_SECTION: &str = ".addr_space.1";

/// Gives the variables of the arena to the object's arena map.
pub(super) fn arena_globals(reader: &mut Reader<'_>) -> Result<(), ObjectError> {
    let Some(at) = reader.elf.section(ARENA_SECTION) else { return Ok(()) };
    let arena = reader.maps.iter().position(|map| map.proto.kind == MapKind::Arena);
    let Some(arena) = arena else { return Ok(()) };
    let Section { data, size, .. } = reader.elf.sections[at];
    reader.charge(ARENA_SECTION, size)?;
    let mut initial = data.to_vec();
    initial.resize(usize::try_from(size).unwrap_or(usize::MAX), 0);
    reader.maps[arena].initial = Some(initial);
    reader.roles[at] = Role::Global(u32::try_from(arena).unwrap_or(u32::MAX));
    Ok(())
}

/// Lays out `.kconfig`: a read-only map with the values that the host knows; a weak one that it does not know is 0. A
/// strong one stays an import, which programs that use it cannot link.
pub(super) fn config_values(reader: &mut Reader<'_>, config: Config<'_>) -> Result<(), ObjectError> {
    const SECTION: &str = ".kconfig";
    let Some(btf) = &mut reader.btf else { return Ok(()) };
    let Some(datasec) = btf.find(SECTION, |ty| matches!(ty, BtfType::Datasec { .. })) else { return Ok(()) };
    let Some(BtfType::Datasec { vars, .. }) = btf.get(datasec) else { return Ok(()) };
    let mut vars = vars.clone();
    let undefined: HashMap<&str, (usize, Binding)> = reader
        .elf
        .symbols
        .iter()
        .enumerate()
        .filter(|(_, symbol)| symbol.place == Place::Undefined)
        .map(|(at, symbol)| (symbol.name, (at, symbol.binding)))
        .collect();
    let map = u32::try_from(reader.maps.len()).unwrap_or(u32::MAX);
    let mut bytes = Vec::new();
    let mut placed = Vec::new();
    for var in &mut vars {
        let size = btf.size_of(var.ty).filter(|&size| size <= MAX_CONFIG_BYTES).unwrap_or(0);
        let start = bytes.len().next_multiple_of(8);
        bytes.resize(start + size as usize, 0);
        (var.offset, var.size) = (u32::try_from(start).unwrap_or(u32::MAX), size);
        let name = btf.name_of(var.ty);
        let Some(&(symbol, binding)) = undefined.get(name) else { continue };
        match config(name) {
            Some(value) => {
                let value = value.to_le_bytes();
                let len = (size as usize).min(value.len());
                bytes[start..start + len].copy_from_slice(&value[..len]);
            }
            None if binding == Binding::Weak => {}
            None => continue,
        }
        placed.push((symbol, (map, var.offset)));
    }
    if placed.is_empty() {
        return Ok(());
    }
    let size = bytes.len() as u64;
    btf.complete_datasec(datasec, u32::try_from(size).unwrap_or(u32::MAX), vars);
    reader.charge(SECTION, size)?;
    reader.config_of = placed.into_iter().collect();
    let section =
        Section { name: SECTION, data: &bytes, size, content: Content::Data, relocations: Vec::new() };
    reader.maps.push(global_map(&section, MapOrigin::Rodata, reader.btf.as_ref())?);
    Ok(())
}

/// Bytes of one configuration value: a number, or a string as the kernel's configuration has them.
const MAX_CONFIG_BYTES: u32 = 4096;
