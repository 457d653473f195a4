//! [`ModuleError`]: why a module cannot be loaded, used or unloaded.

use std::path::PathBuf;

/// Why a module cannot be loaded, used or unloaded. Holds no part of the module.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ModuleError {
    /// The file cannot be read.
    #[error("cannot read the module {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The file is no shared library for this machine.
    #[error("{} is no shared library: {reason}", path.display())]
    NotALibrary {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A library that is no module.
    #[error(
        "{} is no opswap module: it exports no `opswap_module`; write `opswap::module!` in it, in a crate of type `cdylib`",
        path.display()
    )]
    NotAModule {
        /// The file.
        path: PathBuf,
    },
    /// A module of another make. Nothing of it has run.
    #[error(
        "the module {} was built by {module}, this application by {application}: build both with one compiler and one version of opswap",
        path.display()
    )]
    Abi {
        /// The file.
        path: PathBuf,
        /// Who built the module.
        module: String,
        /// Who built the application.
        application: String,
    },
    /// The system's loader refuses it.
    #[error("cannot open the module {}: {reason}", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// What the loader says.
        reason: String,
    },
    /// Its initialisers allocated memory before it knew its application's allocator.
    #[error(
        "module `{name}` allocates memory in an initialiser, before it is loaded: do that in `opswap::initcall!`"
    )]
    AllocatesEarly {
        /// The module.
        name: String,
    },
    /// One of that name is there already.
    #[error("a module `{name}` is loaded already")]
    AlreadyLoaded {
        /// The module.
        name: String,
    },
    /// One of its initcalls failed.
    #[error("module `{name}`: {problem}")]
    Initcall {
        /// The module.
        name: String,
        /// Which one, and why.
        problem: String,
    },
    /// What it declares contradicts itself, the application or another module.
    #[error("what module `{name}` declares does not fit: {problem}")]
    Declarations {
        /// The module.
        name: String,
        /// What is wrong, with the places.
        problem: String,
    },
    /// Something holds it.
    #[error("module `{name}` is in use by {users}: drop the programs, objects and links that use it first")]
    InUse {
        /// The module.
        name: String,
        /// How many hold it.
        users: u32,
    },
    /// It was unloaded before.
    #[error("module `{name}` is not loaded any more")]
    Unloaded {
        /// The module.
        name: String,
    },
    /// It has no slot for tables of that type.
    #[error("module `{name}` has no slot for tables of type `{table}`; it has slots for {has:?}")]
    NoSlot {
        /// The module.
        name: String,
        /// The table's type.
        table: String,
        /// The types of its slots.
        has: Vec<String>,
    },
    /// A table could not be attached.
    #[error("cannot attach `{table}` in module `{name}`: {reason}")]
    Attach {
        /// The module.
        name: String,
        /// The table in the object.
        table: String,
        /// What is wrong.
        reason: String,
    },
}
