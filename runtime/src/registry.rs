//! [`Registry`]: everything that the linked crates declared, in a fixed order, as contracts, addresses and one BTF.
//!
//! The records come from link-time slices ([`linkme`] is named here and in its re-export for the macros alone). Their order in the
//! binary means nothing: kfuncs and tables are numbered by name, types by name, so the same sources always give the same registry.
//!
//! | file | owns |
//! |---|---|
//! | `error` | [`RegistryError`] |
//! | `types` | declared types as BTF, and what programs may do with their fields |
//! | `contract` | arguments and results of declarations as contracts |
//! | `functions` | kfuncs: BTF and [`KfuncProto`] |
//! | `raw_ownership` | who takes back what raw kfuncs hand out |
//! | `tables` | tables of operations: BTF and [`StructOpsProto`] |
//! | `ops` | arguments of operations |
//! | `available` | which programs may call a kfunc |
//! | `composed` | texts of tags, each composed once |
//! | `tags`, `interface` | contracts as BTF decl tags, and registries read from interface files |
//! | `host` | the answers to the verifier and to the loader |
//! | `near` | the most similar name |

mod available;
mod composed;
mod contract;
mod error;
mod functions;
mod host;
mod interface;
pub(crate) mod near;
mod ops;
mod raw_ownership;
mod tables;
mod tags;
mod types;

pub use error::{BinaryError, RegistryError};
pub use interface::InterfaceError;

use std::collections::HashMap;
use std::sync::Arc;

use opswap_bpf::proto::{FieldPolicy, KfuncProto, MemAccess, StructOpsProto};
use opswap_bpf::{Btf, BtfId, KfuncId, OpIdx, Text, TypeRef};
use opswap_jit::CodeAddr;

use crate::declare::{DiskRecords, KfuncDecl, Linked, Place, StructOpsDecl, TypeDecl, TypeKey};
use crate::initcall::{self, RegisteredSet};
use crate::module::loaded::{self, Loaded, Owner};

use available::Availability;
use raw_ownership::{Destructors, RawOwnership};

/// Every `#[kfunc]` of the program.
#[doc(hidden)]
#[linkme::distributed_slice]
pub static OPSWAP_KFUNCS: [Linked<KfuncDecl>];

/// Every `#[struct_ops]` of the program.
#[doc(hidden)]
#[linkme::distributed_slice]
pub static OPSWAP_STRUCT_OPS: [Linked<StructOpsDecl>];

/// Every `#[derive(Btf)]` of the program.
#[doc(hidden)]
#[linkme::distributed_slice]
pub static OPSWAP_TYPES: [Linked<TypeDecl>];

/// The declarations from which a registry is made, in any order.
#[derive(Clone, Copy, Debug)]
pub struct Records<'r> {
    /// Functions.
    pub kfuncs: &'r [KfuncDecl],
    /// Tables of operations.
    pub tables: &'r [StructOpsDecl],
    /// Types.
    pub types: &'r [TypeDecl],
}

impl Records<'static> {
    /// What was linked into this program.
    pub fn linked() -> Self {
        Self {
            kfuncs: Linked::records(&OPSWAP_KFUNCS),
            tables: Linked::records(&OPSWAP_STRUCT_OPS),
            types: Linked::records(&OPSWAP_TYPES),
        }
    }
}

/// A declared kfunc.
#[derive(Clone, Debug)]
pub struct Kfunc {
    /// Its contract.
    pub proto: Arc<KfuncProto>,
    /// Doc comment; may be empty.
    pub doc: Text,
    /// Why programs should no longer use it; empty when they may.
    pub deprecated: Text,
    /// `None` unless it was linked into this program.
    addr: Option<CodeAddr>,
    available: Availability,
    owner: Owner,
}

impl Kfunc {
    /// Names of the sets that it is in.
    pub fn sets(&self) -> Vec<&str> {
        self.available.sets()
    }

    /// The kinds of programs that may call it (`struct_ops`, a table's name, the first part of a section's name), sorted;
    /// `None` for all. A filter may refuse more.
    pub fn programs(&self) -> Option<Vec<&str>> {
        self.available.programs()
    }

    /// The module that declares it; `None` for the application.
    pub fn module(&self) -> Option<&str> {
        self.owner.name()
    }

    /// Whose it is.
    pub(crate) fn owner(&self) -> &Owner {
        &self.owner
    }
}

/// A declared table of operations.
#[derive(Clone, Debug)]
pub struct Table {
    /// Its contract.
    pub proto: Arc<StructOpsProto>,
    /// Doc comment; may be empty.
    pub doc: String,
    owner: Owner,
    slices: Slices,
}

/// What programs may do with the slices that operations are given, by operation.
type Slices = Vec<(OpIdx, MemAccess)>;

impl Table {
    /// The module that declares it; `None` for the application.
    pub fn module(&self) -> Option<&str> {
        self.owner.name()
    }

    /// Whose it is.
    pub(crate) fn owner(&self) -> &Owner {
        &self.owner
    }
}

