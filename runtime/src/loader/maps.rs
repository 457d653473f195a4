//! Declared maps: the variables of `.maps`, whose types say everything (`__uint`, `__type`, `__array`, `__ulong`).

use std::sync::Arc;

use opswap_bpf::btf::{Member, VarLinkage};
use opswap_bpf::map::{BPF_F_RDONLY_PROG, BPF_F_WRONLY_PROG, MapKind};
use opswap_bpf::{Btf, BtfId, BtfType, MapProto};

use super::elf::{Content, Place, R_BPF_64_ABS64, Relocation};
use super::error::ObjectError;
use super::image::{MapImage, MapInit, MapOrigin, MapTarget};
use super::parse::{Reader, Role};

const SECTION: &str = ".maps";

fn fail(offset: impl Into<u64>, reason: String) -> ObjectError {
    ObjectError::Section { section: SECTION.into(), offset: offset.into(), reason }
}

/// Reads the declarations; what their `values` hold comes later, with [`fill_entries`].
pub(super) fn declared_maps(reader: &mut Reader<'_>) -> Result<(), ObjectError> {
    if reader.elf.section("maps").is_some_and(|at| !reader.elf.sections[at].data.is_empty()) {
        return Err(ObjectError::Section {
            section: "maps".into(),
            offset: 0,
            reason: "maps declared as `struct bpf_map_def` are not read: declare them in `.maps`".into(),
        });
    }
    let Some(at) = reader.elf.section(SECTION) else { return Ok(()) };
    if reader.elf.sections[at].content != Content::Data {
        return Ok(());
    }
    let Some(btf) = &reader.btf else {
        return Err(fail(0u64, "maps are declared by types: compile with `-g`".into()));
    };
    let datasec = btf.find(SECTION, |ty| matches!(ty, BtfType::Datasec { .. }));
    let Some(BtfType::Datasec { vars, .. }) = datasec.and_then(|id| btf.get(id)) else {
        return Err(fail(0u64, "the BTF has no DATASEC for this section".into()));
    };
    for var in vars {
        let Some(BtfType::Var(declared)) = btf.get(var.ty) else {
            return Err(fail(var.offset, "expected a variable".into()));
        };
        let name = declared.name.as_str();
        if declared.linkage == VarLinkage::Extern {
            let reason =
                format!("map `{name}` is only declared here: join the objects first (`bpftool gen object`)");
            return Err(fail(var.offset, reason));
        }
        let proto = Declaration { btf, name }
            .read(declared.ty, Nesting::Outer)
            .map_err(|why| fail(var.offset, format!("map `{name}`: {why}")))?;
        let index = u32::try_from(reader.maps.len()).unwrap_or(u32::MAX);
        if reader.declared.insert(var.offset.into(), index).is_some() {
            return Err(fail(var.offset, format!("map `{name}`: begins where another map begins")));
        }
        let proto = Arc::new(proto);
        reader.maps.push(MapImage { proto, initial: None, origin: MapOrigin::Declared, entries: Vec::new() });
    }
    reader.roles[at] = Role::Maps;
    Ok(())
}

/// Whether a declaration stands for itself or inside another map's `values`.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Nesting {
    Outer,
    Inner,
}

struct Declaration<'a> {
    btf: &'a Btf,
    name: &'a str,
}

