//! BTF: the type model with all 19 kinds, its file format, and the questions that loader, verifier and macros ask of it.
//!
//! | file | owns |
//! |---|---|
//! | `types` | [`BtfType`] and its parts |
//! | `class` | [`TypeClass`]: kinds that are treated alike |
//! | `kind` | the numbers of the format |
//! | `read`, `cursor` | bytes to [`Btf`], and what is wrong with them |
//! | `validate` | what the records must mean together: ids, kinds, loops, layout |
//! | `write` | [`Btf`] to bytes |
//! | `error` | [`BtfError`] |
//! | `ext` | [`BtfExt`]: functions, source lines and relocations of an object |
//! | `layout` | [`Field`]: which member lies at an offset |
//! | `query` | modifiers, sizes, pointers, prototypes, tags |
//! | `special` | locks, timers, kptrs, lists and trees in values |
//! | `c_text` | types as C |
//! | `compare` | [`Mismatch`]: an object's type against the host's |
//!
//! Invariant of a BTF that was read: every id exists and has a kind that fits its place, and neither values nor pointers
//! run in circles without a struct or a function prototype between. A BTF made with [`Btf::push`] has it once
//! [`Btf::validate`] says so; until then every query still ends, with `None` where it would run in circles.

mod c_text;
mod class;
mod compare;
mod cursor;
mod error;
mod ext;
mod kind;
mod layout;
mod query;
mod read;
mod special;
mod types;
mod validate;
mod write;

use std::collections::HashMap;
use std::hash::BuildHasher;
use std::sync::Arc;

pub use c_text::Offsets;
pub use class::TypeClass;
pub use compare::{HIDDEN_MEMBER, Mismatch, compare, compare_pointee};
pub use error::{BtfError, BtfSection};
pub use ext::{BtfExt, CoreRelo, CoreReloKind, ExtSection, FuncInfo, LineInfo};
pub use layout::{BitRange, Extent, Field, FieldStep, Overlay, WalkError};
pub use query::Enumerator;
pub use types::{
    ArrayType, BtfType, DatasecVar, Enum64Value, EnumValue, Func, FwdKind, IntEncoding, IntType, Member,
    Param, Signedness, TagForm, Var, VarLinkage,
};

use crate::hashed::{HashedMap, Keyed};
use crate::ids::BtfId;

/// A BTF: types by id, with the ids of `base` in front (split BTF).
///
/// Id 0 is `void`. Ids of a split BTF begin at `base.len()`.
#[derive(Clone, Debug)]
pub struct Btf {
    base: Option<Arc<Btf>>,
    /// The first own id.
    first: usize,
    types: Vec<BtfType>,
    /// By own index.
    chains: Vec<Chain>,
    names: NameIndex,
    /// The newest own DECL_TAG of what is not an own type, or was none when it was tagged first; [`Chain::older`] has those before it.
    far_tags: HashMap<BtfId, u32>,
    /// The own string section as it was read. A later split BTF counts its offsets from it.
    strings: Option<Arc<[u8]>>,
}

/// Own types by name: the newest id for each hash.
#[derive(Clone, Debug, Default)]
struct NameIndex {
    hasher: Keyed,
    newest: HashedMap<u32>,
}

/// How an own type is found.
#[derive(Clone, Copy, Debug)]
struct Chain {
    /// The id before it with the same hash of its name; `NO_ID` ends the chain. Of a DECL_TAG, whose text nobody looks up: the one
    /// before it on the same declaration.
    older: u32,
    /// The newest DECL_TAG on it, or `NO_ID`.
    newest_tag: u32,
}

const NO_ID: u32 = u32::MAX;

impl Default for Btf {
    fn default() -> Self {
        Self::new()
    }
}

impl PartialEq for Btf {
    /// Same types with the same ids; where they came from does not matter.
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len() && self.iter().eq(other.iter())
    }
}

impl Btf {
    /// An empty BTF: `void` alone.
    pub fn new() -> Self {
        let mut btf = Self::empty(None);
        btf.push(BtfType::Void);
        btf
    }

    /// An empty BTF whose ids continue those of `base`.
    pub fn split(base: Arc<Self>) -> Self {
        Self::empty(Some(base))
    }

    fn empty(base: Option<Arc<Self>>) -> Self {
        Self {
            first: base.as_ref().map_or(0, |base| base.len()),
            base,
            types: Vec::new(),
            chains: Vec::new(),
            names: NameIndex::default(),
            far_tags: HashMap::new(),
            strings: None,
        }
    }

    /// Number of ids, `void` and the base's included.
    pub fn len(&self) -> usize {
        self.first + self.types.len()
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
        match id.index().checked_sub(self.first) {
            Some(own) => self.types.get(own),
            None => self.base.as_ref()?.get(id),
        }
    }

