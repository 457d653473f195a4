//! [`Host`]: what the verifier asks of the application, or of Linux. Contracts and layouts, never addresses.

use opswap_bpf::map::{MapKind, SpecialField};
use opswap_bpf::proto::{ArgKind, FieldPolicy, KfuncProto, PacketRules, RecordProto, RetKind, Sleepable};
use opswap_bpf::{
    Btf, BtfSpace, EntryProto, HelperId, HelperProto, KfuncId, Program, ProgramKind, RecordId, TypeRef,
};

use crate::state::Trust;

/// Why a function that exists may not be called from a program.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Unavailable {
    /// There is no such function.
    Unknown,
    /// Not from this kind of program.
    WrongProgramKind,
    /// Not from programs that are attached to this.
    WrongTarget,
    /// Only from a program with a GPL-compatible licence.
    NeedsGpl,
    /// For this reason, in the host's own words.
    Because(&'static str),
}

/// Whether programs may turn addresses into numbers: return them, store them where others look, compute with them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PointerLeaks {
    /// They may not.
    Refused,
    /// They may, as Linux lets privileged programs.
    Allowed,
}

/// Whether programs may read stack bytes that they did not write.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum UninitStack {
    /// They may not.
    Refused,
    /// They may, as Linux lets privileged programs; the value is any number.
    Allowed,
}

/// Whether memory arguments of one call may overlap.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Aliasing {
    /// Not if the callee writes one of them: callees hold Rust references.
    Exclusive,
    /// They may: callees are written in C.
    Shared,
}

/// Whether memory behind an untrusted pointer may be read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum UntrustedReads {
    /// It may not.
    Refused,
    /// It may: a faulting read gives 0.
    Probed,
}

/// Rules that differ between hosts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Policy {
    /// May addresses become numbers?
    pub leaks: PointerLeaks,
    /// May unwritten stack be read?
    pub uninit_stack: UninitStack,
    /// May memory arguments overlap?
    pub aliasing: Aliasing,
    /// May untrusted memory be read?
    pub untrusted_reads: UntrustedReads,
}

impl Policy {
    /// What safe Rust needs: the default.
    pub const RUST: Self = Self {
        leaks: PointerLeaks::Refused,
        uninit_stack: UninitStack::Refused,
        aliasing: Aliasing::Exclusive,
        untrusted_reads: UntrustedReads::Refused,
    };

    /// What Linux grants privileged programs.
    pub const LINUX: Self = Self {
        leaks: PointerLeaks::Allowed,
        uninit_stack: UninitStack::Allowed,
        aliasing: Aliasing::Shared,
        untrusted_reads: UntrustedReads::Probed,
    };

    /// How an address is held that comes from a valid object, and of which nothing is proved.
    pub(crate) fn walked(self) -> Trust {
        match self.untrusted_reads {
            UntrustedReads::Refused => Trust::Untrusted,
            UntrustedReads::Probed => Trust::Walked,
        }
    }
}

/// The host as the verifier sees it.
pub trait Host {
    /// The host's rules where hosts differ.
    fn policy(&self) -> Policy {
        Policy::RUST
    }

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

    /// A kfunc that releases references to this type, for advice; `None` if there is none or the host does not tell.
    fn release_of(&self, ty: TypeRef, kind: &ProgramKind) -> Option<&KfuncProto> {
        let _ = (ty, kind);
        None
    }

    /// The fields of a record; most hosts have none.
    fn record(&self, id: RecordId) -> Option<&RecordProto> {
        let _ = id;
        None
    }

    /// The name of a helper that exists, for messages.
    fn helper_name(&self, id: HelperId) -> Option<&str> {
        let _ = id;
        None
    }

    /// The name of a kfunc that exists, for messages.
    fn kfunc_name(&self, id: KfuncId) -> Option<&str> {
        let _ = id;
        None
    }

    /// The type of the object that a map of this kind is: what lies behind a pointer to the map itself. Most hosts let nobody look.
    fn map_object(&self, kind: MapKind) -> Option<TypeRef> {
        let _ = kind;
        None
    }

    /// Why a program is refused before it is walked, in the host's own words: its hook is disabled, its licence does not do.
    fn refuses(&self, program: &Program) -> Option<String> {
        let _ = program;
        None
    }

    /// Whether a program may sleep, where that does not follow from the entry alone.
    fn sleepable(&self, program: &Program, entry: &EntryProto) -> Sleepable {
        let _ = program;
        entry.sleepable
    }

    /// What maps of this kind store, where that is not plain bytes: as an argument of an update, and as the result of a
    /// lookup. Most hosts have no such maps.
    fn stored(&self, kind: MapKind) -> Option<&ArgKind> {
        let _ = kind;
        None
    }

    /// What a lookup in a map of this kind gives, where that is not a pointer to a plain value.
    fn found(&self, kind: MapKind) -> Option<&RetKind> {
        let _ = kind;
        None
    }

    /// Whether a C type of this name is the context of programs of this kind: a global function whose parameter points to it
    /// takes the context. Others say so with the tag `arg:ctx`.
    fn is_context_type(&self, kind: &ProgramKind, name: &str) -> bool {
        let _ = (kind, name);
        false
    }

    /// Whether a kptr to this type that a map owns may be read in an RCU section: its end waits for a grace period.
    fn rcu_kptr(&self, ty: TypeRef) -> bool {
        let _ = ty;
        false
    }

    /// What the kernel calls programs of this kind that cannot use maps with such a field; `None` where they can.
    fn refuses_field(&self, kind: &ProgramKind, field: &SpecialField) -> Option<&'static str> {
        let _ = (kind, field);
        None
    }

    /// How programs of this kind may reach the packet; most hosts have none.
    fn packet(&self, kind: &ProgramKind) -> PacketRules {
        let _ = kind;
        PacketRules::NONE
    }
}
