//! [`ObjectError`]: why an object file could not be read or linked.

use opswap_bpf::btf::{BtfError, Mismatch};
use opswap_bpf::{DecodeError, InsnIdx};

use super::resolve::ResolveError;

/// What is wrong with the ELF container.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ElfProblem {
    /// The file ends too early.
    #[error("the file of {len} bytes ends within the {what}")]
    Truncated {
        /// Part that is cut off.
        what: &'static str,
        /// Bytes of the file.
        len: usize,
    },
    /// Not a BPF object.
    #[error("expected a 64-bit little-endian ELF relocatable for BPF, found {found}")]
    WrongTarget {
        /// What the header says.
        found: String,
    },
    /// A table of the container is damaged.
    #[error("{what}: {reason}")]
    Damaged {
        /// Which table.
        what: &'static str,
        /// What the reader says.
        reason: String,
    },
}

/// Why an object file could not be read or linked.
#[derive(Debug, thiserror::Error)]
pub enum ObjectError {
    /// The container is damaged or for another machine.
    #[error("not a BPF object: {problem}")]
    Elf {
        /// What is wrong.
        problem: ElfProblem,
    },
    /// Something in a section makes no sense.
    #[error("section `{section}`, offset {offset:#x}: {reason}")]
    Section {
        /// Which section.
        section: String,
        /// Byte offset in it.
        offset: u64,
        /// What was expected and found.
        reason: String,
    },
    /// The object's types cannot be read.
    #[error("section `{section}`: {source}")]
    Btf {
        /// `.BTF` or `.BTF.ext`.
        section: &'static str,
        /// What is wrong.
        source: BtfError,
    },
    /// A function contains bytes that are no instruction.
    #[error("program `{program}`: section `{section}`, offset {offset:#x}: {source}")]
    Decode {
        /// Program that reaches the function.
        program: String,
        /// The function's section.
        section: String,
        /// Byte offset in it.
        offset: u64,
        /// What is wrong; its slot counts from the start of the function.
        source: DecodeError,
    },
    /// An import cannot be served.
    #[error("program `{program}`, {at}: `{name}`: {source}")]
    Import {
        /// Program that refers to it.
        program: String,
        /// Slot of the first reference.
        at: InsnIdx,
        /// Name of the import.
        name: String,
        /// Why.
        source: ResolveError,
    },
    /// The object and the host mean different structs by one name.
    #[error("program `{program}`: {source}")]
    Mismatch {
        /// Program that shares it with the host.
        program: String,
        /// Both declarations as C.
        source: Box<Mismatch>,
    },
    /// There is no program with this index.
    #[error("there is no program {index}: the object has {programs}")]
    NoSuchProgram {
        /// Index asked for.
        index: usize,
        /// Programs in the object.
        programs: usize,
    },
}