    /// Makes room for so many more types, of which so many have names that are looked up (tags have none).
    pub fn reserve(&mut self, types: usize, named: usize) {
        self.types.reserve(types);
        self.chains.reserve(types);
        self.names.newest.reserve(named);
    }

    fn chain(&self, id: u32) -> Option<&Chain> {
        self.chains.get((id as usize).checked_sub(self.first)?)
    }

    /// Own DECL_TAGs of `of`, newest first.
    fn own_tags(&self, of: BtfId) -> impl Iterator<Item = BtfId> + '_ {
        let near = self.chain(of.0).map(|chain| chain.newest_tag).filter(|&id| id != NO_ID);
        let newest = near.or_else(|| self.far_tags.get(&of).copied());
        let tags = std::iter::successors(newest, |&id| Some(self.chain(id)?.older));
        tags.take_while(|&id| id != NO_ID).map(BtfId)
    }

    /// Appends a type and returns its id. The ids inside need not exist yet.
    ///
    /// # Panics
    /// Beyond 2^32 types; the format allows 2^20.
    pub fn push(&mut self, ty: BtfType) -> BtfId {
        let id = BtfId(u32::try_from(self.len()).expect("BTF ids fit in 32 bits: the format allows 2^20"));
        let older = if let BtfType::DeclTag { of, .. } = &ty {
            self.hang(*of, id.0)
        } else {
            ty.name().and_then(|name| self.names.newest.insert(self.names.hasher.hash_one(name), id.0))
        };
        self.chains.push(Chain { older: older.unwrap_or(NO_ID), newest_tag: NO_ID });
        self.types.push(ty);
        self.strings = None;
        id
    }

    /// Makes a tag the newest on `of`; gives the one before it.
    fn hang(&mut self, of: BtfId, tag: u32) -> Option<u32> {
        let first = self.first;
        match of.index().checked_sub(first).and_then(|own| self.chains.get_mut(own)) {
            Some(chain) => {
                let older = std::mem::replace(&mut chain.newest_tag, tag);
                if older == NO_ID { self.far_tags.get(&of).copied() } else { Some(older) }
            }
            None => self.far_tags.insert(of, tag),
        }
    }

    /// Puts the definition of a type in the place of its forward declaration.
    ///
    /// Returns whether `id` was a FWD of this BTF (and not of its base) with the name of `ty`.
    pub fn define(&mut self, id: BtfId, ty: BtfType) -> bool {
        let own = id.index().checked_sub(self.first);
        match own.and_then(|own| self.types.get_mut(own)) {
            Some(place @ BtfType::Fwd { .. }) if place.name() == ty.name() => {
                *place = ty;
                self.strings = None;
                true
            }
            Some(_) | None => false,
        }
    }

    /// Fills in size and variables of a DATASEC: compilers leave them to the loader.
    ///
    /// Returns whether `id` was a DATASEC of this BTF (and not of its base).
    pub fn complete_datasec(&mut self, id: BtfId, size: u32, vars: Vec<DatasecVar>) -> bool {
        let own = id.index().checked_sub(self.first);
        match own.and_then(|own| self.types.get_mut(own)) {
            Some(BtfType::Datasec { size: old_size, vars: old_vars, .. }) => {
                (*old_size, *old_vars) = (size, vars);
                true
            }
            Some(_) | None => false,
        }
    }

    /// Every id with this name, in ascending order.
    pub fn ids_named<'a>(&'a self, name: &'a str) -> impl Iterator<Item = BtfId> + 'a {
        let mut ids = Vec::new();
        let mut at = Some(self);
        while let Some(btf) = at {
            btf.own_ids_named(name, &mut ids);
            at = btf.base.as_deref();
        }
        ids.into_iter().rev()
    }

    /// Appends own ids with this name, newest first.
    fn own_ids_named(&self, name: &str, ids: &mut Vec<BtfId>) {
        let mut next = self.names.newest.get(&self.names.hasher.hash_one(name)).copied();
        while let Some(id) = next.filter(|&id| id != NO_ID) {
            if self.get(BtfId(id)).and_then(BtfType::name) == Some(name) {
                ids.push(BtfId(id));
            }
            next = self.chain(id).map(|chain| chain.older);
        }
    }

    /// All ids with their types, `void` first.
    pub fn iter(&self) -> impl Iterator<Item = (BtfId, &BtfType)> {
        (0..self.len()).filter_map(|at| {
            let id = BtfId(u32::try_from(at).ok()?);
            Some((id, self.get(id)?))
        })
    }
}
