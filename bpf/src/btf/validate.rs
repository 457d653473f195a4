//! What records must mean together: ids that exist and fit their place, no circles, members that lie inside.

use super::Btf;
use super::class::TypeClass;
use super::error::BtfError;
use super::kind::MAX_DEPTH;
use super::types::{ArrayType, BtfType, Member, Param};
use crate::ids::BtfId;

impl Btf {
    /// Checks the own types (the base is taken as checked).
    ///
    /// # Errors
    /// Names the first type that refers to a missing or unfitting one, contains itself, lies more than 32 types deep,
    /// or has parts outside its size.
    pub fn validate(&self) -> Result<(), BtfError> {
        for id in self.own_ids() {
            self.check_references(id).map_err(|reason| self.type_error(id, reason))?;
        }
        self.check_chains()?;
        self.check_containment()?;
        for id in self.own_ids() {
            self.check_layout(id).map_err(|reason| self.type_error(id, reason))?;
        }
        Ok(())
    }

    fn own_ids(&self) -> impl Iterator<Item = BtfId> + use<> {
        (self.first..self.len()).filter_map(|at| u32::try_from(at).ok().map(BtfId))
    }

    fn type_error(&self, id: BtfId, reason: String) -> BtfError {
        let ty = self.get(id);
        BtfError::Type {
            id,
            kind: ty.map_or("void", BtfType::kind_word),
            name: ty.and_then(BtfType::name).unwrap_or_default().into(),
            offset: self.record_offset(id),
            reason,
        }
    }

    /// What `id` refers to must exist and be something that has a place there.
    fn check_references(&self, id: BtfId) -> Result<(), String> {
        let Some(ty) = self.get(id) else { return Ok(()) };
        if let Some(of) = ty.made_of().filter(|_| ty.class() != TypeClass::Array) {
            return self.expect_type(of);
        }
        if let Some(members) = ty.members() {
            let check = |member: &Member| {
                self.expect_type(member.ty).map_err(|why| format!("member `{}`: {why}", member.name))
            };
            return members.iter().try_for_each(check);
        }
        if let BtfType::Array(array) = ty {
            self.check_array(array)
        } else if let BtfType::FuncProto { ret, params } = ty {
            self.expect_type(*ret).map_err(|why| format!("return type: {why}"))?;
            self.check_params(params)
        } else if ty.class() == TypeClass::Void && id.0 != 0 {
            Err("`void` is id 0 alone".into())
        } else {
            self.check_declaration(ty)
        }
    }

    /// What a declaration refers to; any other type that comes here refers to nothing.
    fn check_declaration(&self, ty: &BtfType) -> Result<(), String> {
        if let BtfType::Func(func) = ty {
            match self.get(func.proto) {
                Some(BtfType::FuncProto { .. }) => Ok(()),
                other => Err(format!("expected a FUNC_PROTO as {}, found {}", func.proto, describe(other))),
            }
        } else if let BtfType::Var(var) = ty {
            self.expect_type(var.ty)
        } else if let BtfType::Datasec { vars, .. } = ty {
            vars.iter().try_for_each(|var| match self.get(var.ty) {
                Some(BtfType::Var(_) | BtfType::Func(_)) => Ok(()),
                other => Err(format!("expected a VAR or FUNC as {}, found {}", var.ty, describe(other))),
            })
        } else if let BtfType::DeclTag { of, component, .. } = ty {
            self.check_decl_tag(*of, *component)
        } else {
            Ok(())
        }
    }

    /// A type of values, `void` included.
    fn expect_type(&self, id: BtfId) -> Result<(), String> {
        match self.get(id) {
            None => Err(format!("{id} does not exist: ids end at {}", self.len() - 1)),
            Some(other) if other.class() == TypeClass::Declaration => {
                Err(format!("expected a type as {id}, found {}", describe(Some(other))))
            }
            Some(_) => Ok(()),
        }
    }

    fn check_array(&self, array: &ArrayType) -> Result<(), String> {
        self.expect_type(array.element).map_err(|why| format!("element: {why}"))?;
        match self.get(self.skip_modifiers(array.index)) {
            Some(BtfType::Int(_)) => Ok(()),
            other => Err(format!("expected an INT as index {}, found {}", array.index, describe(other))),
        }
    }

