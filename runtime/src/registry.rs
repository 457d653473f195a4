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
//! | `tables` | tables of operations: BTF and [`StructOpsProto`] |
//! | `available` | which programs may call a kfunc |
//! | `tags`, `interface` | contracts as BTF decl tags, and registries read from interface files |
//! | `host` | the answers to the verifier and to the loader |
//! | `near` | the most similar name |

mod available;
mod contract;
mod error;
mod functions;
mod host;
mod interface;
mod near;
mod tables;
mod tags;
mod types;

pub use error::{BinaryError, RegistryError};
pub use interface::InterfaceError;

use std::collections::HashMap;
use std::sync::Arc;

use opswap_bpf::proto::{FieldPolicy, KfuncProto, StructOpsProto};
use opswap_bpf::{Btf, BtfId, KfuncId};
use opswap_jit::CodeAddr;

use crate::declare::{DiskRecords, KfuncDecl, Place, StructOpsDecl, TypeDecl};

use available::Availability;

/// Every `#[kfunc]` of the program.
#[doc(hidden)]
#[linkme::distributed_slice]
pub static OPSWAP_KFUNCS: [KfuncDecl];

/// Every `#[struct_ops]` of the program.
#[doc(hidden)]
#[linkme::distributed_slice]
pub static OPSWAP_STRUCT_OPS: [StructOpsDecl];

/// Every `#[derive(Btf)]` of the program.
#[doc(hidden)]
#[linkme::distributed_slice]
pub static OPSWAP_TYPES: [TypeDecl];

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
        Self { kfuncs: &OPSWAP_KFUNCS, tables: &OPSWAP_STRUCT_OPS, types: &OPSWAP_TYPES }
    }
}

/// A declared kfunc.
#[derive(Clone, Debug)]
pub struct Kfunc {
    /// Its contract.
    pub proto: Arc<KfuncProto>,
    /// Doc comment; may be empty.
    pub doc: String,
    /// Why programs should no longer use it; empty when they may.
    pub deprecated: String,
    /// `None` when it was read from a file.
    addr: Option<CodeAddr>,
    available: Availability,
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
}

/// A declared table of operations.
#[derive(Clone, Debug)]
pub struct Table {
    /// Its contract.
    pub proto: Arc<StructOpsProto>,
    /// Doc comment; may be empty.
    pub doc: String,
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
}

impl Registry {
    /// Everything that was linked into this program.
    ///
    /// # Errors
    /// Two declarations contradict each other; both places are named.
    pub fn collect() -> Result<Self, RegistryError> {
        let registry = Self::new(Records::linked())?;
        Ok(Self { origin: Origin::Linked, ..registry })
    }

    /// Whether these are the running program's own declarations.
    pub(crate) fn origin(&self) -> Origin {
        self.origin
    }

    /// A registry of these declarations.
    ///
    /// # Errors
    /// Two declarations contradict each other, or one cannot be expressed; the places are named.
    pub fn new(records: Records<'_>) -> Result<Self, RegistryError> {
        let mut types = types::Types::new(records.types)?;
        let kfuncs = functions::lower(records.kfuncs, &mut types)?;
        let tables = tables::lower(records.tables, &mut types)?;
        let (btf, policies) = types.finish();
        Ok(Self { btf: Arc::new(btf), kfuncs, tables, policies, origin: Origin::Elsewhere })
    }

    /// What a built binary declares, read from its file without running it. Nothing in it can be called, and a kfunc with a
    /// filter may be used by no program, as the filter is code.
    ///
    /// # Errors
    /// The file is no binary that declares anything, or its declarations contradict each other.
    pub fn from_binary(bytes: &[u8]) -> Result<Self, BinaryError> {
        let records = DiskRecords::read(bytes)?;
        let mut registry =
            Self::new(Records { kfuncs: &records.kfuncs, tables: &records.tables, types: &records.types })?;
        registry.kfuncs.iter_mut().for_each(|kfunc| kfunc.addr = None);
        Ok(registry)
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

/// Sorts declarations by name and refuses two of one name.
fn sorted_by_name<'r, D>(
    what: &'static str,
    records: &'r [D],
    name: impl Fn(&D) -> (&'static str, Place),
) -> Result<Vec<&'r D>, RegistryError> {
    let mut sorted: Vec<&D> = records.iter().collect();
    sorted.sort_by_key(|record| {
        let (name, place) = name(record);
        (name, place.file, place.line, place.column)
    });
    for pair in sorted.windows(2) {
        let ((first_name, first), (second_name, second)) = (name(pair[0]), name(pair[1]));
        if first_name == second_name {
            return Err(RegistryError::Duplicate { what, name: first_name.to_owned(), first, second });
        }
    }
    Ok(sorted)
}

#[cfg(test)]
mod tests;
