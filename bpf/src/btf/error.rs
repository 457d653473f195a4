//! [`BtfError`]: why bytes are no BTF.

use crate::ids::BtfId;

/// Part of the format that a byte offset counts in.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum BtfSection {
    /// The header, from the first byte of the data.
    Header,
    /// The type section.
    Types,
    /// The string section.
    Strings,
    /// `func_info` of BTF.ext.
    FuncInfo,
    /// `line_info` of BTF.ext.
    LineInfo,
    /// `core_relo` of BTF.ext.
    CoreRelo,
}

impl std::fmt::Display for BtfSection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Header => "header",
            Self::Types => "type section",
            Self::Strings => "string section",
            Self::FuncInfo => "func_info",
            Self::LineInfo => "line_info",
            Self::CoreRelo => "core_relo",
        })
    }
}

/// Why bytes are no BTF, and where.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum BtfError {
    /// The bytes themselves cannot be read.
    #[error("{section}, offset {offset:#x}: {reason}")]
    Format {
        /// Part of the format.
        section: BtfSection,
        /// Byte offset in that part.
        offset: usize,
        /// What was expected and found.
        reason: String,
    },
    /// A type makes no sense.
    #[error("{id} ({kind}{}), type section offset {offset:#x}: {reason}", named(name))]
    Type {
        /// Which type.
        id: BtfId,
        /// Its kind, in the kernel's word (`STRUCT`).
        kind: &'static str,
        /// Its name; empty if it has none.
        name: String,
        /// Byte offset of its record in the type section.
        offset: usize,
        /// What was expected and found.
        reason: String,
    },
}

fn named(name: &str) -> String {
    if name.is_empty() { String::new() } else { format!(" `{name}`") }
}
