//! The BTF type model: all 19 kinds, as data.
//!
//! | file | owns |
//! |---|---|
//! | `types` | [`BtfType`] and its parts |
//! | `error` | [`BtfError`]: what is wrong with bytes that are no BTF, and where |
//! | `compare` | [`Mismatch`]: an object's type against the host's |

mod compare;
mod error;
mod types;

use std::collections::HashMap;
use std::sync::Arc;

pub use compare::Mismatch;
pub use error::{BtfError, BtfSection};
pub use types::{
    ArrayType, BtfType, DatasecVar, Enum64Value, EnumValue, Func, FwdKind, IntEncoding, IntType, Member,
    Param, Signedness, Var, VarLinkage,
};

use crate::ids::BtfId;

/// A BTF: types by id, with the ids of `base` in front (split BTF).
///
/// Id 0 is `void`. Ids of a split BTF begin at `base.len()`.
#[derive(Clone, Debug, Default)]
pub struct Btf {
    base: Option<Arc<Btf>>,
    types: Vec<BtfType>,
    by_name: HashMap<Box<str>, Vec<BtfId>>,
}

impl Btf {
    /// An empty BTF: `void` alone.
    pub fn new() -> Self {
        Self { base: None, types: vec![BtfType::Void], by_name: HashMap::new() }
    }

    /// An empty BTF whose ids continue those of `base`.
    pub fn split(base: Arc<Self>) -> Self {
        Self { base: Some(base), types: Vec::new(), by_name: HashMap::new() }
    }

    fn first(&self) -> usize {
        self.base.as_ref().map_or(0, |base| base.len())
    }

    /// Number of ids, `void` and the base's included.
    pub fn len(&self) -> usize {
        self.first() + self.types.len()
    }

    /// Whether there is nothing but `void`.
    pub fn is_empty(&self) -> bool {
        self.len() <= 1
    }

    /// The BTF that this one continues.
    pub fn base(&self) -> Option<&Arc<Self>> {
        self.base.as_ref()
    }

    /// The type with this id.
    pub fn get(&self, id: BtfId) -> Option<&BtfType> {
        match id.index().checked_sub(self.first()) {
            Some(own) => self.types.get(own),
            None => self.base.as_ref()?.get(id),
        }
    }

    /// Appends a type and returns its id. The ids inside need not exist yet.
    pub fn push(&mut self, ty: BtfType) -> BtfId {
        let id = BtfId(u32::try_from(self.len()).expect("BTF ids fit in 32 bits: the format allows 2^20"));
        if let Some(name) = ty.name() {
            self.by_name.entry(name.into()).or_default().push(id);
        }
        self.types.push(ty);
        id
    }

    /// Every id with this name, the base's first.
    pub fn ids_named<'a>(&'a self, name: &'a str) -> impl Iterator<Item = BtfId> + 'a {
        let base: Vec<BtfId> =
            self.base.iter().flat_map(|base| base.ids_named(name).collect::<Vec<_>>()).collect();
        base.into_iter().chain(self.by_name.get(name).into_iter().flatten().copied())
    }

    /// All ids with their types, `void` first.
    pub fn iter(&self) -> impl Iterator<Item = (BtfId, &BtfType)> {
        (0..self.len()).filter_map(|at| {
            let id = BtfId(u32::try_from(at).ok()?);
            Some((id, self.get(id)?))
        })
    }
}
