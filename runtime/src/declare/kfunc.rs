//! [`KfuncDecl`]: the record of one `#[kfunc]`.

use opswap_bpf::KfuncFlags;

use super::header::{DeclHeader, DeclKind, Place};
use super::linked::Linked;
use super::set::{Filter, SetDecl};
use super::shape::{ArgShape, RetShape};

/// Address of a shim. Its type is erased: compiled code calls it by the convention that [`opswap_jit`] documents.
#[derive(Clone, Copy, Debug)]
#[repr(transparent)]
pub struct ShimAddr(pub(crate) unsafe extern "C" fn());

impl ShimAddr {
    /// Of a record that was read from a file: nothing that could be called.
    pub(crate) const NONE: Self = Self(no_shim);

    /// The address as a number.
    pub fn addr(self) -> usize {
        self.0 as usize
    }
}

/// Stands where there is no shim; never called.
unsafe extern "C" fn no_shim() {}

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
    /// `doc:` and the doc comment, lines joined with `\n`, as BTF has it; empty without one.
    pub doc_tag: &'static str,
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
    /// Whether it is a type's destructor.
    pub(crate) fn is_destructor(&self) -> bool {
        KfuncFlags::from_bits_retain(self.flags).contains(KfuncFlags::DTOR)
    }

    /// Doc comment, lines joined with `\n`; may be empty.
    pub fn doc(&self) -> &'static str {
        self.doc_tag.strip_prefix("doc:").unwrap_or_default()
    }

    /// A kfunc that any program may call. [`done`](KfuncDraft::done) completes it.
    pub const fn draft(
        place: Place,
        name: &'static str,
        args: &'static [ArgDecl],
        (ret, tie, shim): (RetShape, Tie, ShimAddr),
    ) -> KfuncDraft {
        KfuncDraft(Self {
            header: DeclHeader::new(DeclKind::Kfunc, size_of::<Self>()),
            place,
            name,
            doc_tag: "",
            flags: 0,
            tie,
            args,
            ret,
            programs: &[],
            sets: &[],
            filter: None,
            deprecated: "",
            shim,
        })
    }
}

/// A kfunc's record while it is written.
#[derive(Clone, Copy, Debug)]
pub struct KfuncDraft(KfuncDecl);

impl KfuncDraft {
    /// With a doc comment, `doc:` in front of it.
    #[must_use]
    pub const fn doc_tag(mut self, doc_tag: &'static str) -> Self {
        self.0.doc_tag = doc_tag;
        self
    }

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

    /// The record.
    pub const fn done(self) -> KfuncDecl {
        self.0
    }

    /// The record, as the link-time slice holds it.
    ///
    /// # Safety
    /// As for [`Linked::new`].
    pub const unsafe fn linked(self) -> Linked<KfuncDecl> {
        // SAFETY: the caller's promise.
        unsafe { Linked::new(self.0) }
    }
}