/// Whether declarations are those of the running program.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Origin {
    /// They were linked into it.
    Linked,
    /// They were read or made: they may say of the program's types what is not so.
    Elsewhere,
}

/// Everything that was declared. Cheap to share, never changes.
#[derive(Debug)]
pub struct Registry {
    btf: Arc<Btf>,
    /// INVARIANT 1: sorted by name, names unique; [`KfuncId`] is the index.
    kfuncs: Vec<Kfunc>,
    /// INVARIANT 2: sorted by name, names unique.
    tables: Vec<Table>,
    policies: HashMap<BtfId, Vec<FieldPolicy>>,
    origin: Origin,
    /// Ids at which each module's own types end; the first entry is the application.
    ends: Vec<usize>,
    /// INVARIANT 3: the shims of raw destructors of this program, by the type that they destroy; empty unless it can be called.
    destructors: Destructors,
}

/// Declarations of one origin.
struct Part<'r> {
    owner: Owner,
    records: Records<'r>,
    /// What its initcalls registered.
    sets: &'r [RegisteredSet],
}

impl Registry {
    /// Everything that was linked into this program, and what the loaded modules declare. The first time, initcalls run.
    ///
    /// # Errors
    /// Two declarations contradict each other (both places are named), or an initcall failed.
    pub fn collect() -> Result<Self, RegistryError> {
        Self::collect_with(&loaded::all())
    }

    /// Everything that was linked into this program, and what these modules declare.
    pub(crate) fn collect_with(modules: &[Arc<Loaded>]) -> Result<Self, RegistryError> {
        let sets = initcall::registered().map_err(|problem| RegistryError::Initcall { problem })?;
        let application = Part { owner: Owner::default(), records: Records::linked(), sets };
        let modules = modules.iter().map(|module| Part {
            owner: Owner::module(module),
            records: module.records,
            sets: &module.sets,
        });
        let registry = Self::of_parts([application].into_iter().chain(modules))?;
        Ok(Self { origin: Origin::Linked, ..registry })
    }

    /// Whether these are the running program's own declarations.
    pub(crate) fn origin(&self) -> Origin {
        self.origin
    }

    /// A registry of these declarations. Nobody vouches for them, so nothing in it can be called.
    ///
    /// # Errors
    /// Two declarations contradict each other, or one cannot be expressed; the places are named.
    pub fn new(records: Records<'_>) -> Result<Self, RegistryError> {
        let mut registry = Self::of_parts([Part { owner: Owner::default(), records, sets: &[] }])?;
        registry.kfuncs.iter_mut().for_each(|kfunc| kfunc.addr = None);
        registry.destructors.clear();
        Ok(registry)
    }

    /// One part after the other, so that the types of each continue those before it. What a part declares at the place where an
    /// earlier one declares the same (one crate is linked into both) is the earlier one's.
    fn of_parts<'r>(parts: impl IntoIterator<Item = Part<'r>>) -> Result<Self, RegistryError> {
        let mut types = types::Types::default();
        let mut declared = (Declared::new("kfunc"), Declared::new("struct_ops"));
        let (mut kfuncs, mut tables) = (Vec::new(), Vec::new());
        let mut ends = Vec::new();
        let mut raw = RawOwnership::default();
        for part in parts {
            types.declare(part.records.types)?;
            types.expect(part.records.kfuncs.len());
            let own = declared.0.add(part.records.kfuncs, |decl| (decl.name, decl.place))?;
            functions::lower(own, &part, &mut types, &mut kfuncs, &mut raw)?;
            let own = declared.1.add(part.records.tables, |decl| (decl.name, decl.place))?;
            tables.extend(tables::lower(own, &part.owner, &mut types)?);
            ends.push(types.len());
        }
        // Each part is in order.
        if ends.len() > 1 {
            kfuncs.sort_by(|a: &Kfunc, b| a.proto.name.cmp(&b.proto.name));
            tables.sort_by(|a: &Table, b| a.proto.name.cmp(&b.proto.name));
        }
        let (btf, policies) = types.finish();
        let destructors = raw.finish()?;
        Ok(Self {
            btf: Arc::new(btf),
            kfuncs,
            tables,
            policies,
            origin: Origin::Elsewhere,
            ends,
            destructors,
        })
    }

    /// The types of the first module, continuing those of the application.
    pub(crate) fn split_btf(&self) -> Btf {
        let end = |part: usize| self.ends.get(part).copied().unwrap_or(self.btf.len());
        let mut base = Btf::new();
        let types =
            |from: usize, to: usize| self.btf.iter().skip(from).take(to - from).map(|(_, ty)| ty.clone());
        types(1, end(0)).for_each(|ty| {
            base.push(ty);
        });
        let mut split = Btf::split(Arc::new(base));
        types(end(0), end(1)).for_each(|ty| {
            split.push(ty);
        });
        split
    }

    /// What a built binary declares, read from its file without running it. Nothing in it can be called, and a kfunc with a
    /// filter may be used by no program, as the filter is code.
    ///
    /// # Errors
    /// The file is no binary that declares anything, or its declarations contradict each other.
    pub fn from_binary(bytes: &[u8]) -> Result<Self, BinaryError> {
        let records = DiskRecords::read(bytes)?;
        let records = Records { kfuncs: &records.kfuncs, tables: &records.tables, types: &records.types };
        Ok(Self::new(records)?)
    }

    /// The types of everything, as one BTF.
    pub fn btf(&self) -> &Arc<Btf> {
        &self.btf
    }

    /// All kfuncs by name; the index is the [`KfuncId`].
    pub fn kfuncs(&self) -> &[Kfunc] {
        &self.kfuncs
    }

    /// All tables by name.
    pub fn tables(&self) -> &[Table] {
        &self.tables
    }

    /// The kfunc with this name.
    pub fn kfunc_named(&self, name: &str) -> Option<KfuncId> {
        let at = self.kfuncs.binary_search_by(|kfunc| kfunc.proto.name.as_str().cmp(name)).ok()?;
        u32::try_from(at).ok().map(KfuncId)
    }

    /// The kfunc that destroys a reference to this type where a map is left with one (`#[kfunc(dtor)]`).
    pub fn destructor(&self, ty: TypeRef) -> Option<KfuncId> {
        let at = self.kfuncs.iter().position(|kfunc| functions::destroys(&kfunc.proto) == Some(ty))?;
        u32::try_from(at).ok().map(KfuncId)
    }

    /// The shim that takes back what a raw kfunc handed out, where a run ends early.
    pub(crate) fn raw_destructor(&self, ty: TypeKey) -> Option<CodeAddr> {
        self.destructors.get(&ty).copied()
    }

    /// What compiled code calls; `None` for unknown ids and for a registry that was read from a file.
    pub fn kfunc_addr(&self, id: KfuncId) -> Option<CodeAddr> {
        self.kfuncs.get(id.index()).and_then(|kfunc| kfunc.addr)
    }

    /// The table with this name.
    pub fn struct_ops_named(&self, name: &str) -> Option<&Arc<StructOpsProto>> {
        let at = self.tables.binary_search_by(|table| table.proto.name.as_str().cmp(name)).ok()?;
        self.tables.get(at).map(|table| &table.proto)
    }
}

