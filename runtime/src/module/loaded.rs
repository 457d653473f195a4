//! [`Loaded`]: modules that are loaded, and [`Hold`]: who keeps them so.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use opswap_bpf::Btf;

use super::abi::{HOST, ModuleDecl, PREFIX_BYTES, Prefix, SYMBOL};
use super::error::ModuleError;
use super::library::Library;
use super::slots::AttachPoint;
use super::{check, copy, trial};
use crate::initcall::RegisteredSet;
use crate::registry::Records;

/// Users of a module that is gone.
const GONE: u32 = u32::MAX;

/// A module. What stands here but for the library outlives the library.
#[derive(Debug)]
pub(crate) struct Loaded {
    pub(crate) name: String,
    pub(crate) path: PathBuf,
    /// What it declares, copied. Shims and filters are code of the library: INVARIANT 1: they are called under a [`Hold`] only.
    pub(crate) records: Records<'static>,
    /// What its initcalls registered; filters are code of the library, as above.
    pub(crate) sets: Vec<RegisteredSet>,
    pub(crate) btf: Arc<Btf>,
    /// Number of [`Hold`]s; [`GONE`] for good once it is unloaded.
    users: AtomicU32,
    /// `None` once it is unloaded.
    inside: Mutex<Option<Inside>>,
}

/// What lies in the library itself.
struct Inside {
    /// Dropped before the library is closed: fields are dropped in order.
    slots: Vec<Arc<dyn AttachPoint>>,
    _library: Library,
}

impl std::fmt::Debug for Inside {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Inside").finish_non_exhaustive()
    }
}

/// Keeps a module loaded. Holds on the application itself, which is always there, hold nothing.
#[derive(Debug)]
pub(crate) struct Hold {
    module: Option<Arc<Loaded>>,
}

impl Hold {
    /// On the application.
    pub(crate) const APPLICATION: Self = Self { module: None };

    /// On a module; `None` when it is gone.
    pub(crate) fn on(module: &Arc<Loaded>) -> Option<Self> {
        let more = |users| (users < GONE - 1).then(|| users + 1);
        module.users.fetch_update(Ordering::AcqRel, Ordering::Acquire, more).ok()?;
        Some(Self { module: Some(Arc::clone(module)) })
    }

    /// Whether it holds this module.
    pub(crate) fn holds(&self, module: &Arc<Loaded>) -> bool {
        self.module.as_ref().is_some_and(|held| Arc::ptr_eq(held, module))
    }
}

impl Clone for Hold {
    fn clone(&self) -> Self {
        // Held already, so it is there.
        self.module.as_ref().and_then(Self::on).unwrap_or(Self::APPLICATION)
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        if let Some(module) = &self.module {
            module.users.fetch_sub(1, Ordering::AcqRel);
        }
    }
}

/// Whose a declaration is.
#[derive(Clone, Debug, Default)]
pub(crate) struct Owner {
    module: Option<Arc<Loaded>>,
}

impl Owner {
    /// A module's.
    pub(crate) fn module(module: &Arc<Loaded>) -> Self {
        Self { module: Some(Arc::clone(module)) }
    }

    /// The module's name; `None` for the application.
    pub(crate) fn name(&self) -> Option<&str> {
        self.module.as_ref().map(|module| module.name.as_str())
    }

    /// Keeps it there; `None` when it is gone.
    pub(crate) fn hold(&self) -> Option<Hold> {
        match &self.module {
            None => Some(Hold::APPLICATION),
            Some(module) => Hold::on(module),
        }
    }
}

/// Every module that is loaded, in order of loading.
static LOADED: Mutex<Vec<Arc<Loaded>>> = Mutex::new(Vec::new());

fn list() -> MutexGuard<'static, Vec<Arc<Loaded>>> {
    LOADED.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(crate) fn all() -> Vec<Arc<Loaded>> {
    list().clone()
}

impl Loaded {
    pub(crate) fn users(&self) -> u32 {
        match self.users.load(Ordering::Acquire) {
            GONE => 0,
            users => users,
        }
    }

