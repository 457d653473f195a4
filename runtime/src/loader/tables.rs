//! Tables of operations: the variables of `.struct_ops` and `.struct_ops.link`.

use opswap_bpf::{Btf, BtfId, BtfType};

use super::elf::{Place, Relocation, Section};
use super::error::ObjectError;
use super::image::{Autoload, LinkKind, OpImage, StructOpsImage};
use super::parse::{Reader, Role, essential_name};

/// Reads every table of the object.
pub(super) fn tables(reader: &mut Reader<'_>) -> Result<(), ObjectError> {
    let mut tables = Vec::new();
    for (at, role) in reader.roles.iter().enumerate() {
        let &Role::Tables(link, autoload) = role else { continue };
        read_section(reader, &reader.elf.sections[at], link, autoload, &mut tables)?;
    }
    reader.struct_ops = tables;
    Ok(())
}

fn read_section(
    reader: &Reader<'_>,
    section: &Section<'_>,
    link: LinkKind,
    autoload: Autoload,
    tables: &mut Vec<StructOpsImage>,
) -> Result<(), ObjectError> {
    let fail =
        |offset: u64, reason: String| ObjectError::Section { section: section.name.into(), offset, reason };
    let btf = reader
        .btf
        .as_ref()
        .ok_or_else(|| fail(0, "tables of operations need BTF: compile with `-g`".into()))?;
    let datasec = btf.find(section.name, |ty| matches!(ty, BtfType::Datasec { .. }));
    let Some(BtfType::Datasec { vars, .. }) = datasec.and_then(|id| btf.get(id)) else {
        if section.data.is_empty() {
            return Ok(());
        }
        return Err(fail(0, "the BTF has no DATASEC for this section".into()));
    };
    for var in vars {
        let offset = var.offset as usize;
        let name = btf.name_of(var.ty);
        let (ty, size) =
            table_type(btf, var.ty).map_err(|why| fail(offset as u64, format!("`{name}`: {why}")))?;
        let end = offset.saturating_add(size as usize);
        let data = section.data.get(offset..end).ok_or_else(|| {
            fail(
                offset as u64,
                format!("`{name}`: its {size} bytes end after the section ({})", section.data.len()),
            )
        })?;
        let mut table = StructOpsImage {
            name: name.to_owned(),
            type_name: essential_name(btf.name_of(ty)).to_owned(),
            ty,
            data: data.to_vec(),
            ops: Vec::new(),
            link,
            autoload,
        };
        let first = section.relocations.partition_point(|relocation| relocation.offset < offset as u64);
        for relocation in &section.relocations[first..] {
            if relocation.offset >= end as u64 {
                break;
            }
            let op = read_op(reader, relocation, offset, &mut table)
                .map_err(|why| fail(relocation.offset, format!("`{name}`: {why}")))?;
            table.ops.push(op);
        }
        tables.push(table);
    }
    Ok(())
}

/// The STRUCT of a table's variable, and its size.
fn table_type(btf: &Btf, var: BtfId) -> Result<(BtfId, u32), String> {
    let Some(BtfType::Var(var)) = btf.get(var) else { return Err("expected a variable".into()) };
    let ty = btf.skip_modifiers(var.ty);
    match btf.get(ty) {
        Some(BtfType::Struct { size, name, .. }) if !name.is_empty() => Ok((ty, *size)),
        Some(_) | None => Err("a table of operations must be a struct with a name".into()),
    }
}

/// The program that a relocation puts into a member.
fn read_op(
    reader: &Reader<'_>,
    relocation: &Relocation,
    base: usize,
    table: &mut StructOpsImage,
) -> Result<OpImage, String> {
    let offset = usize::try_from(relocation.offset).unwrap_or(usize::MAX) - base;
    let Some(word) = table.data.get_mut(offset..).and_then(|rest| rest.first_chunk_mut::<8>()) else {
        return Err("a function pointer that ends after the table".into());
    };
    if table.ops.last().is_some_and(|op| op.offset as usize + 8 > offset) {
        return Err("two function pointers overlap".into());
    }
    let symbol = &reader.elf.symbols[relocation.symbol];
    let target = symbol.value.wrapping_add(u64::from_le_bytes(*word));
    *word = [0; 8];
    let Place::Section(section) = symbol.place else {
        return Err(format!("`{}` is not defined in this object", symbol.name));
    };
    let program = reader.program_at(section, target).ok_or_else(|| {
        format!(
            "expected a program, found `{}` in section `{}`",
            symbol.name, reader.elf.sections[section].name
        )
    })?;
    Ok(OpImage { offset: u32::try_from(offset).unwrap_or(u32::MAX), program })
}

impl Reader<'_> {
    /// Index of the program that begins at a place.
    pub(super) fn program_at(&self, section: usize, offset: u64) -> Option<usize> {
        let Role::Code(section) = self.roles[section] else { return None };
        let function = self.code.function_at(section, u32::try_from(offset).ok()?)?;
        self.entries.binary_search(&function).ok()
    }
}