/// Declarations of one kind, of all parts.
struct Declared<'r, D> {
    what: &'static str,
    /// By part, each sorted by name.
    parts: Vec<Vec<&'r D>>,
}

impl<'r, D> Declared<'r, D> {
    fn new(what: &'static str) -> Self {
        Self { what, parts: Vec::new() }
    }

    /// The declarations of another part, sorted by name, without those that an earlier part has from the same place.
    fn add(
        &mut self,
        records: &'r [D],
        name: impl Fn(&D) -> (&'static str, Place) + Copy,
    ) -> Result<&[&'r D], RegistryError> {
        let mut own = sorted_by_name(self.what, records, name)?;
        let mut twice = None;
        own.retain(|decl| {
            let (word, place) = name(decl);
            let earlier = self.parts.iter().find_map(|part| {
                let at = part.binary_search_by(|other| name(other).0.cmp(word)).ok()?;
                Some(name(part[at]).1)
            });
            if earlier.is_some_and(|first| first != place) {
                twice = twice.or(earlier.map(|first| (word, first, place)));
            }
            earlier.is_none()
        });
        if let Some((name, first, second)) = twice {
            return Err(RegistryError::Duplicate { what: self.what, name: name.to_owned(), first, second });
        }
        self.parts.push(own);
        Ok(self.parts.last().map_or(&[], Vec::as_slice))
    }
}

/// Sorts declarations by name and refuses two of one name.
fn sorted_by_name<'r, D>(
    what: &'static str,
    records: &'r [D],
    name: impl Fn(&D) -> (&'static str, Place),
) -> Result<Vec<&'r D>, RegistryError> {
    let whole = |record: &D| {
        let (name, place) = name(record);
        (name, place.tag, place.line, place.column)
    };
    // Most comparisons end at the first eight bytes, which lie here: the records themselves are all over the binary.
    let mut sorted: Vec<(u64, &D)> =
        records.iter().map(|record| (beginning(name(record).0), record)).collect();
    sorted.sort_unstable_by(|a, b| a.0.cmp(&b.0).then_with(|| whole(a.1).cmp(&whole(b.1))));
    for pair in sorted.windows(2).filter(|pair| pair[0].0 == pair[1].0) {
        let ((first_name, first), (second_name, second)) = (name(pair[0].1), name(pair[1].1));
        if first_name == second_name {
            return Err(RegistryError::Duplicate { what, name: first_name.to_owned(), first, second });
        }
    }
    Ok(sorted.into_iter().map(|(_, record)| record).collect())
}

/// The first eight bytes of a name as a number that sorts as they do; a shorter name ends in zeros.
fn beginning(name: &str) -> u64 {
    let mut first = [0; 8];
    let len = name.len().min(first.len());
    first[..len].copy_from_slice(&name.as_bytes()[..len]);
    u64::from_be_bytes(first)
}

#[cfg(test)]
mod tests;
