//! The errors of the runtime, one enum per boundary: loading, attaching, running, maps.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use opswap_bpf::btf::Mismatch;
use opswap_jit::JitError;
use opswap_verifier::Rejection;

use crate::loader::ObjectError;
use crate::registry::{RegistryError, near};
use crate::runtime::Capabilities;

/// Why a run of a program ended early.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    /// A kfunc panicked. What the program owned was released.
    #[error("kfunc `{kfunc}` panicked: {message}")]
    KfuncPanicked {
        /// The kfunc.
        kfunc: String,
        /// The panic's text.
        message: String,
    },
    /// A destructor panicked while the references of an ended run were released.
    #[error("a destructor panicked while the run's references were released: {message}")]
    DestructorPanicked {
        /// The panic's text.
        message: String,
    },
    /// A program passed a number that the parameter's Rust type does not have.
    #[error("kfunc `{kfunc}`: {value:#x} is no value of parameter `{argument}`")]
    BadArgument {
        /// The kfunc.
        kfunc: String,
        /// The parameter.
        argument: String,
        /// What was passed.
        value: u64,
    },
    /// An operation returned a number that its result's Rust type does not have.
    #[error("program `{program}` returned {value:#x}, which is no value of the operation's result")]
    BadReturn {
        /// The program.
        program: String,
        /// What was in `R0`.
        value: u64,
    },
    /// The CFI hash in front of the entry is not the prototype's: the code was not entered.
    #[error(
        "entry of `{program}` carries CFI hash {found:#010x}, the caller's prototype has {expected:#010x}"
    )]
    WrongEntry {
        /// The program.
        program: String,
        /// Hash of the caller's prototype.
        expected: u32,
        /// Hash in front of the entry.
        found: u32,
    },
    /// Programs called each other through host functions too deeply.
    #[error("more than {limit} runs are nested on this thread")]
    TooDeep {
        /// The limit.
        limit: u32,
    },
    /// The program ended with references that it owed (a bug in opswap: the verifier should have refused it).
    #[error("program `{program}` ended owing references (a bug in opswap, please report it)")]
    Unbalanced {
        /// The program.
        program: String,
    },
    /// The context has the wrong size for the program.
    #[error("program `{program}` takes a context of {expected} bytes, {found} were given")]
    WrongContext {
        /// The program.
        program: String,
        /// Bytes that the program was verified for.
        expected: u32,
        /// Bytes given.
        found: usize,
    },
    /// The program is an operation of a table and is called through its slot only.
    #[error("program `{program}` implements an operation: attach its table and call it through the slot")]
    NotStandalone {
        /// The program.
        program: String,
    },
    /// The program came to an access that compiled code does not make.
    #[error(
        "program `{program}` came to a record of the kernel, or to memory that wants a checked read; neither exists here"
    )]
    RefusedAccess {
        /// The program.
        program: String,
    },
    /// The program needs what only a kernel has.
    #[error("program `{program}` needs a kernel: {what}")]
    NeedsKernel {
        /// The program.
        program: String,
        /// What it needs.
        what: String,
    },
    /// A host's iterator gave more items than a run has loop turns.
    #[error(
        "`{iterator}` gave more items than a run has loop turns: an iterator for programs comes to an end"
    )]
    EndlessIterator {
        /// The iterator's Rust type.
        iterator: String,
    },
    /// The interpreter stopped.
    #[error("the interpreter stopped in `{program}`: {reason}")]
    Interpreter {
        /// The program.
        program: String,
        /// What it found.
        reason: String,
    },
}