    fn check_params(&self, params: &[Param]) -> Result<(), String> {
        for (at, param) in params.iter().enumerate() {
            let variadic = param.ty.0 == 0 && param.name.is_empty() && at + 1 == params.len();
            if param.ty.0 == 0 && !variadic {
                return Err(format!("parameter {at} `{}` is void", param.name));
            }
            self.expect_type(param.ty).map_err(|why| format!("parameter {at} `{}`: {why}", param.name))?;
        }
        Ok(())
    }

    fn check_decl_tag(&self, of: BtfId, component: Option<u32>) -> Result<(), String> {
        let parts = match self.get(of) {
            Some(BtfType::Struct { members, .. } | BtfType::Union { members, .. }) => members.len(),
            Some(BtfType::Func(func)) => match self.get(func.proto) {
                Some(BtfType::FuncProto { params, .. }) => params.len(),
                Some(_) | None => 0,
            },
            Some(BtfType::Var(_) | BtfType::Typedef { .. }) => 0,
            other => return Err(format!("{of}, {}, cannot carry a tag", describe(other))),
        };
        match component {
            Some(component) if component as usize >= parts => {
                Err(format!("component {component} does not exist: {of} has {parts}"))
            }
            Some(_) | None => Ok(()),
        }
    }

    /// Modifiers, arrays and pointers may not run in circles or deeper than [`MAX_DEPTH`].
    fn check_chains(&self) -> Result<(), BtfError> {
        let mut depth = vec![0u8; self.types.len()];
        let mut path = Vec::new();
        for start in self.own_ids() {
            path.clear();
            let mut below = 0;
            let mut at = start;
            while let Some(next) = self.get(at).and_then(BtfType::made_of) {
                let Some(own) = at.index().checked_sub(self.first) else { break };
                if depth[own] != 0 {
                    below = depth[own];
                    break;
                }
                if path.contains(&own) {
                    return Err(self.type_error(start, format!("runs in a circle through {at}")));
                }
                if path.len() >= usize::from(MAX_DEPTH) {
                    return Err(self.type_error(start, too_deep()));
                }
                path.push(own);
                at = next;
            }
            for &own in path.iter().rev() {
                below += 1;
                depth[own] = below;
            }
            if below > MAX_DEPTH {
                return Err(self.type_error(start, too_deep()));
            }
        }
        Ok(())
    }

    /// No struct may contain itself by value, nor nest deeper than [`MAX_DEPTH`].
    fn check_containment(&self) -> Result<(), BtfError> {
        // Per own type: 0 unseen, ON_PATH, or 1 + the height of what it contains.
        const ON_PATH: u8 = u8::MAX;
        let mut height = vec![0u8; self.types.len()];
        let mut path: Vec<Visit> = Vec::new();
        for start in self.own_ids() {
            let own = start.index() - self.first;
            if height[own] != 0 || self.members(start).is_none() {
                continue;
            }
            height[own] = ON_PATH;
            path.push(Visit { id: start, next: 0, below: 0 });
            loop {
                let full = path.len() >= usize::from(MAX_DEPTH);
                let Some(visit) = path.last_mut() else { break };
                let id = visit.id;
                let Some(member) = self.members(id).and_then(|members| members.get(visit.next)) else {
                    let done = visit.below + 1;
                    height[id.index() - self.first] = done;
                    path.pop();
                    if let Some(parent) = path.last_mut() {
                        parent.below = parent.below.max(done);
                    }
                    if done > MAX_DEPTH {
                        return Err(self.type_error(id, too_deep()));
                    }
                    continue;
                };
                visit.next += 1;
                let inner = self.skip_arrays(member.ty);
                if self.members(inner).is_none() {
                    continue;
                }
                let Some(own) = inner.index().checked_sub(self.first) else { continue };
                match height[own] {
                    0 if full => {
                        return Err(self.type_error(start, too_deep()));
                    }
                    0 => {
                        height[own] = ON_PATH;
                        path.push(Visit { id: inner, next: 0, below: 0 });
                    }
                    ON_PATH => {
                        let reason = format!("member `{}` contains {id} itself", member.name);
                        return Err(self.type_error(id, reason));
                    }
                    known => visit.below = visit.below.max(known),
                }
            }
        }
        Ok(())
    }

