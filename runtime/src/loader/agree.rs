//! Whether an object's structs are the host's: those behind the pointers that imports and operations pass, and the
//! tables themselves. A program reads them at the offsets that its compiler saw, unless it asked for CO-RE.

use std::collections::HashSet;

use opswap_bpf::btf::{Mismatch, compare_pointee};
use opswap_bpf::{Btf, BtfId, BtfType, ProgramKind};

use super::ObjectFile;
use super::code::CodeSection;
use super::parse::essential_name;

/// Types that the object's CO-RE relocations start from: their offsets are the host's, whatever the object says.
pub(super) fn relocated_types(btf: Option<&Btf>, sections: &[CodeSection]) -> HashSet<BtfId> {
    let Some(btf) = btf else { return HashSet::new() };
    let records = sections.iter().flat_map(|section| &section.relocations);
    records.map(|record| btf.skip_modifiers(record.ty)).collect()
}

/// Compares what a program of `kind` with these imports shares with the host.
pub(super) fn agree(
    object: &ObjectFile,
    kind: &ProgramKind,
    imports: impl Iterator<Item = BtfId>,
    host: &Btf,
) -> Result<(), Box<Mismatch>> {
    let Some(btf) = object.btf.as_deref() else { return Ok(()) };
    let mut shared = Shared { object, btf, host, seen: HashSet::new() };
    for import in imports {
        shared.signature(import)?;
    }
    if let ProgramKind::StructOps { ops, .. } = kind {
        for table in object.struct_ops.iter().filter(|table| table.type_name == *ops) {
            shared.structure(table.ty)?;
            for member in btf.members(table.ty).unwrap_or_default() {
                shared.signature(member.ty)?;
            }
        }
    }
    Ok(())
}

struct Shared<'a> {
    object: &'a ObjectFile,
    btf: &'a Btf,
    host: &'a Btf,
    seen: HashSet<BtfId>,
}

impl Shared<'_> {
    /// The structs behind the pointers of a function's parameters and result.
    fn signature(&mut self, func: BtfId) -> Result<(), Box<Mismatch>> {
        let Some((ret, params)) = self.btf.func_proto(func) else { return Ok(()) };
        for ty in params.iter().map(|param| param.ty).chain([ret]) {
            if let Some(to) = self.btf.pointee(ty) {
                self.structure(to)?;
            }
        }
        Ok(())
    }

    fn structure(&mut self, ty: BtfId) -> Result<(), Box<Mismatch>> {
        let ty = self.btf.skip_modifiers(ty);
        let declared = self.btf.members(ty).is_some_and(|members| !members.is_empty());
        if !declared || self.object.relocated.contains(&ty) || !self.seen.insert(ty) {
            return Ok(());
        }
        let name = essential_name(self.btf.name_of(ty));
        let same_kind = self.btf.get(ty).map(std::mem::discriminant);
        let is_host = |other: &BtfType| Some(std::mem::discriminant(other)) == same_kind;
        match self.host.find(name, is_host).filter(|_| !name.is_empty()) {
            Some(host) => compare_pointee(self.btf, ty, self.host, host),
            None => Ok(()),
        }
    }
}
