//! What begins every record: a magic, a version, its kind and size, and where it was written.

/// First four bytes of every record: `OSWP`.
pub const MAGIC: u32 = u32::from_le_bytes(*b"OSWP");

/// Version of the records' layout.
pub const VERSION: u16 = 2;

/// Which record this is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum DeclKind {
    /// [`KfuncDecl`](super::KfuncDecl).
    Kfunc = 1,
    /// [`TypeDecl`](super::TypeDecl).
    Type = 2,
    /// [`StructOpsDecl`](super::StructOpsDecl).
    StructOps = 3,
    /// [`SetDecl`](super::SetDecl).
    Set = 4,
}

/// First field of every record.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(C)]
pub struct DeclHeader {
    magic: u32,
    version: u16,
    kind: DeclKind,
    size: u32,
}

impl DeclHeader {
    /// The header of a record of `size` bytes.
    pub const fn new(kind: DeclKind, size: usize) -> Self {
        assert!(size < 4096, "records are small");
        #[expect(clippy::cast_possible_truncation, reason = "checked on the line above")]
        Self { magic: MAGIC, version: VERSION, kind, size: size as u32 }
    }

    /// The record's kind.
    pub const fn kind(&self) -> DeclKind {
        self.kind
    }

    /// Whether the first bytes of a record on disk are these.
    pub(crate) fn matches(&self, bytes: &[u8]) -> bool {
        let mut expected = [0; size_of::<Self>()];
        expected[std::mem::offset_of!(Self, magic)..][..4].copy_from_slice(&self.magic.to_le_bytes());
        expected[std::mem::offset_of!(Self, version)..][..2].copy_from_slice(&self.version.to_le_bytes());
        expected[std::mem::offset_of!(Self, kind)] = self.kind as u8;
        expected[std::mem::offset_of!(Self, size)..][..4].copy_from_slice(&self.size.to_le_bytes());
        // The one byte of padding may hold anything.
        let padding = std::mem::offset_of!(Self, kind) + 1;
        bytes.len() == expected.len()
            && expected.iter().zip(bytes).enumerate().all(|(at, (a, b))| at == padding || a == b)
    }

    /// Whether the record was laid out as this version of the crate lays it out.
    pub const fn is_current(&self) -> bool {
        self.magic == MAGIC && self.version == VERSION
    }
}

/// Where a record was written, in the host's Rust source.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(C)]
pub struct Place {
    /// `module_path!()`.
    pub module: &'static str,
    /// `at:FILE:LINE` with `file!()` and `line!()`: the text that says it in BTF, so that nobody has to compose it.
    pub tag: &'static str,
    /// `line!()`, from 1.
    pub line: u32,
    /// `column!()`, from 1.
    pub column: u32,
}

impl Place {
    /// `file!()`.
    pub fn file(&self) -> &'static str {
        let place = self.tag.strip_prefix("at:").unwrap_or(self.tag);
        place.rsplit_once(':').map_or(place, |(file, _)| file)
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}:{}", self.file(), self.line, self.column)
    }
}

/// Where the macro stands that expands to this.
#[doc(hidden)]
#[macro_export]
macro_rules! __place {
    () => {
        $crate::__private::Place {
            module: $crate::__private::core::module_path!(),
            tag: $crate::__private::core::concat!(
                "at:",
                $crate::__private::core::file!(),
                ":",
                $crate::__private::core::line!()
            ),
            line: $crate::__private::core::line!(),
            column: $crate::__private::core::column!(),
        }
    };
}