impl Declaration<'_> {
    fn read(&self, ty: BtfId, nesting: Nesting) -> Result<MapProto, String> {
        let btf = self.btf;
        let BtfType::Struct { members, .. } = btf.resolve(ty) else {
            return Err("expected a struct with `__uint`, `__type` and `__array` members".into());
        };
        let mut map = MapProto {
            name: self.name.to_owned(),
            kind: MapKind::Unspec,
            key_size: 0,
            value_size: 0,
            max_entries: 0,
            flags: 0,
            key_type: BtfId(0),
            value_type: BtfId(0),
            fields: Vec::new(),
            inner: None,
            frozen: None,
        };
        for member in members {
            self.attribute(&mut map, member, nesting).map_err(|why| format!("`{}`: {why}", member.name))?;
        }
        if map.kind == MapKind::Unspec {
            return Err("has no `__uint(type, …)`".into());
        }
        if map.value_type != BtfId(0) {
            map.fields = btf.special_fields(map.value_type)?;
            check_fields(&map)?;
        }
        complete(&mut map);
        Ok(map)
    }

    fn attribute(&self, map: &mut MapProto, member: &Member, nesting: Nesting) -> Result<(), String> {
        let btf = self.btf;
        match member.name.as_str() {
            "type" => {
                let number = self.number(member.ty)?;
                map.kind = MapKind::from_number(number)
                    .ok_or_else(|| format!("unknown map type {number}; 1 to 33 are known"))?;
            }
            "max_entries" => map.max_entries = self.number(member.ty)?,
            "map_flags" => map.flags = self.number(member.ty)?,
            "key_size" => set_size(&mut map.key_size, self.number(member.ty)?)?,
            "value_size" => set_size(&mut map.value_size, self.number(member.ty)?)?,
            "key" => {
                let (ty, size) = self.value(member.ty)?;
                map.key_type = ty;
                set_size(&mut map.key_size, size)?;
            }
            "value" => {
                let (ty, size) = self.value(member.ty)?;
                map.value_type = ty;
                set_size(&mut map.value_size, size)?;
            }
            "values" => self.values(map, member.ty, nesting)?,
            // Where the kernel would keep the map: node, pin, and a parameter of few kinds.
            "numa_node" | "pinning" => {
                self.number(member.ty)?;
            }
            "map_extra" => {
                if btf.enumerators(member.ty).is_none() {
                    self.number(member.ty)?;
                }
            }
            _ => {
                return Err(
                    "unknown attribute; known are type, max_entries, map_flags, key, key_size, value, \
                            value_size, values, numa_node, pinning and map_extra"
                        .into(),
                );
            }
        }
        Ok(())
    }

    /// `__uint(NAME, N)`: a pointer to an array of N.
    fn number(&self, ty: BtfId) -> Result<u32, String> {
        let array = self.btf.pointee(ty).map(|to| self.btf.resolve(to));
        if let Some(BtfType::Array(array)) = array {
            Ok(array.count)
        } else {
            Err("expected `__uint`".into())
        }
    }

    /// `__type(NAME, T)`: a pointer to T.
    fn value(&self, ty: BtfId) -> Result<(BtfId, u32), String> {
        let to = self.btf.pointee(ty).ok_or("expected `__type`")?;
        let size = self.btf.size_of(to).ok_or("its type has no size")?;
        Ok((to, size))
    }

    /// `__array(values, T)`: an array of pointers to T, a map's declaration or a function.
    fn values(&self, map: &mut MapProto, ty: BtfId, nesting: Nesting) -> Result<(), String> {
        let btf = self.btf;
        let BtfType::Array(array) = btf.resolve(ty) else { return Err("expected `__array`".into()) };
        let target = btf.pointee(array.element).ok_or("expected an array of pointers")?;
        match (map.kind, btf.resolve(target)) {
            (MapKind::ArrayOfMaps | MapKind::HashOfMaps, BtfType::Struct { .. }) => {
                if nesting == Nesting::Inner {
                    return Err("maps of maps of maps do not exist".into());
                }
                map.inner = Some(Box::new(self.read(target, Nesting::Inner)?));
                set_size(&mut map.value_size, 4)
            }
            (MapKind::ProgArray, BtfType::FuncProto { .. }) => set_size(&mut map.value_size, 4),
            (kind, _) => Err(format!("a map of type {kind:?} has no `values` of this type")),
        }
    }
}

fn set_size(size: &mut u32, to: u32) -> Result<(), String> {
    if *size != 0 && *size != to {
        return Err(format!("size is {to}, but {size} was given before"));
    }
    *size = to;
    Ok(())
}

