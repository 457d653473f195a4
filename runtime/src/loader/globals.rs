//! Global data: `.rodata…`, `.data…` and `.bss…` as arrays with one entry, and the layout that compilers leave open.

use std::collections::HashMap;
use std::sync::Arc;

use opswap_bpf::btf::DatasecVar;
use opswap_bpf::map::{BPF_F_MMAPABLE, BPF_F_RDONLY_PROG, MapKind};
use opswap_bpf::{Btf, BtfId, BtfType, MapProto};

use super::elf::{Elf, Place, Section, SymbolKind};
use super::error::ObjectError;
use super::fields::special_fields;
use super::image::{MapImage, MapOrigin};

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
        (Some(btf), Some(datasec)) => special_fields(btf, datasec).map_err(fail)?,
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
