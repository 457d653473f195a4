//! [`Host`]: what the verifier asks of the application, or of Linux. Contracts and layouts, never addresses.

use opswap_bpf::proto::{FieldPolicy, KfuncProto, PacketRules, RecordProto};
use opswap_bpf::{Btf, BtfSpace, EntryProto, HelperId, HelperProto, KfuncId, ProgramKind, RecordId, TypeRef};

/// Why a function that exists may not be called from a program.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Unavailable {
    /// There is no such function.
    Unknown,
    /// Not from this kind of program.
    WrongProgramKind,
    /// Only from a program with a GPL-compatible licence.
    NeedsGpl,
}

/// The host as the verifier sees it.
pub trait Host {
    /// Types of the host or of one of its modules; `None` for [`BtfSpace::Program`] and unknown modules.
    fn btf(&self, space: BtfSpace) -> Option<&Btf>;

    /// The contract of the entry point that a program is for.
    fn entry(&self, kind: &ProgramKind) -> Option<&EntryProto>;

    /// The contract of a kfunc, if programs of this kind may call it.
    ///
    /// # Errors
    /// Says why it may not be called.
    fn kfunc(&self, id: KfuncId, module: i16, kind: &ProgramKind) -> Result<&KfuncProto, Unavailable>;

    /// The contract of a helper, if programs of this kind may call it.
    ///
    /// # Errors
    /// Says why it may not be called.
    fn helper(&self, id: HelperId, kind: &ProgramKind) -> Result<&HelperProto, Unavailable>;

    /// What programs of this kind may do with member number `member` of the host struct `owner`.
    fn field(&self, owner: TypeRef, member: u32, kind: &ProgramKind) -> FieldPolicy;

    /// The fields of a record; most hosts have none.
    fn record(&self, id: RecordId) -> Option<&RecordProto> {
        let _ = id;
        None
    }

    /// How programs of this kind may reach the packet; most hosts have none.
    fn packet(&self, kind: &ProgramKind) -> PacketRules {
        let _ = kind;
        PacketRules::NONE
    }
}