    /// Its slots; none once it is unloaded. To be dropped before the caller's [`Hold`] is.
    pub(super) fn slots(&self) -> Vec<Arc<dyn AttachPoint>> {
        let inside = self.inside.lock().unwrap_or_else(PoisonError::into_inner);
        inside.as_ref().map(|inside| inside.slots.clone()).unwrap_or_default()
    }
}

/// Loads a module.
///
/// # Safety
/// As for [`Module::load`](super::Module::load).
pub(super) unsafe fn load(path: &Path) -> Result<Arc<Loaded>, ModuleError> {
    let unreadable = |source| ModuleError::Read { path: path.to_owned(), source };
    // The system's loader looks for names without a slash elsewhere.
    let path = path.canonicalize().map_err(unreadable)?;
    let bytes = std::fs::read(&path).map_err(|source| ModuleError::Read { path: path.clone(), source })?;
    check::check(&path, &bytes)?;

    // Held to the end: two modules that are loaded at once must not contradict each other.
    let mut list = list();
    // SAFETY: the caller's promise.
    let library = unsafe { Library::open(&path) };
    let library = library.map_err(|reason| ModuleError::Open { path: path.clone(), reason })?;
    let declared = library.symbol(SYMBOL).ok_or_else(|| ModuleError::NotAModule { path: path.clone() })?;
    // SAFETY: the symbol is there, and in the file that was checked it had as many bytes; the file may be another by now, but whoever
    // exchanges it could put any code into it.
    let prefix = unsafe { std::slice::from_raw_parts(declared.as_ptr().cast::<u8>(), PREFIX_BYTES) };
    let prefix = Prefix::read(prefix).ok_or_else(|| ModuleError::NotAModule { path: path.clone() })?;
    check::same_make(&path, &prefix)?;
    // SAFETY: the declaration was made by the same compiler from the same sources, and lives as long as `library`.
    let decl = unsafe { declared.cast::<ModuleDecl>().as_ref() };

    let name = decl.name.to_owned();
    if list.iter().any(|loaded| loaded.name == name) {
        return Err(ModuleError::AlreadyLoaded { name });
    }
    if decl.allocator.adopt(&HOST).is_err() {
        return Err(ModuleError::AllocatesEarly { name });
    }
    let records = copy::records((decl.records)());
    let sets = (decl.initcalls)();
    let sets = sets.map_err(|problem| ModuleError::Initcall { name: name.clone(), problem })?;
    let slots = decl.slots.iter().map(|slot| slot()).collect();
    let loaded = |btf| {
        let (name, path, sets) = (name.clone(), path.clone(), sets.clone());
        Loaded { name, path, records, sets, btf, users: AtomicU32::new(0), inside: Mutex::new(None) }
    };
    let btf = {
        let registry = trial(&Arc::new(loaded(Arc::default())), &list);
        registry.map(|registry| registry.split_btf())
    };
    let btf = btf
        .map_err(|problem| ModuleError::Declarations { name: name.clone(), problem: problem.to_string() })?;
    let module = loaded(Arc::new(btf));
    *module.inside.lock().unwrap_or_else(PoisonError::into_inner) = Some(Inside { slots, _library: library });
    let module = Arc::new(module);
    list.push(Arc::clone(&module));
    Ok(module)
}

/// Unloads a module that nobody holds.
pub(super) fn unload(module: &Arc<Loaded>) -> Result<(), ModuleError> {
    let name = || module.name.clone();
    let mut list = list();
    match module.users.compare_exchange(0, GONE, Ordering::AcqRel, Ordering::Acquire) {
        Ok(_) => {}
        Err(GONE) => return Err(ModuleError::Unloaded { name: name() }),
        Err(users) => return Err(ModuleError::InUse { name: name(), users }),
    }
    list.retain(|loaded| !Arc::ptr_eq(loaded, module));
    let inside = module.inside.lock().unwrap_or_else(PoisonError::into_inner).take();
    drop(inside);
    Ok(())
}
