//! [`Object`]: a loaded object file: its maps, its programs, its tables.
//!
//! Loading goes one way: bytes, maps, which program is for what, link, verify, compile, tables. Whatever fails, nothing of the object
//! remains.

pub(crate) mod link;
mod table;
pub(crate) mod verdict;

use std::any::TypeId;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use opswap_bpf::ProgramKind;
use opswap_bpf::map::MapKind;
use opswap_bpf::program::License;

use crate::error::{LoadError, MapError};
use crate::kernel;
use crate::loader::{Autoload, MapImage, MapOrigin, ObjectFile, ProgramImage};
use crate::maps::{Map, UpdateMode};
use crate::program::{Program, ProgramCore};
use crate::runtime::{HelperSource, LicensePolicy, Policy};
use crate::struct_ops::{Image, Prepared, StructOps};

/// A loaded object. Clones are the same object; it lives as long as any of them, and longer where one of its tables is attached.
#[derive(Clone, Debug)]
pub struct Object {
    inner: Arc<Loaded>,
}

#[derive(Debug)]
struct Loaded {
    policy: Arc<Policy>,
    maps: Arc<[Arc<Map>]>,
    /// By name.
    programs: BTreeMap<String, Arc<ProgramCore>>,
    /// By name.
    tables: BTreeMap<String, Arc<Image>>,
    /// Tables that their type's callbacks have accepted, perhaps with other programs than `tables`.
    accepted: Mutex<HashMap<(TypeId, String), Arc<Image>>>,
}

impl Object {
    /// The program with this name.
    ///
    /// # Errors
    /// There is none.
    pub fn program(&self, name: &str) -> Result<Program, LoadError> {
        let program = self.inner.programs.get(name).cloned();
        program.map(Program::new).ok_or_else(|| LoadError::NoProgram {
            name: name.to_owned(),
            has: self.inner.programs.keys().cloned().collect(),
        })
    }

    /// All programs, by name.
    pub fn programs(&self) -> impl Iterator<Item = Program> {
        self.inner.programs.values().cloned().map(Program::new)
    }

    /// The map with this name.
    ///
    /// # Errors
    /// There is none.
    pub fn map(&self, name: &str) -> Result<Arc<Map>, LoadError> {
        let map = self.inner.maps.iter().find(|map| map.proto().name == name);
        map.cloned().ok_or_else(|| LoadError::NoMap {
            name: name.to_owned(),
            has: self.inner.maps.iter().map(|map| map.proto().name.clone()).collect(),
        })
    }

    /// All maps, in the order of the object.
    pub fn maps(&self) -> &[Arc<Map>] {
        &self.inner.maps
    }

    /// Names of all tables of operations.
    pub fn tables(&self) -> impl Iterator<Item = &str> {
        self.inner.tables.keys().map(String::as_str)
    }

    /// The table with this name, as the object fills it in.
    pub(crate) fn table(&self, name: &str) -> Option<&Arc<Image>> {
        self.inner.tables.get(name)
    }

    /// The table with this name, accepted by the callbacks of `T`.
    ///
    /// # Errors
    /// There is none, it is of another type, or a callback of `T` refused it.
    pub fn struct_ops<T: StructOps>(&self, name: &str) -> Result<Prepared<T>, LoadError> {
        let key = (TypeId::of::<T>(), name.to_owned());
        // Held throughout: the callbacks of one table run once. They have no way back to this object.
        let mut accepted = self.inner.accepted.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(image) = accepted.get(&key) {
            return Ok(Prepared::new(Arc::clone(image)));
        }
        let image = self.inner.tables.get(name).ok_or_else(|| LoadError::NoStructOps {
            name: name.to_owned(),
            has: self.inner.tables.keys().cloned().collect(),
        })?;
        let image = table::accept::<T>(&self.inner, image)
            .map_err(|reason| LoadError::Table { name: name.to_owned(), reason: Box::new(reason) })?;
        accepted.insert(key, Arc::clone(&image));
        Ok(Prepared::new(image))
    }
}

/// Loads an object.
pub(crate) fn load(policy: &Arc<Policy>, bytes: &[u8]) -> Result<Object, LoadError> {
    let file = ObjectFile::parse(bytes)?;
    let maps =
        file.maps().iter().map(|image| create(policy, image)).collect::<Result<Arc<[_]>, LoadError>>()?;
    let layouts = table::layouts(policy, &file)?;
    let kinds = kinds(policy, &file, &layouts)?;
    let mut cores: Vec<Option<Arc<ProgramCore>>> = vec![None; file.programs().len()];
    for (index, kind) in kinds.into_iter().enumerate() {
        if let Some(kind) = kind {
            let program = file.link(index, kind, &*policy.application)?;
            cores[index] = Some(link::build(policy, program, &maps)?);
        }
    }
    let tables = layouts
        .into_iter()
        .map(|layout| {
            let image = layout.into_image(&cores);
            (image.name().to_owned(), Arc::new(image))
        })
        .collect();
    let programs = cores.into_iter().flatten().map(|core| (core.name.clone(), core)).collect();
    let accepted = Mutex::new(HashMap::new());
    let policy = Arc::clone(policy);
    Ok(Object { inner: Arc::new(Loaded { policy, maps, programs, tables, accepted }) })
}

