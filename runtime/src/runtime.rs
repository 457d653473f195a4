//! [`Runtime`]: an application's declarations together with its policy, from which objects are loaded.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use opswap_bpf::btf::Signedness;
use opswap_bpf::insn::Size;
use opswap_bpf::map::MapKind;
use opswap_bpf::proto::{
    ArgKind, ContextLayout, EntryProto, FieldPolicy, KfuncProto, PacketRules, RecordProto, RetKind,
    ReturnRule, Sleepable, StructOpsProto,
};
use opswap_bpf::{Btf, BtfSpace, HelperId, HelperProto, KfuncId, ProgramKind, RecordId, TypeRef};
use opswap_jit::CodeAddr;
use opswap_verifier::host::Unavailable;
use opswap_verifier::{Host, Limits};

use crate::declare::TypeKey;
use crate::error::LoadError;
use crate::helpers;
use crate::kernel;
use crate::loader::{ObjectFile, Resolve};
use crate::maps::MapUse;
use crate::module::Module;
use crate::module::loaded::Owner;
use crate::object::verdict::{Verdict, WalkLog};
use crate::object::{self, Object};
use crate::program::Program;
use crate::registry::{Origin, Registry};

/// What a runtime asks of an application's declarations. [`Registry`] is the one that users have.
pub(crate) trait Application: Host + Resolve + fmt::Debug + Send + Sync {
    /// The kfunc with this name.
    fn kfunc_id(&self, name: &str) -> Option<KfuncId>;
    /// Code of a kfunc's shim.
    fn kfunc_code(&self, id: KfuncId, module: i16) -> Option<CodeAddr>;
    /// The contract of a table of operations.
    fn table(&self, name: &str) -> Option<&Arc<StructOpsProto>>;
    /// Names of all tables, sorted.
    fn tables(&self) -> Vec<String>;
    /// Whose helpers the programs call.
    fn helpers(&self) -> HelperSource {
        HelperSource::Core
    }
    /// What a program of an object is for, where the section does not say it.
    fn program_kind(&self, object: &ObjectFile, program: usize) -> Option<ProgramKind> {
        let _ = (object, program);
        None
    }
    /// Whether the declarations are those of the running program: only then do its slots take what was proved against them.
    fn origin(&self) -> Origin;
    /// Whose the kfunc is.
    fn kfunc_owner(&self, id: KfuncId) -> Owner;
    /// Whose the table is.
    fn table_owner(&self, name: &str) -> Owner;
    /// The shim that takes back what a raw kfunc handed out: it takes one register.
    fn raw_destructor(&self, ty: TypeKey) -> Option<CodeAddr> {
        let _ = ty;
        None
    }
}

/// Whose helpers programs call.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum HelperSource {
    /// This crate's few, beside the application's kfuncs.
    Core,
    /// A kernel's.
    Kernel,
}

impl HelperSource {
    /// Code of a helper.
    pub(crate) fn addr(self, id: HelperId) -> Option<CodeAddr> {
        match self {
            Self::Core => helpers::addr(id),
            Self::Kernel => Some(kernel::addr(id)),
        }
    }

    /// Who uses the maps.
    pub(crate) fn map_use(self) -> MapUse {
        match self {
            Self::Core => MapUse::Application,
            Self::Kernel => MapUse::Kernel,
        }
    }
}

impl Application for Registry {
    fn kfunc_id(&self, name: &str) -> Option<KfuncId> {
        self.kfunc_named(name)
    }

    fn kfunc_code(&self, id: KfuncId, module: i16) -> Option<CodeAddr> {
        // Modules of the application are found by name: in programs everything is the host's own.
        if module == 0 { self.kfunc_addr(id) } else { None }
    }

    fn table(&self, name: &str) -> Option<&Arc<StructOpsProto>> {
        self.struct_ops_named(name)
    }

    fn tables(&self) -> Vec<String> {
        self.tables().iter().map(|table| table.proto.name.clone()).collect()
    }

    fn origin(&self) -> Origin {
        self.origin()
    }

    fn kfunc_owner(&self, id: KfuncId) -> Owner {
        self.kfuncs().get(id.index()).map(|kfunc| kfunc.owner().clone()).unwrap_or_default()
    }

    fn table_owner(&self, name: &str) -> Owner {
        let table = self.tables().iter().find(|table| table.proto.name == name);
        table.map(|table| table.owner().clone()).unwrap_or_default()
    }