/// Locks, timers and the like lie only in maps of the kinds that know them, and only where programs may write.
fn check_fields(map: &MapProto) -> Result<(), String> {
    let wrong = map.fields.iter().find(|field| !map.kind.may_hold(&field.field));
    if let Some(field) = wrong {
        return Err(format!("a map of type {:?} cannot hold a {}", map.kind, field.field.type_name()));
    }
    if !map.fields.is_empty() && map.flags & (BPF_F_RDONLY_PROG | BPF_F_WRONLY_PROG) != 0 {
        return Err("a map with special fields must be readable and writable by programs".into());
    }
    Ok(())
}

/// Sizes that a kind implies.
fn complete(map: &mut MapProto) {
    let holds_descriptors = matches!(
        map.kind,
        MapKind::ProgArray
            | MapKind::PerfEventArray
            | MapKind::CgroupArray
            | MapKind::ArrayOfMaps
            | MapKind::HashOfMaps
    );
    if holds_descriptors {
        for size in [&mut map.key_size, &mut map.value_size] {
            if *size == 0 {
                *size = 4;
            }
        }
    }
}

/// Puts what `.values = { … }` holds into the maps' entries.
pub(super) fn fill_entries(reader: &mut Reader<'_>) -> Result<(), ObjectError> {
    let (Some(at), Some(btf)) =
        (reader.roles.iter().position(|&role| role == Role::Maps), reader.btf.as_ref())
    else {
        return Ok(());
    };
    let mut starts: Vec<(u64, u32)> = reader.declared.iter().map(|(&offset, &map)| (offset, map)).collect();
    starts.sort_unstable();
    let datasec = btf.find(SECTION, |ty| matches!(ty, BtfType::Datasec { .. }));
    let Some(BtfType::Datasec { vars, .. }) = datasec.and_then(|id| btf.get(id)) else { return Ok(()) };
    let mut found = Vec::new();
    for relocation in &reader.elf.sections[at].relocations {
        let (map, index) = slot(btf, vars, &starts, relocation)
            .ok_or_else(|| fail(relocation.offset, "a pointer outside of any map's `values`".into()))?;
        let value = value(reader, at, relocation).map_err(|why| fail(relocation.offset, why))?;
        found.push((map, MapInit { index, value }));
    }
    for (map, entry) in found {
        reader.maps[map as usize].entries.push(entry);
    }
    Ok(())
}

/// The map and the index in its `values` that a relocation fills.
fn slot(
    btf: &Btf,
    vars: &[opswap_bpf::btf::DatasecVar],
    starts: &[(u64, u32)],
    relocation: &Relocation,
) -> Option<(u32, u32)> {
    let after = starts.partition_point(|&(start, _)| start <= relocation.offset);
    let &(start, map) = starts.get(after.checked_sub(1)?)?;
    let var = vars.iter().find(|var| u64::from(var.offset) == start)?;
    let Some(BtfType::Var(declared)) = btf.get(var.ty) else { return None };
    let values = btf.members(declared.ty)?.iter().find(|member| member.name == "values")?;
    let inside = (relocation.offset - start).checked_sub(u64::from(values.bit_offset / 8))?;
    (inside.is_multiple_of(8)).then_some((map, u32::try_from(inside / 8).ok()?))
}

fn value(reader: &Reader<'_>, at: usize, relocation: &Relocation) -> Result<MapTarget, String> {
    if relocation.kind != R_BPF_64_ABS64 {
        return Err(format!("relocation type {}; expected 2 (R_BPF_64_ABS64)", relocation.kind));
    }
    let symbol = &reader.elf.symbols[relocation.symbol];
    let offset = usize::try_from(relocation.offset).unwrap_or(usize::MAX);
    let addend = reader.elf.sections[at].data.get(offset..).and_then(|rest| rest.first_chunk::<8>());
    let target = symbol.value.wrapping_add(addend.map_or(0, |bytes| u64::from_le_bytes(*bytes)));
    let Place::Section(section) = symbol.place else {
        return Err(format!("`{}` is not defined in this object", symbol.name));
    };
    if section == at {
        let map = reader.declared.get(&target).ok_or("expected a map, found a place between maps")?;
        return Ok(MapTarget::Map(*map as usize));
    }
    let program = reader.program_at(section, target);
    program.map(MapTarget::Program).ok_or_else(|| format!("`{}` is neither a map nor a program", symbol.name))
}
