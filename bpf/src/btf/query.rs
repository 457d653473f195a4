//! Questions about one type: what it is beneath its modifiers, how large, what it points to, how it is tagged.

use super::Btf;
use super::types::{BtfType, Func, Member, Param, Signedness};
use crate::ids::BtfId;

/// Steps that a query follows before it takes a chain for a circle. Twice the depth that validation allows, because a
/// split BTF and its base are checked one by one.
const MAX_STEPS: usize = 64;

/// An enumerator of an ENUM or ENUM64.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Enumerator<'a> {
    /// Name.
    pub name: &'a str,
    /// Value as a 64-bit pattern, extended by the enum's signedness.
    pub value: u64,
}

impl Btf {
    /// The type beneath `const`, `volatile`, `restrict`, type tags and typedefs; `void` for a circle or a missing id.
    pub fn skip_modifiers(&self, id: BtfId) -> BtfId {
        self.follow_while(id, BtfType::alias_of)
    }

    /// The type beneath `const`, `volatile`, `restrict` and type tags, typedefs kept.
    pub fn skip_qualifiers(&self, id: BtfId) -> BtfId {
        self.follow_while(id, BtfType::qualified)
    }

    /// The type beneath modifiers and arrays of any dimension: what a value consists of.
    pub fn skip_arrays(&self, id: BtfId) -> BtfId {
        self.follow_while(id, |ty| {
            if let BtfType::Array(array) = ty { Some(array.element) } else { ty.alias_of() }
        })
    }

    fn follow_while(&self, mut id: BtfId, next: impl Fn(&BtfType) -> Option<BtfId>) -> BtfId {
        for _ in 0..MAX_STEPS {
            let Some(ty) = self.get(id) else { return BtfId(0) };
            let Some(of) = next(ty) else { return id };
            id = of;
        }
        BtfId(0)
    }

    /// The type beneath modifiers; `void` for a circle or a missing id.
    pub fn resolve(&self, id: BtfId) -> &BtfType {
        self.get(self.skip_modifiers(id)).unwrap_or(&BtfType::Void)
    }

    /// Bytes of a value; `None` for `void`, functions, forward declarations, circles and anything over 4 GiB.
    pub fn size_of(&self, id: BtfId) -> Option<u32> {
        let mut count: u32 = 1;
        let mut id = id;
        for _ in 0..MAX_STEPS {
            let ty = self.resolve(id);
            if let BtfType::Array(array) = ty {
                count = count.checked_mul(array.count)?;
                id = array.element;
            } else if let BtfType::Var(var) = ty {
                id = var.ty;
            } else if matches!(ty, BtfType::Enum { size: 0, .. }) {
                return None;
            } else {
                return count.checked_mul(ty.stated_size()?);
            }
        }
        None
    }

    /// The type's own name; empty if it has none.
    pub fn name_of(&self, id: BtfId) -> &str {
        self.get(id).and_then(BtfType::name).unwrap_or_default()
    }

    /// The first id with this name whose type `is` accepts.
    pub fn find(&self, name: &str, is: impl Fn(&BtfType) -> bool) -> Option<BtfId> {
        self.ids_named(name).find(|&id| self.get(id).is_some_and(&is))
    }

    /// The STRUCT or UNION with this name.
    pub fn find_struct(&self, name: &str) -> Option<BtfId> {
        self.find(name, |ty| matches!(ty, BtfType::Struct { .. } | BtfType::Union { .. }))
    }

    /// The FUNC with this name.
    pub fn find_func(&self, name: &str) -> Option<BtfId> {
        self.find(name, |ty| matches!(ty, BtfType::Func(_)))
    }

    /// What a pointer beneath modifiers points to, with its tags and modifiers.
    pub fn pointee(&self, id: BtfId) -> Option<BtfId> {
        if let BtfType::Ptr { to } = self.resolve(id) { Some(*to) } else { None }
    }

    /// Members of a STRUCT or UNION beneath modifiers.
    pub fn members(&self, id: BtfId) -> Option<&[Member]> {
        self.resolve(id).members()
    }

    /// The FUNC with this id.
    pub fn func(&self, id: BtfId) -> Option<&Func> {
        if let BtfType::Func(func) = self.get(id)? { Some(func) } else { None }
    }

    /// Result and parameters of a FUNC, a FUNC_PROTO or a pointer to one.
    pub fn func_proto(&self, id: BtfId) -> Option<(BtfId, &[Param])> {
        let mut ty = self.resolve(id);
        if let BtfType::Ptr { to } = ty {
            ty = self.resolve(*to);
        }
        if let BtfType::Func(func) = ty {
            ty = self.resolve(func.proto);
        }
        if let BtfType::FuncProto { ret, params } = ty { Some((*ret, params)) } else { None }
    }

    /// Enumerators of an ENUM or ENUM64 beneath modifiers.
    pub fn enumerators(&self, id: BtfId) -> Option<Vec<Enumerator<'_>>> {
        let ty = self.resolve(id);
        if let BtfType::Enum { signed, values, .. } = ty {
            let extend = |value: i32| match signed {
                Signedness::Signed => i64::from(value).cast_unsigned(),
                Signedness::Unsigned => u64::from(value.cast_unsigned()),
            };
            Some(values.iter().map(|it| Enumerator { name: &it.name, value: extend(it.value) }).collect())
        } else if let BtfType::Enum64 { values, .. } = ty {
            Some(values.iter().map(|it| Enumerator { name: &it.name, value: it.value }).collect())
        } else {
            None
        }
    }

    /// Declaration tags of a whole declaration (`component` `None`), or of one of its members or parameters, in the
    /// order of their ids.
    pub fn decl_tags(&self, of: BtfId, component: Option<u32>) -> Vec<&str> {
        let mut tags = Vec::new();
        let mut at = Some(self);
        while let Some(btf) = at {
            tags.extend(btf.own_tags(of));
            at = btf.base.as_deref();
        }
        tags.iter()
            .rev()
            .filter_map(|&id| {
                let BtfType::DeclTag { name, component: tagged, .. } = self.get(id)? else { return None };
                (*tagged == component).then_some(name.as_str())
            })
            .collect()
    }

    /// Names of the functions that run when an exception ends the program of this FUNC (tag `exception_callback:NAME`).
    pub fn exception_callbacks(&self, func: BtfId) -> Vec<&str> {
        let tags = self.decl_tags(func, None).into_iter();
        tags.filter_map(|tag| tag.strip_prefix("exception_callback:")).collect()
    }

    /// Type tags between a pointer (beneath modifiers) and what it points to, outermost first.
    pub fn type_tags(&self, pointer: BtfId) -> Vec<&str> {
        let mut tags = Vec::new();
        let mut at = self.pointee(pointer);
        for _ in 0..MAX_STEPS {
            let Some(ty) = at.and_then(|id| self.get(id)) else { break };
            if let BtfType::TypeTag { name, .. } = ty {
                tags.push(name.as_str());
            }
            at = ty.qualified();
        }
        tags
    }
}
