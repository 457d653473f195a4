//! [`SetDecl`]: the record of one `kfunc_set!`: which programs may call the kfuncs that name it.

use opswap_bpf::ProgramKind;

use super::header::{DeclHeader, DeclKind, Place};

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

/// A named set of kfuncs: which programs may call them. Written with [`kfunc_set!`](crate::kfunc_set).
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

impl SetDecl {
    /// A set for these kinds of programs.
    #[doc(hidden)]
    pub const fn new(place: Place, name: &'static str, programs: &'static [&'static str]) -> Self {
        Self {
            header: DeclHeader::new(DeclKind::Set, size_of::<Self>()),
            place,
            name,
            programs,
            filter: None,
        }
    }

    /// The same, with a filter.
    #[doc(hidden)]
    #[must_use]
    pub const fn with_filter(mut self, filter: Filter) -> Self {
        self.filter = Some(filter);
        self
    }
}

/// Declares a set of kfuncs: which programs may call the kfuncs that name it with `#[kfunc(set = NAME)]`.
///
/// ```
/// use opswap::{FilterVerdict, ProgramKind, kfunc, kfunc_set};
///
/// kfunc_set! {
///     /// What congestion control may call.
///     pub CONG = programs(cong_ops), filter = not_reno;
/// }
///
/// fn not_reno(_program: &ProgramKind, kfunc: &str) -> FilterVerdict {
///     if kfunc == "reno" { FilterVerdict::Deny } else { FilterVerdict::Allow }
/// }
///
/// #[kfunc(set = CONG)]
/// fn mss() -> u32 {
///     1448
/// }
/// # fn main() { assert_eq!(CONG.programs, ["cong_ops"]) }
/// ```
#[macro_export]
macro_rules! kfunc_set {
    ($($(#[$attribute:meta])* $vis:vis $name:ident = programs($($program:ident),* $(,)?) $(, filter = $filter:path)? ;)*) => {$(
        $(#[$attribute])*
        $vis static $name: $crate::KfuncSet = $crate::KfuncSet::new(
            $crate::__place!(),
            $crate::__private::core::stringify!($name),
            &[$($crate::__private::core::stringify!($program)),*],
        )$(.with_filter($filter))?;
    )*};
}