    fn raw_destructor(&self, ty: TypeKey) -> Option<CodeAddr> {
        self.raw_destructor(ty)
    }
}

/// What is done with a line of `bpf_trace_printk`.
type Log = dyn Fn(&str) + Send + Sync;

/// Where lines of `bpf_trace_printk` go.
#[derive(Clone)]
pub(crate) struct Logger(Option<Arc<Log>>);

impl Logger {
    /// One that says nothing.
    pub(crate) const fn silent() -> Self {
        Self(None)
    }

    pub(crate) fn log(&self, line: &str) {
        if let Some(log) = &self.0 {
            log(line);
        }
    }
}

impl Default for Logger {
    fn default() -> Self {
        Self(Some(Arc::new(|line| eprintln!("bpf: {}", line.trim_end_matches('\n')))))
    }
}

impl fmt::Debug for Logger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Logger")
    }
}

/// Which licences objects must have.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum LicensePolicy {
    /// Any.
    #[default]
    Any,
    /// Programs for tables of operations must be GPL-compatible, as Linux demands.
    GplForStructOps,
}

bitflags::bitflags! {
    /// What loaded programs may do beyond the ordinary.
    #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
    pub struct Capabilities: u32 {
        /// Call kfuncs that are declared `destructive` (Linux: `CAP_SYS_BOOT`).
        const DESTRUCTIVE = 1 << 0;
        /// Call kfuncs that are declared `perfmon` (Linux: `CAP_PERFMON`).
        const PERFMON = 1 << 1;
    }
}

/// Largest map in bytes, unless the builder says otherwise.
const DEFAULT_MAP_BYTES: u64 = 1 << 30;

/// What all objects of a runtime share.
#[derive(Debug)]
pub(crate) struct Policy {
    pub(crate) application: Arc<dyn Application>,
    pub(crate) limits: Limits,
    pub(crate) map_bytes: u64,
    pub(crate) capabilities: Capabilities,
    pub(crate) license: LicensePolicy,
    pub(crate) logger: Logger,
    /// Entry points beside the application's tables, by section name.
    entries: BTreeMap<String, EntryProto>,
}

impl Policy {
    /// The kind of a program by its section: the section itself, or what stands in front of its first `/`.
    pub(crate) fn kind_of(&self, section: &str) -> ProgramKind {
        let prefix = section.split('/').next().unwrap_or_default();
        let name = if self.entries.contains_key(section) { section } else { prefix };
        ProgramKind::Named(name.to_owned())
    }

    pub(crate) fn entry_names(&self) -> Vec<String> {
        self.entries.keys().cloned().collect()
    }
}

impl Host for Policy {
    fn policy(&self) -> opswap_verifier::host::Policy {
        self.application.policy()
    }

    fn btf(&self, space: BtfSpace) -> Option<&Btf> {
        self.application.btf(space)
    }

    fn entry(&self, kind: &ProgramKind) -> Option<&EntryProto> {
        let own = match kind {
            ProgramKind::Named(name) => self.entries.get(name),
            ProgramKind::StructOps { .. } => None,
        };
        own.or_else(|| self.application.entry(kind))
    }

    fn kfunc(&self, id: KfuncId, module: i16, kind: &ProgramKind) -> Result<&KfuncProto, Unavailable> {
        Host::kfunc(&*self.application, id, module, kind)
    }

    fn helper(&self, id: HelperId, kind: &ProgramKind) -> Result<&HelperProto, Unavailable> {
        match (self.application.helpers(), helpers::proto(id)) {
            (HelperSource::Core, Some(core)) => Ok(core),
            (HelperSource::Core | HelperSource::Kernel, _) => self.application.helper(id, kind),
        }
    }

    fn field(&self, owner: TypeRef, member: u32, kind: &ProgramKind) -> FieldPolicy {
        self.application.field(owner, member, kind)
    }

    fn record(&self, id: RecordId) -> Option<&RecordProto> {
        self.application.record(id)
    }

    fn helper_name(&self, id: HelperId) -> Option<&str> {
        self.application.helper_name(id)
    }

    fn refuses(&self, program: &opswap_bpf::Program) -> Option<String> {
        self.application.refuses(program)
    }

    fn stored(&self, kind: MapKind) -> Option<&ArgKind> {
        self.application.stored(kind)
    }

