//! Relocations of code: what each relocated instruction refers to.

use super::code::{Reference, SLOT, Target};
use super::elf::{Place, R_BPF_64_32, R_BPF_64_64, Relocation, SymbolKind};
use super::error::ObjectError;
use super::parse::{Reader, Role};

/// Operation code of a 64-bit immediate load.
const LOAD_IMM64: u8 = 0x18;
/// Operation code of a call.
const CALL: u8 = 0x85;

/// The references of one code section, sorted by offset.
pub(super) fn references(reader: &Reader<'_>, code: usize) -> Result<Vec<Reference>, ObjectError> {
    let Some(index) = reader.roles.iter().position(|&role| role == Role::Code(code)) else {
        return Ok(Vec::new());
    };
    let section = &reader.elf.sections[index];
    let mut references: Vec<Reference> = Vec::with_capacity(section.relocations.len());
    for relocation in &section.relocations {
        let fail =
            |reason| ObjectError::Section { section: section.name.into(), offset: relocation.offset, reason };
        let instruction = instruction(section.data, relocation).map_err(fail)?;
        let to = target(reader, relocation, instruction).map_err(fail)?;
        let offset = u32::try_from(relocation.offset).map_err(|_| fail("beyond 4 GiB".into()))?;
        if references.last().is_some_and(|last| last.offset == offset) {
            return Err(fail("two relocations for one instruction".into()));
        }
        references.push(Reference { offset, to });
    }
    Ok(references)
}

/// The slot that a relocation is for, if it can be relocated so.
fn instruction<'a>(code: &'a [u8], relocation: &Relocation) -> Result<&'a [u8; 8], String> {
    let Relocation { offset, kind, .. } = *relocation;
    if !offset.is_multiple_of(SLOT) {
        return Err("a relocation within an instruction of 8 bytes".into());
    }
    let (expected, what) = match kind {
        R_BPF_64_64 => (LOAD_IMM64, "a 64-bit immediate load"),
        R_BPF_64_32 => (CALL, "a call"),
        other => {
            return Err(format!("relocation type {other}; expected 1 (R_BPF_64_64) or 10 (R_BPF_64_32)"));
        }
    };
    let slot = usize::try_from(offset).ok().and_then(|at| code.get(at..)).and_then(|rest| rest.first_chunk());
    let slot: &[u8; 8] = slot.ok_or("a relocation after the last instruction")?;
    if slot[0] != expected {
        return Err(format!("relocation type {kind} is for {what}, found operation code {:#04x}", slot[0]));
    }
    Ok(slot)
}

fn target(reader: &Reader<'_>, relocation: &Relocation, slot: &[u8; 8]) -> Result<Target, String> {
    let symbol = &reader.elf.symbols[relocation.symbol];
    let section = match symbol.place {
        Place::Section(section) => section,
        Place::Undefined => {
            if let Some(&(map, offset)) = reader.config_of.get(&relocation.symbol) {
                return Ok(Target::Data { map, offset });
            }
            let import = reader.extern_of.get(&relocation.symbol).copied();
            return import.map(Target::Extern).ok_or_else(|| "refers to a symbol without a name".into());
        }
        Place::Special => return Err(format!("refers to `{}`, which is in no section", symbol.name)),
    };
    let offset = u32::try_from(symbol.value)
        .map_err(|_| format!("`{}` lies at {:#x}, beyond 4 GiB", symbol.name, symbol.value))?;
    let role = reader.roles[section];
    if slot[0] == CALL && !matches!(role, Role::Code(_)) {
        return Err(format!("calls `{}` in section `{}`", symbol.name, reader.elf.sections[section].name));
    }
    match role {
        Role::Code(section) => Ok(Target::Code { section, offset }),
        Role::Global(map) => Ok(Target::Data { map, offset }),
        Role::Maps => {
            // A map that only this file sees is named through its section, with its offset in the instruction.
            let immediate = u32::from_le_bytes([slot[4], slot[5], slot[6], slot[7]]);
            let addend = if symbol.kind == SymbolKind::Section { u64::from(immediate) } else { 0 };
            let map = reader.declared.get(&(symbol.value + addend)).copied();
            map.map(Target::Map)
                .ok_or_else(|| format!("no map begins at {:#x} of `.maps`", symbol.value + addend))
        }
        Role::Tables(..) | Role::Ignored => Err(format!(
            "refers to `{}` in section `{}`, which holds neither code nor data of programs",
            symbol.name, reader.elf.sections[section].name
        )),
    }
}
