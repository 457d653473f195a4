//! [`Module`]: a library of kfuncs and tables of operations that is loaded at run time.
//!
//! A crate of type `cdylib` that says [`opswap::module!`](crate::module!) is a module. It is a second registry: its declarations lie
//! in link-time slices of its own, reached through the one symbol that the macro exports. A [`Runtime`](crate::Runtime) sees the
//! modules that are loaded when it is built; programs find their kfuncs by name, like the application's own. The module's types
//! continue the application's BTF, as a kernel module's do.
//!
//! **Who holds a module.** Every program that calls one of its kfuncs or implements one of its operations, every object with one of
//! its tables, and every link to one of its slots. Until they are gone, [`Module::unload`] refuses. (Linux: `owner: THIS_MODULE`.)
//!
//! **What must agree.** Application and module are built by one compiler from one version of opswap, and the file is asked before
//! anything of the module runs. A module allocates with its application's allocator: what one side allocates, the other frees.
//!
//! | file | owns |
//! |---|---|
//! | `abi` | [`ModuleDecl`]: what the exported symbol is; the allocator; [`module!`](crate::module!) |
//! | `check` | the symbol as the file has it, before the library is opened |
//! | `library` | an open library |
//! | `copy` | records that outlive the library |
//! | `loaded` | loaded modules, and who holds them |
//! | `slots` | the module's slots: attaching from outside |
//! | `error` | [`ModuleError`] |

pub(crate) mod abi;
mod check;
mod copy;
mod error;
mod library;
pub(crate) mod loaded;
pub(crate) mod slots;

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use opswap_bpf::Btf;

pub use abi::{HostAllocator, ModuleDecl};
pub use error::ModuleError;
pub use slots::{AttachPoint, ModuleLink, attach_point};

use crate::object::Object;
use crate::registry::Registry;
use loaded::{Hold, Loaded};

/// A loaded module. Clones are the same module; dropping them does not unload it.
#[derive(Clone)]
pub struct Module {
    loaded: Arc<Loaded>,
}

impl Module {
    /// Loads a library that says [`opswap::module!`](crate::module!).
    ///
    /// # Errors
    /// The file is no such library, it was built by another compiler or against another opswap (nothing of it has run then), or what
    /// it declares contradicts what the application or a loaded module declares.
    ///
    /// # Safety
    /// A library is code of this process: its initialisers run when it is loaded, and nobody checks them. What it declares must have
    /// been declared by opswap's macros. It must leave nothing behind that calls into it when it is unloaded: no thread, no
    /// callback.
    pub unsafe fn load(path: impl AsRef<Path>) -> Result<Self, ModuleError> {
        // SAFETY: the caller's promise.
        let loaded = unsafe { loaded::load(path.as_ref()) }?;
        Ok(Self { loaded })
    }

    /// All modules that are loaded, in order of loading.
    pub fn all() -> Vec<Self> {
        loaded::all().into_iter().map(|loaded| Self { loaded }).collect()
    }

    /// Its name, as `module!` gives it.
    pub fn name(&self) -> &str {
        &self.loaded.name
    }

    /// The file that it was loaded from.
    pub fn path(&self) -> &Path {
        &self.loaded.path
    }

    /// Its types, continuing the application's own.
    pub fn btf(&self) -> &Btf {
        &self.loaded.btf
    }

    /// How many hold it: programs, objects and links.
    pub fn users(&self) -> u32 {
        self.loaded.users()
    }

    /// Attaches a table of an object to the module's slot for tables of that type.
    ///
    /// # Errors
    /// The module was unloaded or has no such slot, the object no such table, or the table's type refuses it.
    pub fn attach(&self, object: &Object, table: &str) -> Result<ModuleLink, ModuleError> {
        let hold =
            Hold::on(&self.loaded).ok_or_else(|| ModuleError::Unloaded { name: self.name().to_owned() })?;
        slots::attach(&self.loaded, hold, object, table)
    }

    /// Unloads the module. Runtimes that saw it no longer find what it declared.
    ///
    /// # Errors
    /// Something holds it, or it was unloaded before. It stays as it was.
    pub fn unload(&self) -> Result<(), ModuleError> {
        loaded::unload(&self.loaded)
    }

    /// What [`Registry::collect`] takes from it.
    pub(crate) fn loaded(&self) -> &Arc<Loaded> {
        &self.loaded
    }
}

impl fmt::Debug for Module {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Module")
            .field("name", &self.name())
            .field("users", &self.users())
            .finish_non_exhaustive()
    }
}

/// The registry that a module would make together with everything that is there already.
fn trial(new: &Arc<Loaded>, others: &[Arc<Loaded>]) -> Result<Registry, crate::registry::RegistryError> {
    let modules: Vec<Arc<Loaded>> = [new].into_iter().chain(others).cloned().collect();
    Registry::collect_with(&modules)
}
