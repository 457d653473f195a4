//! [`KfuncDecl`]: the record of one `#[kfunc]`; [`SetDecl`]: the record of one `kfunc_set!`.

use opswap_bpf::ProgramKind;

use super::header::{DeclHeader, DeclKind, Place};
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

impl KfuncDecl {
    /// A kfunc that any program may call, with a doc comment, parameters, result and tie. [`shim`](KfuncDraft::shim) completes it.
    pub const fn draft(
        place: Place,
        name: &'static str,
        doc: &'static str,
        (args, ret, tie): (&'static [ArgDecl], RetShape, Tie),
    ) -> KfuncDraft {
        KfuncDraft(Self {
            header: DeclHeader::new(DeclKind::Kfunc, size_of::<Self>()),
            place,
            name,
            doc,
            flags: 0,
            tie,
            args,
            ret,
            programs: &[],
            sets: &[],
            filter: None,
            deprecated: "",
            shim: ShimAddr(no_shim),
        })
    }
}

/// Stands in a draft until the real one is known; never called.
unsafe extern "C" fn no_shim() {}

/// A kfunc's record without its shim.
#[derive(Clone, Copy, Debug)]
pub struct KfuncDraft(KfuncDecl);

impl KfuncDraft {
    /// With flag bits.
    #[must_use]
    pub const fn flags(mut self, flags: u32) -> Self {
        self.0.flags = flags;
        self
    }

    /// For these kinds of programs, and in these sets.
    #[must_use]
    pub const fn sets(
        mut self,
        programs: &'static [&'static str],
        sets: &'static [&'static SetDecl],
    ) -> Self {
        self.0.programs = programs;
        self.0.sets = sets;
        self
    }

    /// With a filter.
    #[must_use]
    pub const fn filter(mut self, filter: Filter) -> Self {
        self.0.filter = Some(filter);
        self
    }

    /// With a reason not to use it any more.
    #[must_use]
    pub const fn deprecated(mut self, reason: &'static str) -> Self {
        self.0.deprecated = reason;
        self
    }

    /// The record of a kfunc in another binary, which nothing here can call.
    pub(crate) const fn without_shim(self) -> KfuncDecl {
        self.0
    }

    /// The record.
    pub const fn shim(mut self, shim: ShimAddr) -> KfuncDecl {
        self.0.shim = shim;
        self.0
    }
}