    fn check_layout(&self, id: BtfId) -> Result<(), String> {
        let Some(ty) = self.get(id) else { return Ok(()) };
        if let BtfType::Int(int) = ty {
            let used = u32::from(int.bit_offset) + u32::from(int.bits);
            if int.size > 16 || used > int.size * 8 {
                return Err(format!("{used} bits in {} bytes; at most 16 bytes, and bits within", int.size));
            }
        } else if let BtfType::Enum { size, .. } | BtfType::Enum64 { size, .. } = ty {
            // `enum NAME;` alone has neither values nor a size.
            let alone = matches!(ty, BtfType::Enum { size: 0, values, .. } if values.is_empty());
            if !alone && !matches!(size, 1 | 2 | 4 | 8) {
                return Err(format!("size is {size}; expected 1, 2, 4 or 8"));
            }
        } else if let BtfType::Float { size, .. } = ty {
            if !matches!(size, 2 | 4 | 8 | 12 | 16) {
                return Err(format!("size is {size}; expected 2, 4, 8, 12 or 16"));
            }
        } else if let BtfType::Array(_) = ty {
            self.size_of(id).ok_or("its element has no size, or it is larger than 4 GiB")?;
        } else if let BtfType::Struct { size, members, .. } | BtfType::Union { size, members, .. } = ty {
            let union = matches!(ty, BtfType::Union { .. });
            if let Some(member) = members.iter().find(|member| union && member.bit_offset != 0) {
                return Err(format!("union member `{}` is at bit {}", member.name, member.bit_offset));
            }
            members.iter().try_for_each(|member| self.check_member(*size, member))?;
        } else if let BtfType::Datasec { size, vars, .. } = ty {
            // Compilers leave the section's size 0 and its offsets to the loader.
            let outside = |offset: u32, bytes: u32| offset.checked_add(bytes).is_none_or(|end| end > *size);
            if let Some(var) = vars.iter().find(|var| *size != 0 && outside(var.offset, var.size)) {
                return Err(format!("{} at {:#x} lies outside its {size} bytes", var.ty, var.offset));
            }
        }
        Ok(())
    }

    fn check_member(&self, size: u32, member: &Member) -> Result<(), String> {
        let name = &member.name;
        let bytes = self.size_of(member.ty).ok_or_else(|| {
            format!("member `{name}`: {} has no size", describe(self.get(self.skip_modifiers(member.ty))))
        })?;
        let resolved = self.get(self.skip_modifiers(member.ty));
        let mut bits = u64::from(bytes) * 8;
        if member.bitfield_bits != 0 {
            if u64::from(member.bitfield_bits) > bits {
                return Err(format!("member `{name}`: {} bits of a {bytes}-byte type", member.bitfield_bits));
            }
            if !resolved.is_some_and(BtfType::is_number) {
                return Err(format!("member `{name}`: {} cannot be a bitfield", describe(resolved)));
            }
            bits = u64::from(member.bitfield_bits);
        } else if let Some(BtfType::Int(int)) = resolved
            && u64::from(int.bits) < bits
        {
            // Bitfields before kind_flag: the INT itself says which bits.
            bits = u64::from(int.bit_offset) + u64::from(int.bits);
        } else if !member.bit_offset.is_multiple_of(8) {
            return Err(format!("member `{name}` begins at bit {}, within a byte", member.bit_offset));
        }
        if u64::from(member.bit_offset) + bits > u64::from(size) * 8 {
            let at = member.bit_offset / 8;
            return Err(format!("member `{name}` at byte {at} ends after the {size} bytes of its owner"));
        }
        Ok(())
    }
}

/// A struct on the path of the containment walk.
struct Visit {
    id: BtfId,
    /// Next member to look at.
    next: usize,
    /// Greatest height of the members so far.
    below: u8,
}

fn too_deep() -> String {
    format!("is more than {MAX_DEPTH} types deep")
}

fn describe(ty: Option<&BtfType>) -> String {
    match ty {
        None => "nothing".into(),
        Some(ty) => match ty.name() {
            Some(name) => format!("{} `{name}`", ty.kind_word()),
            None => ty.kind_word().into(),
        },
    }
}
