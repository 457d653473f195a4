//! What an object file contains, before any host is known.

use std::sync::Arc;

use opswap_bpf::proto::Sleepable;
use opswap_bpf::{BtfId, MapProto};

/// Whether a program or table is loaded without being asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Autoload {
    /// It is.
    Yes,
    /// Its section name begins with `?`: only on request.
    OnRequest,
}

/// An entry point: a global function in a program section.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ProgramImage {
    /// Name of the function.
    pub name: String,
    /// Section, without a leading `?` (`struct_ops/on_ack`, `xdp`).
    pub section: String,
    /// Loaded without being asked for?
    pub autoload: Autoload,
    /// Does the section name carry the suffix `.s`?
    pub sleepable: Sleepable,
    /// Slots of the function itself.
    pub slots: u32,
    /// Its FUNC in the object's BTF; 0 when unknown.
    pub func: BtfId,
}

impl ProgramImage {
    /// Whether it is written for a table of operations (`struct_ops/…`, `struct_ops.s/…`).
    pub fn is_struct_ops(&self) -> bool {
        let prefix = self.section.split('/').next().unwrap_or_default();
        matches!(prefix, "struct_ops" | "struct_ops.s")
    }
}

/// Where a map comes from.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum MapOrigin {
    /// Declared in `.maps`.
    Declared,
    /// Constants (`.rodata…`): read-only to programs, frozen once loaded.
    Rodata,
    /// Initialised variables (`.data…`).
    Data,
    /// Zeroed variables (`.bss…`).
    Bss,
}

/// A map that the object wants created.
#[derive(Clone, Debug)]
pub struct MapImage {
    /// Its shape.
    pub proto: Arc<MapProto>,
    /// Contents of the single entry of a map of global data.
    pub initial: Option<Vec<u8>>,
    /// Where it comes from.
    pub origin: MapOrigin,
    /// Entries that the object fills in (map-in-map, program arrays).
    pub entries: Vec<MapInit>,
}

/// An entry of a map of maps or of programs, given in the object.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct MapInit {
    /// Key.
    pub index: u32,
    /// Value.
    pub value: MapTarget,
}

/// What a statically initialised map entry holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum MapTarget {
    /// Index into [`super::ObjectFile::maps`].
    Map(usize),
    /// Index into [`super::ObjectFile::programs`].
    Program(usize),
}

/// How an attached table lives.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum LinkKind {
    /// `.struct_ops`: registered while the map exists.
    Map,
    /// `.struct_ops.link`: registered through a link, which can be updated.
    Link,
}

/// A function member that the object fills in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct OpImage {
    /// Byte offset of the member in the table.
    pub offset: u32,
    /// Index into [`super::ObjectFile::programs`].
    pub program: usize,
}

/// A table of operations: one variable of `.struct_ops` or `.struct_ops.link`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StructOpsImage {
    /// Name of the variable.
    pub name: String,
    /// Name of its type (`cong_ops`), without a CO-RE suffix (`___v2`).
    pub type_name: String,
    /// The STRUCT in the object's BTF.
    pub ty: BtfId,
    /// Its bytes; function members are 0 here.
    pub data: Vec<u8>,
    /// Function members, sorted by offset.
    pub ops: Vec<OpImage>,
    /// How it is attached.
    pub link: LinkKind,
    /// Loaded without being asked for?
    pub autoload: Autoload,
}

/// Whether an import may be missing.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Strength {
    /// It must exist.
    Strong,
    /// Its address is 0 when it is missing (`__weak`).
    Weak,
}

/// What an import is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum ExternKind {
    /// A kfunc: `extern … __ksym` of function type.
    Kfunc,
    /// A variable of the host with a type.
    Variable,
    /// A symbol of the host of which only the address is wanted (`extern const void x __ksym`).
    Address,
    /// A configuration value (`__kconfig`).
    Config,
}

/// Something that the object expects of its host.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Extern {
    /// Name as the host knows it, without a CO-RE suffix (`___v2`).
    pub name: String,
    /// What it is.
    pub kind: ExternKind,
    /// May it be missing?
    pub strength: Strength,
    /// FUNC or VAR in the object's BTF; 0 when unknown.
    pub ty: BtfId,
}
