//! [`StructOps`]: what the author of a table of operations may decide, and [`StructOpsType`]: what `#[struct_ops]` generates.
//!
//! The callbacks are those of the kernel's `struct bpf_struct_ops`, in the order in which they are called: `init` once a
//! runtime, `check_member` for each program, `init_member` for each member, `validate` for the whole table, then `reg`,
//! `update` and `unreg` while it is attached. Each has a default that accepts.

use opswap_bpf::Program;
use opswap_bpf::proto::{StructOpsMember, StructOpsProto};

use crate::declare::{Linked, StructOpsDecl};
use crate::struct_ops::instrument::Instrument;
use crate::struct_ops::pin::PinGuard;
use crate::struct_ops::pinned::PinnedTable;

/// A callback's refusal, in the host's words.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{reason}")]
pub struct Refusal {
    reason: String,
}

impl Refusal {
    /// A refusal for this reason.
    pub fn new(reason: impl Into<String>) -> Self {
        Self { reason: reason.into() }
    }

    /// The reason.
    pub fn reason(&self) -> &str {
        &self.reason
    }
}

impl From<&str> for Refusal {
    fn from(reason: &str) -> Self {
        Self::new(reason)
    }
}

impl From<String> for Refusal {
    fn from(reason: String) -> Self {
        Self::new(reason)
    }
}

/// What `init_member` did with a data member.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Member {
    /// Taken: the value stands in the table.
    Taken,
    /// Not handled: the member must be zero in the object.
    Unhandled,
}

/// A table that an object fills in: its C bytes and which operations it provides. Function members read as 0.
#[derive(Clone, Copy, Debug)]
pub struct TableView<'a> {
    pub(crate) name: &'a str,
    pub(crate) proto: &'a StructOpsProto,
    pub(crate) data: &'a [u8],
    pub(crate) provided: &'a [Option<String>],
}

impl<'a> TableView<'a> {
    /// Name of the variable in the object.
    pub fn name(&self) -> &'a str {
        self.name
    }

    /// The table's contract.
    pub fn proto(&self) -> &'a StructOpsProto {
        self.proto
    }

    /// All bytes of the table, in the application's layout.
    pub fn data(&self) -> &'a [u8] {
        self.data
    }

    /// The bytes of one member; `None` when there is no member of that name.
    pub fn member(&self, name: &str) -> Option<&'a [u8]> {
        let member = self.proto.members.iter().find(|member| member.name == name)?;
        let start = member.offset as usize;
        self.data.get(start..start.checked_add(member.size as usize)?)
    }

    /// The number in a data member of up to 8 bytes, zero-extended.
    pub fn number(&self, name: &str) -> Option<u64> {
        let bytes = self.member(name)?;
        let mut word = [0; 8];
        word.get_mut(..bytes.len())?.copy_from_slice(bytes);
        Some(u64::from_le_bytes(word))
    }

    /// The text in a data member, up to its first NUL; `None` when it is not UTF-8.
    pub fn text(&self, name: &str) -> Option<&'a str> {
        let bytes = self.member(name)?;
        let end = bytes.iter().position(|&byte| byte == 0).unwrap_or(bytes.len());
        std::str::from_utf8(&bytes[..end]).ok()
    }

    /// Name of the program that implements operation `op`, if the object provides one.
    pub fn program(&self, op: &str) -> Option<&'a str> {
        let index = self.proto.members.iter().find_map(|member| match &member.kind {
            opswap_bpf::proto::StructOpsMemberKind::Op(proto) if member.name == op => Some(proto.op),
            opswap_bpf::proto::StructOpsMemberKind::Op(_) | opswap_bpf::proto::StructOpsMemberKind::Data => {
                None
            }
        })?;
        self.provided.get(index.index())?.as_deref()
    }
}

/// What the author of a table of operations decides about the objects that fill it in. Every callback has a default.
pub trait StructOps: StructOpsType {
    /// Called when an object first uses the type in a runtime.
    ///
    /// # Errors
    /// Refuses the type altogether.
    fn init(proto: &StructOpsProto) -> Result<(), Refusal> {
        let _ = proto;
        Ok(())
    }

    /// Called for each program before it is verified.
    ///
    /// # Errors
    /// Refuses the program for this operation.
    fn check_member(member: &StructOpsMember, program: &Program) -> Result<(), Refusal> {
        let _ = (member, program);
        Ok(())
    }

    /// Called for each data member that is not zero. The default takes every value.
    ///
    /// # Errors
    /// Refuses the value.
    fn init_member(member: &StructOpsMember, table: &TableView<'_>) -> Result<Member, Refusal> {
        let _ = (member, table);
        Ok(Member::Taken)
    }

    /// Called once all members are filled in and every program is compiled.
    ///
    /// # Errors
    /// Refuses the table.
    fn validate(table: &TableView<'_>) -> Result<(), Refusal> {
        let _ = table;
        Ok(())
    }

    /// Called before the table is attached to an empty slot.
    ///
    /// # Errors
    /// The slot stays as it was.
    fn reg(table: &TableView<'_>) -> Result<(), Refusal> {
        let _ = table;
        Ok(())
    }

    /// Called after the table was detached or ejected.
    fn unreg(table: &TableView<'_>) {
        let _ = table;
    }

    /// Called before `new` takes the place of `old`.
    ///
    /// # Errors
    /// `old` stays attached.
    fn update(old: &TableView<'_>, new: &TableView<'_>) -> Result<(), Refusal> {
        let _ = (old, new);
        Ok(())
    }

    /// Writes instructions that run before each program of operation `member`.
    ///
    /// # Errors
    /// Refuses the program.
    fn gen_prologue(member: &StructOpsMember, code: &mut Instrument<'_>) -> Result<(), Refusal> {
        let _ = (member, code);
        Ok(())
    }

    /// Writes instructions that run at each exit of a program of operation `member`.
    ///
    /// # Errors
    /// Refuses the program.
    fn gen_epilogue(member: &StructOpsMember, code: &mut Instrument<'_>) -> Result<(), Refusal> {
        let _ = (member, code);
        Ok(())
    }
}

/// What `#[struct_ops]` generates for a table's type. Not to be written by hand: `Pinned` passes raw arguments to programs.
#[doc(hidden)]
pub trait StructOpsType: Sized + Send + Sync + 'static {
    /// The declaration in the registry.
    const DECL: &'static Linked<StructOpsDecl>;

    /// Typed wrapper of a pinned slot: one method an operation.
    type Pinned<'a>: PinnedTable<Table = Self>;

    /// Wraps a pinned slot.
    fn pinned<'a>(guard: PinGuard<'a, Self>) -> Self::Pinned<'a>;
}