    fn found(&self, kind: MapKind) -> Option<&RetKind> {
        self.application.found(kind)
    }

    fn packet(&self, kind: &ProgramKind) -> PacketRules {
        self.application.packet(kind)
    }

    fn release_of(&self, ty: TypeRef, kind: &ProgramKind) -> Option<&KfuncProto> {
        self.application.release_of(ty, kind)
    }
}

/// Loads objects against everything that the linked crates declare. Cheap to make and to clone; several may live side by side.
#[derive(Clone, Debug)]
pub struct Runtime {
    policy: Arc<Policy>,
}

/// The bytes of an object, or where they are.
#[derive(Clone, Debug)]
pub enum Source<'a> {
    /// The bytes.
    Bytes(Cow<'a, [u8]>),
    /// A file.
    File(Cow<'a, Path>),
}

macro_rules! sources {
    ($($from:ty => $variant:ident($value:ident => $source:expr),)*) => {$(
        impl<'a> From<$from> for Source<'a> {
            fn from($value: $from) -> Self {
                Self::$variant($source)
            }
        }
    )*};
}

sources! {
    &'a [u8] => Bytes(bytes => Cow::Borrowed(bytes)),
    &'a Vec<u8> => Bytes(bytes => Cow::Borrowed(bytes)),
    Vec<u8> => Bytes(bytes => Cow::Owned(bytes)),
    &'a Path => File(path => Cow::Borrowed(path)),
    &'a PathBuf => File(path => Cow::Borrowed(path)),
    PathBuf => File(path => Cow::Owned(path)),
    &'a str => File(path => Cow::Borrowed(Path::new(path))),
    &'a String => File(path => Cow::Borrowed(Path::new(path))),
    String => File(path => Cow::Owned(path.into())),
}

impl<'a, const N: usize> From<&'a [u8; N]> for Source<'a> {
    fn from(bytes: &'a [u8; N]) -> Self {
        Self::Bytes(Cow::Borrowed(bytes))
    }
}

impl<'a> Source<'a> {
    fn read(self) -> Result<Cow<'a, [u8]>, LoadError> {
        match self {
            Self::Bytes(bytes) => Ok(bytes),
            Self::File(path) => match std::fs::read(&path) {
                Ok(bytes) => Ok(Cow::Owned(bytes)),
                Err(source) => Err(LoadError::Read { path: path.into_owned(), source }),
            },
        }
    }
}

impl Runtime {
    /// A runtime with the ordinary policy.
    ///
    /// # Errors
    /// The declarations contradict each other: two kfuncs have the same name, for instance.
    pub fn new() -> Result<Self, LoadError> {
        Self::builder().build()
    }

    /// A runtime with a policy of one's own.
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// Loads an object from its bytes or a file: creates its maps, verifies and compiles its programs, fills in its tables.
    ///
    /// # Errors
    /// The first thing that is wrong: in the file, in what it asks of the application, in a program.
    pub fn load<'a>(&self, source: impl Into<Source<'a>>) -> Result<Object, LoadError> {
        object::load(&self.policy, &source.into().read()?)
    }

    /// Loads one program of an object together with the object's maps, and nothing else of it.
    ///
    /// # Errors
    /// As for [`load`](Self::load), or the object has no program `name`, or it implements an operation.
    pub fn load_one<'a>(&self, source: impl Into<Source<'a>>, name: &str) -> Result<Program, LoadError> {
        object::load_one(&self.policy, &source.into().read()?, name)
    }

    /// Asks the verifier about every program of an object, in the object's order, and loads nothing.
    ///
    /// # Errors
    /// The object cannot be read. What is wrong with one program is part of its verdict.
    pub fn verify<'a>(&self, source: impl Into<Source<'a>>) -> Result<Vec<Verdict>, LoadError> {
        object::verdict::verdicts(&self.policy, &source.into().read()?, WalkLog::Dropped)
    }

    /// Like [`verify`](Self::verify); each verdict comes with the verifier's log.
    ///
    /// # Errors
    /// As for `verify`.
    pub fn verify_logged<'a>(&self, source: impl Into<Source<'a>>) -> Result<Vec<Verdict>, LoadError> {
        object::verdict::verdicts(&self.policy, &source.into().read()?, WalkLog::Kept)
    }

    /// Verifies and compiles a program that was linked elsewhere and uses no maps.
    ///
    /// # Errors
    /// The verifier or the compiler refuses it, or it names a map.
    pub fn load_program(&self, program: opswap_bpf::Program) -> Result<Program, LoadError> {
        object::load_program(&self.policy, program)
    }

    /// What the verifier is told about this runtime.
    pub fn host(&self) -> &(dyn Host + Send + Sync) {
        &*self.policy
    }
}

