//! Special fields of map values and of objects that programs allocate: what programs may not touch as plain bytes, found by
//! type name and tag, with the kernel's rules on where and how often they may stand.

use super::{Btf, BtfType, Member};
use crate::ids::{BtfId, TypeRef};
use crate::map::{KptrKind, MapField, SpecialField};

/// Special fields of one value (the kernel's `BTF_FIELDS_MAX`).
const MAX_FIELDS: usize = 11;
/// Structs inside each other that are searched.
const MAX_DEPTH: u32 = 8;
/// Members that are looked at before a type counts as too entangled.
const BUDGET: u32 = 1 << 16;

impl Btf {
    /// The special fields of a value type or of the variables of a DATASEC, sorted by offset.
    ///
    /// # Errors
    /// Says which rule of the kernel the type breaks: alignment, duplicates, lists and trees without lock or element type.
    pub fn special_fields(&self, value: BtfId) -> Result<Vec<MapField>, String> {
        let fields = self.find_fields(value)?;
        check_alone(&fields)?;
        for field in &fields {
            let align = alignment(&field.field);
            if !field.offset.is_multiple_of(align) {
                let (name, offset) = (field.field.type_name(), field.offset);
                return Err(format!("{name} at offset {offset}: must be aligned to {align} bytes"));
            }
        }
        let has = |wanted: fn(&SpecialField) -> bool| fields.iter().any(|field| wanted(&field.field));
        let is_root = |field: &SpecialField| field.element().is_some();
        if has(is_root) && !has(|field| matches!(field, SpecialField::SpinLock | SpecialField::ResSpinLock)) {
            return Err("a list head or tree root needs a lock in the same value".into());
        }
        let is_node = |field: &SpecialField| matches!(field, SpecialField::ListNode | SpecialField::RbNode);
        if has(|field| *field == SpecialField::ListNode)
            && has(|field| *field == SpecialField::RbNode)
            && !has(|field| *field == SpecialField::Refcount)
        {
            return Err("an object with list and tree nodes needs a bpf_refcount".into());
        }
        if has(is_node) {
            // What is owned may own, but only objects that own nothing: chains of owners end.
            for (element, _) in fields.iter().filter_map(|field| field.field.element()) {
                if self.find_fields(element)?.iter().any(|inner| is_root(&inner.field)) {
                    return Err("objects in lists and trees own each other in a circle".into());
                }
            }
        }
        Ok(fields)
    }

    fn find_fields(&self, value: BtfId) -> Result<Vec<MapField>, String> {
        let mut search = Search { btf: self, fields: Vec::new(), budget: BUDGET };
        if let Some(BtfType::Datasec { vars, .. }) = self.get(value) {
            for var in vars {
                let Some(BtfType::Var(declared)) = self.get(var.ty) else { continue };
                let tags = self.decl_tags(var.ty, None);
                search.value(declared.ty, var.offset, &tags, 0)?;
            }
        } else {
            search.value(value, 0, &[], 0)?;
        }
        search.fields.sort_by_key(|field| field.offset);
        Ok(search.fields)
    }
}

/// Locks, timers, workqueues and reference counts stand alone in a value.
fn check_alone(fields: &[MapField]) -> Result<(), String> {
    let single = |field: &SpecialField| match field {
        // Of the two kinds of lock, one in all.
        SpecialField::SpinLock | SpecialField::ResSpinLock => Some("a lock"),
        SpecialField::Timer => Some("a bpf_timer"),
        SpecialField::Workqueue => Some("a bpf_wq"),
        SpecialField::Refcount => Some("a bpf_refcount"),
        SpecialField::ListHead { .. }
        | SpecialField::ListNode
        | SpecialField::RbRoot { .. }
        | SpecialField::RbNode
        | SpecialField::Kptr { .. } => None,
    };
    for (at, field) in fields.iter().enumerate() {
        let Some(what) = single(&field.field) else { continue };
        if fields.iter().skip(at + 1).any(|other| single(&other.field) == Some(what)) {
            return Err(format!("a value has {what} more than once"));
        }
    }
    Ok(())
}

fn alignment(field: &SpecialField) -> u32 {
    match field {
        SpecialField::SpinLock | SpecialField::ResSpinLock | SpecialField::Refcount => 4,
        SpecialField::Timer
        | SpecialField::Workqueue
        | SpecialField::ListHead { .. }
        | SpecialField::ListNode
        | SpecialField::RbRoot { .. }
        | SpecialField::RbNode
        | SpecialField::Kptr { .. } => 8,
    }
}

struct Search<'a> {
    btf: &'a Btf,
    fields: Vec<MapField>,
    budget: u32,
}

