//! [`KfuncDecl`]: the record of one `#[kfunc]`; [`SetDecl`]: the record of one `kfunc_set!`.

use opswap_bpf::ProgramKind;

use super::header::{DeclHeader, Place};
use super::shape::{ArgShape, RetShape};

/// Address of a shim. Its type is erased: compiled code calls it by the convention that [`opswap_jit`] documents.
#[derive(Clone, Copy, Debug)]
#[repr(transparent)]
pub struct ShimAddr(pub(crate) unsafe extern "C" fn());

impl ShimAddr {
    /// The address as a number.
    pub fn addr(self) -> usize {
        self.0 as usize
    }
}

/// Where a returned pointer was borrowed from.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[repr(C)]
pub struct Tie(pub u8);

impl Tie {
    /// No lifetime in the result's type.
    pub const NONE: Self = Self(255);
    /// `'static`.
    pub const STATIC: Self = Self(254);

    /// The Rust argument with this index, from 0.
    pub const fn arg(index: u8) -> Self {
        assert!(index < 64, "a kfunc has at most 12 arguments");
        Self(index)
    }
}

/// One Rust parameter. It takes 0, 1 or 2 registers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(C)]
pub struct ArgDecl {
    /// Name as written.
    pub name: &'static str,
    /// Meaning of its type.
    pub shape: ArgShape,
}

/// Whether a filter lets a program call a kfunc.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FilterVerdict {
    /// It may.
    Allow,
    /// It may not.
    Deny,
}

/// Decides per program whether it may call a kfunc of a set; gets the program's kind and the kfunc's name.
pub type Filter = fn(&ProgramKind, &str) -> FilterVerdict;

/// A named set of kfuncs: which programs may call them.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct SetDecl {
    /// What begins every record.
    pub header: DeclHeader,
    /// Where it was written.
    pub place: Place,
    /// Name.
    pub name: &'static str,
    /// Kinds of programs (`struct_ops`, `tracing`, …); empty for all.
    pub programs: &'static [&'static str],
    /// A further condition.
    pub filter: Option<Filter>,
}

/// A kfunc.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct KfuncDecl {
    /// What begins every record.
    pub header: DeclHeader,
    /// Where it was written.
    pub place: Place,
    /// Name that programs link against.
    pub name: &'static str,
    /// Doc comment, lines joined with `\n`; may be empty.
    pub doc: &'static str,
    /// Flag words as written, with the kernel's bits ([`opswap_bpf::KfuncFlags`]).
    pub flags: u32,
    /// Where a returned pointer was borrowed from.
    pub tie: Tie,
    /// Parameters.
    pub args: &'static [ArgDecl],
    /// Result.
    pub ret: RetShape,
    /// Kinds of programs that may call it; empty for all.
    pub programs: &'static [&'static str],
    /// The sets it belongs to.
    pub sets: &'static [&'static SetDecl],
    /// A further condition.
    pub filter: Option<Filter>,
    /// Why programs should no longer use it; empty when they may.
    pub deprecated: &'static str,
    /// What compiled code calls.
    pub shim: ShimAddr,
}