/// Loads one program of an object, with the object's maps, and nothing else of it.
pub(crate) fn load_one(policy: &Arc<Policy>, bytes: &[u8], name: &str) -> Result<Program, LoadError> {
    let file = ObjectFile::parse(bytes)?;
    let found = file.programs().iter().enumerate().find(|(_, image)| image.name == name);
    let (index, image) = found.ok_or_else(|| LoadError::NoProgram {
        name: name.to_owned(),
        has: file.programs().iter().map(|image| image.name.clone()).collect(),
    })?;
    let maps =
        file.maps().iter().map(|image| create(policy, image)).collect::<Result<Arc<[_]>, LoadError>>()?;
    if policy.application.helpers() == HelperSource::Kernel {
        return kernel::load_one(policy, &file, &maps, index);
    }
    let kind = by_section(policy, image)?;
    let program = file.link(index, kind, &*policy.application)?;
    link::build(policy, program, &maps).map(Program::new)
}

/// Loads a program that was linked elsewhere.
pub(crate) fn load_program(policy: &Arc<Policy>, program: opswap_bpf::Program) -> Result<Program, LoadError> {
    let maps = program
        .maps
        .iter()
        .map(|proto| {
            let map = Map::new(Arc::clone(proto), policy.map_bytes, policy.application.helpers().map_use());
            let filled = map.and_then(|map| fill_frozen(&map).map(|()| Arc::new(map)));
            filled.map_err(|source| LoadError::Map { map: proto.name.clone(), source })
        })
        .collect::<Result<Arc<[_]>, LoadError>>()?;
    link::build(policy, program, &maps).map(Program::new)
}

/// Makes true what the verifier believes of contents that never change.
fn fill_frozen(map: &Map) -> Result<(), MapError> {
    let proto = map.proto();
    let Some(contents) = &proto.frozen else { return Ok(()) };
    let entries = u64::from(proto.max_entries);
    if proto.kind != MapKind::Array || entries != 1 {
        let expected = "1: contents that never change are those of an array's one value";
        return Err(MapError::Definition { what: "max_entries", found: entries, expected });
    }
    map.update(&[0; 4], contents, UpdateMode::Any)?;
    map.freeze();
    Ok(())
}

/// Creates a map and fills in what the object says.
fn create(policy: &Policy, image: &MapImage) -> Result<Arc<Map>, LoadError> {
    let failed = |source| LoadError::Map { map: image.proto.name.clone(), source };
    let map = Map::new(Arc::clone(&image.proto), policy.map_bytes, policy.application.helpers().map_use())
        .map_err(failed)?;
    if let Some(initial) = &image.initial {
        map.update(&[0; 4], initial, UpdateMode::Any).map_err(failed)?;
    }
    if image.origin == MapOrigin::Rodata {
        map.freeze();
    }
    Ok(Arc::new(map))
}

/// What each program is for; `None` for those that are not loaded.
fn kinds(
    policy: &Policy,
    file: &ObjectFile,
    layouts: &[table::Layout],
) -> Result<Vec<Option<ProgramKind>>, LoadError> {
    let mut kinds: Vec<Option<ProgramKind>> = vec![None; file.programs().len()];
    for layout in layouts {
        for (program, kind) in layout.kinds() {
            let name = &file.programs()[program].name;
            match &kinds[program] {
                Some(other) if *other != kind => {
                    return Err(LoadError::TwoOps { program: name.clone() });
                }
                Some(_) | None => kinds[program] = Some(kind),
            }
        }
    }
    for (image, kind) in file.programs().iter().zip(&mut kinds) {
        if kind.is_none() && image.autoload == Autoload::Yes {
            *kind = Some(by_section(policy, image)?);
        }
    }
    let gpl_missing = policy.license == LicensePolicy::GplForStructOps && file.license() != License::Gpl;
    let ops = kinds.iter().position(|kind| matches!(kind, Some(ProgramKind::StructOps { .. })));
    match ops {
        Some(program) if gpl_missing => {
            Err(LoadError::License { program: file.programs()[program].name.clone() })
        }
        Some(_) | None => Ok(kinds),
    }
}

/// What a program that no table names is for.
fn by_section(policy: &Policy, image: &ProgramImage) -> Result<ProgramKind, LoadError> {
    if image.is_struct_ops() {
        return Err(LoadError::Unreferenced { program: image.name.clone() });
    }
    let named = policy.kind_of(&image.section);
    match opswap_verifier::Host::entry(policy, &named) {
        Some(_) => Ok(named),
        None => Err(LoadError::UnknownSection {
            program: image.name.clone(),
            section: image.section.clone(),
            has: policy.entry_names(),
        }),
    }
}
