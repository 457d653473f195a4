//! The records of a built binary, read from its file: nothing in it is executed.
//!
//! The records lie in the sections that linkme makes; their pointers are the addends of relative relocations (position-independent
//! executables and libraries) or plain addresses. What is read is kept for the life of the process, as linked records are.
//!
//! | file | owns |
//! |---|---|
//! | `image` | memory as the loader would lay it out at address 0 |
//! | `records` | each record from its bytes |

mod image;
mod records;

use super::{KfuncDecl, StructOpsDecl, TypeDecl};
use image::Image;
use records::Reader;

/// What a binary declares.
#[derive(Debug)]
pub struct DiskRecords {
    /// Functions. Their shims cannot be called here, and their filters, which are code, let nobody through.
    pub kfuncs: Vec<KfuncDecl>,
    /// Tables of operations.
    pub tables: Vec<StructOpsDecl>,
    /// Types.
    pub types: Vec<TypeDecl>,
}

/// Why the records of a binary cannot be read.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DiskError {
    /// Not an executable or library for this machine.
    #[error("not a 64-bit little-endian ELF binary for x86-64: {reason}")]
    NotABinary {
        /// What the reader says.
        reason: String,
    },
    /// A file from which the table of sections was removed.
    #[error(
        "it has no table of sections (`strip` keeps it, some packers do not): read the file before it is packed"
    )]
    NoSections,
    /// No section of records.
    #[error(
        "it declares no kfunc, type or struct_ops: is it built with opswap, and are the crates that declare them linked?"
    )]
    Nothing,
    /// A record of another version of opswap.
    #[error("record at {address:#x} has another layout: the binary was built with another version of opswap")]
    Version {
        /// Address of the record.
        address: u64,
    },
    /// A record that points nowhere, or says what no macro writes.
    #[error("record is damaged at {address:#x}: expected {expected}")]
    Damaged {
        /// Address of the first bad byte.
        address: u64,
        /// What should be there.
        expected: &'static str,
    },
    /// More than any program declares.
    #[error("the records are too large")]
    TooLarge,
}

impl DiskRecords {
    /// Reads the records of an executable or shared library.
    ///
    /// # Errors
    /// The file is none, has no records, or they are damaged or of another version.
    pub fn read(bytes: &[u8]) -> Result<Self, DiskError> {
        let image = Image::load(bytes)?;
        if image.has_no_sections() {
            return Err(DiskError::NoSections);
        }
        let sections =
            ["KFUNCS", "STRUCT_OPS", "TYPES"].map(|name| image.section(&format!("linkme_OPSWAP_{name}")));
        if sections.iter().flatten().all(|(_, bytes)| *bytes == 0) {
            return Err(DiskError::Nothing);
        }
        let [kfuncs, tables, types] = sections;
        let mut reader = Reader::new(&image);
        Ok(Self {
            kfuncs: reader.section(kfuncs, Reader::kfunc)?,
            tables: reader.section(tables, Reader::table)?,
            types: reader.section(types, Reader::ty)?,
        })
    }
}
