//! [`StructOpsDecl`]: the record of one `#[struct_ops]`.

use super::header::{DeclHeader, DeclKind, Place};
use super::kfunc::ArgDecl;
use super::shape::RetShape;
use super::type_expr::{TypeExpr, TypeKey};

/// Whether programs must provide an operation.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[repr(u8)]
pub enum PresenceDecl {
    /// They must.
    Required = 0,
    /// They may.
    Optional = 1,
    /// They must not.
    Unsupported = 2,
}

/// Whether an operation may sleep.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[repr(u8)]
pub enum SleepDecl {
    /// It may not.
    Atomic = 0,
    /// It may.
    Sleepable = 1,
}

/// What a member is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[repr(u8)]
pub enum OpsMemberForm {
    /// A function.
    Op = 0,
    /// Plain data.
    Data = 1,
}

/// A stub `<type>__<op>`: a symbol of the binary with the type hash of the operation's prototype in the four bytes in front of its
/// code, as in front of every program that implements the operation. It returns 0; nobody calls it.
#[derive(Clone, Copy, Debug)]
#[repr(transparent)]
pub struct StubAddr(
    /// INVARIANT 1: begins with 16 bytes of which the last four are the hash; then the code.
    extern "C" fn(),
);

impl StubAddr {
    /// From the address to the hash.
    pub(crate) const HEADER: usize = 12;
    /// From the address to the code.
    const CODE: usize = 16;

    /// A stub.
    ///
    /// # Safety
    /// The function was written by [`__stub!`](crate::__stub): a header of 16 bytes, then code.
    pub const unsafe fn new(head: extern "C" fn()) -> Self {
        Self(head)
    }

    /// Address of the code, which is that of the symbol.
    pub fn addr(self) -> usize {
        self.0 as usize + Self::CODE
    }

    /// The hash in front of the code.
    pub fn hash(self) -> u32 {
        let header = (self.0 as *const u8).wrapping_add(Self::HEADER).cast::<u32>();
        // SAFETY: INVARIANT 1.
        unsafe { header.read_unaligned() }
    }
}

impl PartialEq for StubAddr {
    fn eq(&self, other: &Self) -> bool {
        self.0 as usize == other.0 as usize
    }
}

impl Eq for StubAddr {}

/// Writes the stub of an operation. Weak, because two crates of one program may declare tables of one name: the registry tells which.
#[doc(hidden)]
#[macro_export]
macro_rules! __stub {
    ($symbol:literal, $hash:expr) => {{
        #[cfg(target_arch = "x86_64")]
        #[unsafe(naked)]
        extern "C" fn stub() {
            $crate::__private::core::arch::naked_asm!(
                ".skip 12, 0xcc",
                ".long {hash}",
                $crate::__private::core::concat!(".weak ", $symbol),
                $crate::__private::core::concat!(".type ", $symbol, ",@function"),
                $crate::__private::core::concat!($symbol, ":"),
                "xor eax, eax",
                "ret",
                hash = const $hash,
            )
        }
        #[cfg(target_arch = "x86_64")]
        let stub = $crate::__private::core::option::Option::Some(unsafe { $crate::__private::StubAddr::new(stub) });
        #[cfg(not(target_arch = "x86_64"))]
        let stub = $crate::__private::core::option::Option::None;
        stub
    }};
}

/// A member of a table.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(C)]
pub struct OpsMemberDecl {
    /// Name.
    pub name: &'static str,
    /// Doc comment; may be empty.
    pub doc: &'static str,
    /// Byte offset.
    pub offset: u32,
    /// Bytes.
    pub size: u32,
    /// Function or data.
    pub form: OpsMemberForm,
    /// For operations.
    pub presence: PresenceDecl,
    /// For operations.
    pub sleep: SleepDecl,
    /// For operations: index among the operations.
    pub op: u32,
    /// For operations: type hash of the prototype.
    pub cfi_hash: u32,
    /// For data: its type.
    pub ty: TypeExpr,
    /// For operations: parameters.
    pub args: &'static [ArgDecl],
    /// For operations: result.
    pub ret: RetShape,
    /// For operations that programs may provide: the function that stands for its prototype in this binary. `None` in a record that
    /// was read from a file or outlives its library.
    pub stub: Option<StubAddr>,
}

/// A table of operations.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(C)]
pub struct StructOpsDecl {
    /// What begins every record.
    pub header: DeclHeader,
    /// Where it was written.
    pub place: Place,
    /// The Rust type's key.
    pub key: TypeKey,
    /// Name as programs spell it (`cong_ops`).
    pub name: &'static str,
    /// Doc comment, lines joined with `\n`; may be empty.
    pub doc: &'static str,
    /// Bytes of the C layout.
    pub size: u32,
    /// Alignment of the C layout.
    pub align: u32,
    /// Members in order of offset.
    pub members: &'static [OpsMemberDecl],
}

impl StructOpsDecl {
    /// The record of table `T`.
    pub const fn new<T>(
        place: Place,
        key: TypeKey,
        name: &'static str,
        doc: &'static str,
        members: &'static [OpsMemberDecl],
    ) -> Self {
        assert!(size_of::<T>() <= 1 << 16, "a table of operations has at most 65,536 bytes");
        #[expect(clippy::cast_possible_truncation, reason = "checked on the line above")]
        let (size, align) = (size_of::<T>() as u32, align_of::<T>() as u32);
        Self {
            header: DeclHeader::new(DeclKind::StructOps, size_of::<Self>()),
            place,
            key,
            name,
            doc,
            size,
            align,
            members,
        }
    }
}
