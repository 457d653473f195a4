//! Structs of the program's own BTF whose objects it allocates: their special fields, found once.

use std::cell::RefCell;
use std::collections::BTreeMap;

use opswap_bpf::map::{MapField, SpecialField};
use opswap_bpf::{Btf, BtfId, BtfSpace, BtfType, TypeRef};

use crate::host::Host;

/// What was found so far; `None` for structs that break the rules for special fields.
#[derive(Debug, Default)]
pub(crate) struct Structs {
    found: RefCell<BTreeMap<BtfId, Option<Vec<MapField>>>>,
}

impl Structs {
    /// The special fields of a struct of the program.
    pub(crate) fn fields(&self, program: &Btf, host: &dyn Host, ty: BtfId) -> Option<Vec<MapField>> {
        if let Some(known) = self.found.borrow().get(&ty) {
            return known.clone();
        }
        let fields = program.special_fields(ty).ok().map(|mut fields| {
            for field in &mut fields {
                field.field = with_host_type(program, host, field.field);
            }
            fields
        });
        self.found.borrow_mut().insert(ty, fields.clone());
        fields
    }
}

/// A kptr points to the host's type of that name where the host has one, as the loader decides it for maps.
fn with_host_type(program: &Btf, host: &dyn Host, field: SpecialField) -> SpecialField {
    let SpecialField::Kptr { ty, kind } = field else { return field };
    let (Some(local), Some(types)) = (program.get(ty.id), host.btf(BtfSpace::Host)) else { return field };
    let name = local.name().map(|name| name.split("___").next().unwrap_or(name));
    let same_kind = |other: &BtfType| std::mem::discriminant(other) == std::mem::discriminant(local);
    match name.and_then(|name| types.find(name, same_kind)) {
        Some(id) => SpecialField::Kptr { ty: TypeRef::host(id), kind },
        None => field,
    }
}