/// Why an object could not be loaded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// The file could not be read.
    #[error("cannot read `{}`", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's error.
        source: std::io::Error,
    },
    /// A program was refused by the verifier. `{}` is one line, `{:#}` the full report.
    #[error(fmt = rejected)]
    Rejected {
        /// The program.
        program: String,
        /// Why and where.
        #[source]
        rejection: Box<Rejection>,
    },
    /// A program array names a program that is for something else than the one that tail calls it.
    #[error("map `{map}` holds `{program}`, which takes another context than the program that uses the map")]
    TailCall {
        /// The program array.
        map: String,
        /// The program in it.
        program: String,
    },
    /// A proved program could not be compiled.
    #[error("program `{program}` could not be compiled")]
    Compile {
        /// The program.
        program: String,
        /// Why.
        source: JitError,
    },
    /// A map could not be created.
    #[error("map `{map}` could not be created")]
    Map {
        /// The map.
        map: String,
        /// Why.
        source: MapError,
    },
    /// The object has no such program.
    #[error("the object has no program `{name}`{}", listed(name, has))]
    NoProgram {
        /// What was asked for.
        name: String,
        /// What there is.
        has: Vec<String>,
    },
    /// The object has no such map.
    #[error("the object has no map `{name}`{}", listed(name, has))]
    NoMap {
        /// What was asked for.
        name: String,
        /// What there is.
        has: Vec<String>,
    },
    /// The object has no such table of operations.
    #[error("the object has no struct_ops `{name}`{}", listed(name, has))]
    NoStructOps {
        /// What was asked for.
        name: String,
        /// What there is.
        has: Vec<String>,
    },
    /// A table of operations does not fit the application's type.
    #[error("struct_ops `{name}` does not fit the application")]
    Table {
        /// The table.
        name: String,
        /// What does not fit.
        #[source]
        reason: Box<TableError>,
    },
    /// The object could not be read or linked.
    #[error(transparent)]
    Object(Box<ObjectError>),
    /// The linked crates' declarations contradict each other.
    #[error(transparent)]
    Registry(Box<RegistryError>),
    /// One program stands in two different operations.
    #[error("program `{program}` is used for two different operations")]
    TwoOps {
        /// The program.
        program: String,
    },
    /// A program for a table is in no table.
    #[error("program `{program}` is in a `struct_ops` section, but no table refers to it")]
    Unreferenced {
        /// The program.
        program: String,
    },
    /// The runtime has no entry point for a program's section.
    #[error(
        "program `{program}`: section `{section}` belongs to no entry point of the runtime{}",
        listed(section, has)
    )]
    UnknownSection {
        /// The program.
        program: String,
        /// Its section.
        section: String,
        /// The runtime's entry points.
        has: Vec<String>,
    },
    /// The object's licence is not what the runtime demands.
    #[error("program `{program}`: struct ops programs must have a GPL compatible license")]
    License {
        /// The program.
        program: String,
    },
    /// A module that the program uses was unloaded after the runtime was built.
    #[error("program `{program}` uses module `{module}`, which is not loaded any more")]
    ModuleGone {
        /// The program.
        program: String,
        /// The module.
        module: String,
    },
    /// A program calls something that the runtime does not grant.
    #[error(
        "program `{program}` calls kfunc `{kfunc}`, which needs capability {capability:?}: grant it with `Builder::capabilities`"
    )]
    Capability {
        /// The program.
        program: String,
        /// What it calls.
        kfunc: String,
        /// What is missing.
        capability: Capabilities,
    },
}

/// How a table of operations in an object disagrees with the application's type.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TableError {
    /// The application has no struct_ops type of that name.
    #[error("the application has no struct_ops type `{ty}`{}", listed(ty, has))]
    UnknownType {
        /// The object's type.
        ty: String,
        /// The application's.
        has: Vec<String>,
    },
    /// The caller asked for another Rust type.
    #[error("it is a `{found}`, not a `{expected}`")]
    OtherType {
        /// Type of the table that was asked for.
        expected: String,
        /// Type of the table in the object.
        found: String,
    },
    /// The runtime was built with declarations from elsewhere (`Builder::build_with`), which are good for verifying only.
    #[error(
        "it was proved against declarations from elsewhere: a slot for `{ty}` takes what `Builder::build` loads"
    )]
    NotLinked {
        /// The table's type.
        ty: String,
    },
    /// The object's struct differs from the application's.
    #[error(transparent)]
    Layout(#[from] Box<Mismatch>),
    /// The table has another size than the application's type.
    #[error("`{ty}` has {expected} bytes in the application, the object's table has {found}")]
    Size {
        /// The type.
        ty: String,
        /// Bytes of the application's.
        expected: u32,
        /// Bytes of the object's.
        found: usize,
    },
    /// A function is stored at an offset where the type has no operation.
    #[error("program `{program}` is stored at byte {offset}, where `{ty}` has no operation")]
    NotAnOp {
        /// The program.
        program: String,
        /// Byte offset in the table.
        offset: u32,
        /// The application's type.
        ty: String,
    },
    /// Programs may not provide this operation.
    #[error("attach to unsupported member {op} of struct {ty}")]
    Unsupported {
        /// The operation.
        op: String,
        /// The type.
        ty: String,
    },
    /// A required operation is missing.
    #[error("required operation `{op}` is missing")]
    Missing {
        /// The operation.
        op: String,
    },
    /// The type's own callback refused.
    #[error("{callback} refused{}: {reason}", member.as_ref().map(|m| format!(" member `{m}`")).unwrap_or_default())]
    Refused {
        /// The callback.
        callback: &'static str,
        /// The member, where the callback is about one.
        member: Option<String>,
        /// The host's words.
        reason: String,
    },
    /// A program is refused once the type's prologue and epilogue are in it.
    #[error("operation `{op}` cannot be loaded with its type's prologue and epilogue")]
    Instrumented {
        /// The operation.
        op: String,
        /// Why.
        source: Box<LoadError>,
    },
    /// A data member holds something, and the type does not handle it.
    #[error("member `{member}` must be zero: `{ty}` does not take it from programs")]
    NotZero {
        /// The member.
        member: String,
        /// The type.
        ty: String,
    },
}