impl<'a> Search<'a> {
    fn value(&mut self, ty: BtfId, offset: u32, tags: &[&str], depth: u32) -> Result<(), String> {
        let btf = self.btf;
        let element = btf.skip_arrays(ty);
        let Some(size) = btf.size_of(element).filter(|&size| size != 0) else { return Ok(()) };
        if let Some(field) = self.special(element, tags)? {
            // An array of special fields is that many of them.
            let count = btf.size_of(ty).unwrap_or(0) / size;
            for index in 0..count {
                if self.fields.len() == MAX_FIELDS {
                    return Err(format!("a value has more than {MAX_FIELDS} special fields"));
                }
                self.fields.push(MapField { offset: offset + index * size, size, field });
            }
            return Ok(());
        }
        let BtfType::Struct { members, .. } = btf.resolve(element) else { return Ok(()) };
        if depth == MAX_DEPTH {
            return Ok(());
        }
        let (first, count) = (self.fields.len(), btf.size_of(ty).unwrap_or(0) / size);
        for (at, member) in members.iter().enumerate() {
            self.budget = self.budget.checked_sub(1).ok_or("a value's type is too entangled")?;
            if !self.is_candidate(member) {
                continue;
            }
            let tags = btf.decl_tags(element, u32::try_from(at).ok());
            self.value(member.ty, offset.saturating_add(member.bit_offset / 8), &tags, depth + 1)?;
        }
        self.repeat(first, size, count)
    }

    /// What one element of an array holds, the others hold, too.
    fn repeat(&mut self, first: usize, size: u32, count: u32) -> Result<(), String> {
        let element = self.fields.get(first..).unwrap_or_default().to_vec();
        if element.is_empty() {
            return Ok(());
        }
        for index in 1..count {
            if self.fields.len() + element.len() > MAX_FIELDS {
                return Err(format!("a value has more than {MAX_FIELDS} special fields"));
            }
            let moved = |field: &MapField| MapField { offset: field.offset + index * size, ..*field };
            self.fields.extend(element.iter().map(moved));
        }
        Ok(())
    }

    /// Numbers cannot be special; most members are.
    fn is_candidate(&self, member: &Member) -> bool {
        let ty = self.btf.resolve(self.btf.skip_arrays(member.ty));
        member.bitfield_bits == 0 && matches!(ty, BtfType::Struct { .. } | BtfType::Ptr { .. })
    }

    fn special(&self, ty: BtfId, tags: &[&str]) -> Result<Option<SpecialField>, String> {
        if let BtfType::Ptr { to } = self.btf.resolve(ty) {
            return Ok(self.kptr(ty, *to));
        }
        Ok(Some(match self.btf.name_of(ty) {
            "bpf_spin_lock" => SpecialField::SpinLock,
            "bpf_res_spin_lock" => SpecialField::ResSpinLock,
            "bpf_timer" => SpecialField::Timer,
            "bpf_wq" => SpecialField::Workqueue,
            "bpf_refcount" => SpecialField::Refcount,
            "bpf_list_node" => SpecialField::ListNode,
            "bpf_rb_node" => SpecialField::RbNode,
            "bpf_list_head" => {
                let (contains, node_offset) = self.contains(tags, "bpf_list_node")?;
                SpecialField::ListHead { contains, node_offset }
            }
            "bpf_rb_root" => {
                let (contains, node_offset) = self.contains(tags, "bpf_rb_node")?;
                SpecialField::RbRoot { contains, node_offset }
            }
            _ => return Ok(None),
        }))
    }

    fn kptr(&self, pointer: BtfId, to: BtfId) -> Option<SpecialField> {
        let kind = self.btf.type_tags(pointer).into_iter().find_map(|tag| match tag {
            "kptr" => Some(KptrKind::Referenced),
            "kptr_untrusted" => Some(KptrKind::Unreferenced),
            "percpu_kptr" => Some(KptrKind::Percpu),
            "uptr" => Some(KptrKind::User),
            _ => None,
        })?;
        Some(SpecialField::Kptr { ty: TypeRef::program(self.btf.skip_modifiers(to)), kind })
    }

    /// The tag `contains:STRUCT:NODE` of a list head or tree root.
    fn contains(&self, tags: &[&'_ str], node_type: &str) -> Result<(BtfId, u32), String> {
        let tag = tags.iter().find_map(|tag| tag.strip_prefix("contains:"));
        let tag = tag.ok_or("a list head or tree root lacks the tag `contains:STRUCT:NODE`")?;
        let (owner, node) = tag
            .split_once(':')
            .ok_or_else(|| format!("tag `contains:{tag}`: expected `contains:STRUCT:NODE`"))?;
        let id = self
            .btf
            .find(owner, |ty| matches!(ty, BtfType::Struct { .. }))
            .ok_or_else(|| format!("tag `contains:{tag}`: there is no struct `{owner}`"))?;
        let members = self.btf.members(id).unwrap_or_default();
        let member = members
            .iter()
            .find(|member| {
                member.name == node && self.btf.name_of(self.btf.skip_modifiers(member.ty)) == node_type
            })
            .ok_or_else(|| {
                format!("tag `contains:{tag}`: `{owner}` has no member `struct {node_type} {node}`")
            })?;
        Ok((id, member.bit_offset / 8))
    }
}
