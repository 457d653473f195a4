//! The loader: the bytes of an ELF object to [`ObjectFile`], and one of its programs to a linked [`Program`].
//!
//! Parsing reads everything that does not depend on the host: sections, BTF, maps, tables of operations, imports.
//! Linking asks the host, through [`Resolve`], what an imported kfunc or variable is, and lays out one program with the
//! subprograms that it reaches.
//!
//! | file | owns |
//! |---|---|
//! | `elf` | the container's tables |
//! | `parse` | sections to programs, maps, tables and imports |
//! | `code` | code sections, functions and what instructions refer to |
//! | `references` | relocations of code |
//! | `maps`, `globals` | declared maps, global data |
//! | `tables` | `.struct_ops` |
//! | `link` | one program with its subprograms, for one host |
//! | `agree` | the structs that a program shares with its host |
//! | `core` | CO-RE relocations |
//! | `error` | [`ObjectError`]: what is wrong, in which section, at which byte |
//! | `image` | [`ProgramImage`], [`MapImage`], [`StructOpsImage`], [`Extern`]: what an object contains |
//! | `resolve` | [`Resolve`]: the host's answers to imports |

mod agree;
mod code;
mod core;
mod elf;
mod error;
mod globals;
mod image;
mod link;
mod maps;
mod parse;
mod references;
mod resolve;
mod tables;

use std::collections::HashSet;
use std::sync::Arc;

use opswap_bpf::program::License;
use opswap_bpf::{Btf, BtfId, Program, ProgramKind};

pub use error::{ElfProblem, ObjectError};
pub use image::{
    Autoload, Extern, ExternKind, LinkKind, MapImage, MapInit, MapOrigin, MapTarget, OpImage, ProgramImage,
    Strength, StructOpsImage,
};
pub use resolve::{HostVariable, Import, KfuncTarget, Resolve, ResolveError};

/// An object file, read but not linked.
#[derive(Clone, Debug)]
pub struct ObjectFile {
    btf: Option<Arc<Btf>>,
    license: License,
    programs: Vec<ProgramImage>,
    /// Index into the code's functions for each program, ascending.
    entries: Vec<usize>,
    code: code::Code,
    /// Types whose offsets CO-RE relocations take from the host.
    relocated: HashSet<BtfId>,
    maps: Vec<MapImage>,
    struct_ops: Vec<StructOpsImage>,
    externs: Vec<Extern>,
}

impl ObjectFile {
    /// Reads a 64-bit little-endian BPF object.
    ///
    /// # Errors
    /// Names the section and the byte offset that could not be read or make no sense.
    pub fn parse(bytes: &[u8]) -> Result<Self, ObjectError> {
        Self::parse_with(bytes, &|_| None)
    }

    /// Like [`ObjectFile::parse`], with the host's configuration values: what `extern … __kconfig` variables hold.
    ///
    /// # Errors
    /// As [`ObjectFile::parse`].
    pub fn parse_with(bytes: &[u8], config: &dyn Fn(&str) -> Option<u64>) -> Result<Self, ObjectError> {
        parse::parse(bytes, config)
    }

    /// Lays out program number `program` for the host behind `resolve`: its own slots first, then those of every
    /// subprogram that it reaches.
    ///
    /// The linked program's map table is the object's: [`opswap_bpf::MapId`] `n` is [`ObjectFile::maps`]`[n]`.
    ///
    /// # Errors
    /// Names the program and the instruction whose reference could not be resolved.
    pub fn link(
        &self,
        program: usize,
        kind: ProgramKind,
        resolve: &dyn Resolve,
    ) -> Result<Program, ObjectError> {
        link::link(self, program, kind, resolve)
    }

    /// Like [`link`](Self::link), for any function of the object, also one in `.text`. `None`: there is none of that name.
    ///
    /// # Errors
    /// As for `link`.
    pub fn link_function(
        &self,
        name: &str,
        kind: ProgramKind,
        resolve: &dyn Resolve,
    ) -> Option<Result<Program, ObjectError>> {
        link::link_function(self, name, kind, resolve)
    }

    /// The object's own types.
    pub fn btf(&self) -> Option<&Arc<Btf>> {
        self.btf.as_ref()
    }

    /// The licence that the object declares; [`License::Other`] without a `license` section.
    pub fn license(&self) -> License {
        self.license
    }

    /// Entry points, in the order of sections and offsets.
    pub fn programs(&self) -> &[ProgramImage] {
        &self.programs
    }

    /// Maps: declared ones first, then those that hold global data.
    pub fn maps(&self) -> &[MapImage] {
        &self.maps
    }

    /// Tables of operations.
    pub fn struct_ops(&self) -> &[StructOpsImage] {
        &self.struct_ops
    }

    /// What the object expects of its host.
    pub fn externs(&self) -> &[Extern] {
        &self.externs
    }
}
