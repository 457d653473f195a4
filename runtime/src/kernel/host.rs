//! [`Kernel`], and a kernel in the place of an application.

use std::fmt;
use std::sync::Arc;

use opswap_bpf::map::MapKind;
use opswap_bpf::proto::{
    ArgKind, EntryProto, FieldPolicy, KfuncProto, PacketRules, RecordProto, RetKind, StructOpsProto,
};
use opswap_bpf::{Btf, BtfSpace, HelperId, HelperProto, KfuncId, ProgramKind, RecordId, TypeRef};
use opswap_jit::CodeAddr;
use opswap_verifier::Host;
use opswap_verifier::host::{Policy, Unavailable};

use crate::loader::{HostVariable, Import, KfuncTarget, ObjectFile, Resolve, ResolveError};
use crate::module::loaded::Owner;
use crate::registry::Origin;
use crate::runtime::{Application, Builder, HelperSource, Runtime};

/// A kernel: its contracts as a host, its names as a linker.
pub trait Kernel: Host + Resolve + fmt::Debug + Send + Sync {
    /// What a program of an object is for.
    fn kind(&self, object: &ObjectFile, program: usize) -> ProgramKind;
}

/// A kernel in the place of an application.
#[derive(Debug)]
struct Foreign(Arc<dyn Kernel>);

impl Builder {
    /// A runtime for programs of a kernel; [`Runtime::load_one`] and [`Program::run_packet`](crate::Program::run_packet) work on it.
    ///
    /// # Safety
    /// Every helper's contract must be that of Linux's helper with this number, or stricter: the code here is written for those.
    #[must_use]
    pub unsafe fn build_over(self, kernel: Arc<dyn Kernel>) -> Runtime {
        self.build_for(Arc::new(Foreign(kernel)))
    }
}

impl Host for Foreign {
    fn policy(&self) -> Policy {
        self.0.policy()
    }

    fn btf(&self, space: BtfSpace) -> Option<&Btf> {
        self.0.btf(space)
    }

    fn entry(&self, kind: &ProgramKind) -> Option<&EntryProto> {
        self.0.entry(kind)
    }

    fn kfunc(&self, id: KfuncId, module: i16, kind: &ProgramKind) -> Result<&KfuncProto, Unavailable> {
        Host::kfunc(&*self.0, id, module, kind)
    }

    fn helper(&self, id: HelperId, kind: &ProgramKind) -> Result<&HelperProto, Unavailable> {
        self.0.helper(id, kind)
    }

    fn field(&self, owner: TypeRef, member: u32, kind: &ProgramKind) -> FieldPolicy {
        self.0.field(owner, member, kind)
    }

    fn release_of(&self, ty: TypeRef, kind: &ProgramKind) -> Option<&KfuncProto> {
        self.0.release_of(ty, kind)
    }

    fn record(&self, id: RecordId) -> Option<&RecordProto> {
        self.0.record(id)
    }

    fn helper_name(&self, id: HelperId) -> Option<&str> {
        self.0.helper_name(id)
    }

    fn refuses(&self, program: &opswap_bpf::Program) -> Option<String> {
        self.0.refuses(program)
    }

    fn stored(&self, kind: MapKind) -> Option<&ArgKind> {
        self.0.stored(kind)
    }

    fn found(&self, kind: MapKind) -> Option<&RetKind> {
        self.0.found(kind)
    }

    fn packet(&self, kind: &ProgramKind) -> PacketRules {
        self.0.packet(kind)
    }
}

impl Resolve for Foreign {
    fn kfunc(&self, import: Import<'_>) -> Result<KfuncTarget, ResolveError> {
        Resolve::kfunc(&*self.0, import)
    }

    fn variable(&self, import: Import<'_>) -> Result<HostVariable, ResolveError> {
        self.0.variable(import)
    }

    fn types(&self) -> Option<&Btf> {
        self.0.types()
    }

    fn shared_types(&self) -> Option<&Btf> {
        self.0.shared_types()
    }
}

impl Application for Foreign {
    fn kfunc_id(&self, _: &str) -> Option<KfuncId> {
        None
    }

    fn kfunc_code(&self, _: KfuncId, _: i16) -> Option<CodeAddr> {
        None
    }

    fn table(&self, _: &str) -> Option<&Arc<StructOpsProto>> {
        None
    }

    fn tables(&self) -> Vec<String> {
        Vec::new()
    }

    fn origin(&self) -> Origin {
        Origin::Elsewhere
    }

    fn kfunc_owner(&self, _: KfuncId) -> Owner {
        Owner::default()
    }

    fn table_owner(&self, _: &str) -> Owner {
        Owner::default()
    }

    fn helpers(&self) -> HelperSource {
        HelperSource::Kernel
    }

    fn program_kind(&self, object: &ObjectFile, program: usize) -> Option<ProgramKind> {
        Some(self.0.kind(object, program))
    }
}
