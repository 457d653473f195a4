//! The exported symbol as the file has it: a library of another make is refused before the system's loader runs its initialisers.

use std::path::Path;

use object::{Object, ObjectSegment, ObjectSymbol};

use super::abi::{PREFIX_BYTES, Prefix, SYMBOL};
use super::error::ModuleError;

/// Whether the library in `bytes` is a module of this application's make.
pub(super) fn check(path: &Path, bytes: &[u8]) -> Result<(), ModuleError> {
    let file = object::File::parse(bytes)
        .map_err(|error| ModuleError::NotALibrary { path: path.to_owned(), reason: error.to_string() })?;
    let not_a_module = || ModuleError::NotAModule { path: path.to_owned() };
    let symbol = file
        .dynamic_symbols()
        .find(|symbol| symbol.name() == Ok(SYMBOL) && symbol.is_definition())
        .ok_or_else(not_a_module)?;
    let prefix = file
        .segments()
        .find_map(|segment| segment.data_range(symbol.address(), PREFIX_BYTES as u64).ok().flatten())
        .and_then(Prefix::read)
        .ok_or_else(not_a_module)?;
    same_make(path, &prefix)
}

/// Whether a declaration is of this application's make.
pub(super) fn same_make(path: &Path, prefix: &Prefix) -> Result<(), ModuleError> {
    if *prefix == Prefix::OWN {
        return Ok(());
    }
    Err(ModuleError::Abi {
        path: path.to_owned(),
        module: prefix.builder(),
        application: Prefix::OWN.builder(),
    })
}