/// Why a table could not be attached or exchanged.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AttachError {
    /// Another link holds the slot.
    #[error("the slot is taken by `{holder}`: detach its link, or update through it")]
    Occupied {
        /// Name of the attached table.
        holder: String,
    },
    /// The link was detached.
    #[error("the link is detached")]
    Detached,
    /// The link's table failed and was ejected; the default answers.
    #[error("the link's table was ejected")]
    Ejected {
        /// What happened.
        #[source]
        fault: Arc<RunError>,
    },
    /// The table is in `.struct_ops`, not in `.struct_ops.link`: it can be attached but not exchanged.
    #[error("`{name}` is not made for links: put it into section `.struct_ops.link`")]
    NotALink {
        /// The table.
        name: String,
    },
    /// `update_if` found another table than expected.
    #[error("the link holds `{found}`, not `{expected}`")]
    Changed {
        /// What the caller expected.
        expected: String,
        /// What is attached.
        found: String,
    },
    /// One of the table's own callbacks called back into its slot's life cycle.
    #[error("a callback of the slot's own type may not attach, update or detach")]
    Reentered,
    /// The type's own callback refused.
    #[error("{callback} refused: {reason}")]
    Refused {
        /// The callback.
        callback: &'static str,
        /// The host's words.
        reason: String,
    },
}

/// Why a map refused an operation, with the kernel's error number.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MapError {
    /// This kind of map is not available.
    #[error("maps of kind {kind:?} are not available")]
    UnsupportedKind {
        /// The kind.
        kind: opswap_bpf::map::MapKind,
    },
    /// The definition makes no sense for its kind.
    #[error("{what} is {found}, expected {expected}")]
    Definition {
        /// Which part.
        what: &'static str,
        /// What was found.
        found: u64,
        /// What the kind needs.
        expected: &'static str,
    },
    /// The map's memory exceeds the limit.
    #[error("the map needs {needed} bytes, the limit is {limit}")]
    TooLarge {
        /// Bytes needed.
        needed: u64,
        /// Bytes allowed.
        limit: u64,
    },
    /// A key or value of the wrong size.
    #[error("{what} has {found} bytes, the map's has {expected}")]
    WrongSize {
        /// Key or value.
        what: &'static str,
        /// Bytes given.
        found: usize,
        /// Bytes of the map's.
        expected: u32,
    },
    /// There is no such element (ENOENT).
    #[error("no such element")]
    NotFound,
    /// The element exists already (EEXIST).
    #[error("the element exists already")]
    Exists,
    /// The map is full, or the index beyond its end (E2BIG).
    #[error("the map is full, or the index is beyond its end")]
    Full,
    /// The kind does not support the operation (EINVAL).
    #[error("this kind of map does not support the operation")]
    Unsupported,
    /// The map is read-only (EPERM).
    #[error("the map is read-only")]
    ReadOnly,
}

impl MapError {
    /// The kernel's number for it, positive.
    pub fn errno(&self) -> i32 {
        match self {
            Self::UnsupportedKind { .. }
            | Self::Definition { .. }
            | Self::WrongSize { .. }
            | Self::Unsupported => libc::EINVAL,
            Self::TooLarge { .. } | Self::Full => libc::E2BIG,
            Self::NotFound => libc::ENOENT,
            Self::Exists => libc::EEXIST,
            Self::ReadOnly => libc::EPERM,
        }
    }
}

impl From<ObjectError> for LoadError {
    fn from(error: ObjectError) -> Self {
        Self::Object(Box::new(error))
    }
}

impl From<RegistryError> for LoadError {
    fn from(error: RegistryError) -> Self {
        Self::Registry(Box::new(error))
    }
}

#[expect(clippy::borrowed_box, reason = "the signature that the derive asks for")]
fn rejected(program: &str, rejection: &Box<Rejection>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let lead = format!("program `{program}` was rejected");
    if f.alternate() { write!(f, "{lead}\n{rejection:#}") } else { write!(f, "{lead}: {rejection}") }
}

/// `; it has a, b and c`, or nothing; what is like `wanted` comes first.
fn listed(wanted: &str, has: &[String]) -> String {
    match near::listed(wanted, has) {
        none if none.is_empty() => none,
        names => format!("; it has {names}"),
    }
}