/// Makes a [`Runtime`].
#[derive(Clone, Debug, Default)]
pub struct Builder {
    limits: Limits,
    map_bytes: Option<u64>,
    capabilities: Capabilities,
    license: LicensePolicy,
    logger: Logger,
    entries: BTreeMap<String, EntryProto>,
    /// `None` for all that are loaded.
    modules: Option<Vec<Module>>,
}

impl Builder {
    /// Budgets of the verifier. Programs run on the stack of the thread that calls them, so `stack_bytes` and `call_frames`
    /// are never more than the ordinary.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        let ordinary = Limits::default();
        self.limits = Limits {
            stack_bytes: limits.stack_bytes.min(ordinary.stack_bytes),
            call_frames: limits.call_frames.min(ordinary.call_frames),
            ..limits
        };
        self
    }

    /// Largest map, in bytes (1 GiB unless said otherwise).
    #[must_use]
    pub fn map_bytes(mut self, bytes: u64) -> Self {
        self.map_bytes = Some(bytes);
        self
    }

    /// What programs may do beyond the ordinary (nothing unless said otherwise).
    #[must_use]
    pub fn capabilities(mut self, capabilities: Capabilities) -> Self {
        self.capabilities = capabilities;
        self
    }

    /// Which licences objects must have (any unless said otherwise).
    #[must_use]
    pub fn license(mut self, license: LicensePolicy) -> Self {
        self.license = license;
        self
    }

    /// Where the lines of `bpf_trace_printk` go (standard error unless said otherwise). It must not panic.
    #[must_use]
    pub fn logger(mut self, log: impl Fn(&str) + Send + Sync + 'static) -> Self {
        self.logger = Logger(Some(Arc::new(log)));
        self
    }

    /// Programs in section `section` (or `section/…`) are for this entry point, to be run with [`Program::run`].
    #[must_use]
    pub fn entry(mut self, section: impl Into<String>, contract: EntryProto) -> Self {
        self.entries.insert(section.into(), contract);
        self
    }

    /// Programs in section `section` are run by hand: they are given nothing and return 64 bits.
    #[must_use]
    pub fn standalone(self, section: impl Into<String>) -> Self {
        let section = section.into();
        let contract = EntryProto {
            name: section.clone(),
            context: ContextLayout::None,
            ret: ReturnRule::Scalar { size: Size::DW, signed: Signedness::Unsigned },
            sleepable: Sleepable::No,
            declared_at: None,
        };
        self.entry(section, contract)
    }

    /// Of the loaded modules, programs see these (all that are loaded when the runtime is built unless said otherwise).
    #[must_use]
    pub fn modules(mut self, modules: impl IntoIterator<Item = Module>) -> Self {
        self.modules = Some(modules.into_iter().collect());
        self
    }

    /// The runtime.
    ///
    /// # Errors
    /// The linked crates' declarations contradict each other: two kfuncs have the same name, for instance.
    pub fn build(self) -> Result<Runtime, LoadError> {
        let registry = match &self.modules {
            None => Registry::collect()?,
            Some(modules) => {
                let modules: Vec<_> = modules.iter().map(|module| Arc::clone(module.loaded())).collect();
                Registry::collect_with(&modules)?
            }
        };
        Ok(self.build_for(Arc::new(registry)))
    }

    /// The runtime for declarations from elsewhere: read from a built binary or an interface file, they are good for
    /// verifying, and for running what calls none of their kfuncs.
    pub fn build_with(self, registry: Registry) -> Runtime {
        self.build_for(Arc::new(registry))
    }

    pub(crate) fn build_for(self, application: Arc<dyn Application>) -> Runtime {
        let policy = Policy {
            application,
            limits: self.limits,
            map_bytes: self.map_bytes.unwrap_or(DEFAULT_MAP_BYTES),
            capabilities: self.capabilities,
            license: self.license,
            logger: self.logger,
            entries: self.entries,
        };
        Runtime { policy: Arc::new(policy) }
    }
}
