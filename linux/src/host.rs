//! [`Linux`]: a kernel as a host.

use std::sync::Arc;

use opswap_bpf::btf::Signedness;
use opswap_bpf::insn::Size;
use opswap_bpf::map::{MapKind, SpecialField};
use opswap_bpf::program::{License, LoadFlags};
use opswap_bpf::proto::{
    ArgKind, ContextLayout, Demand, FieldPolicy, MemAccess, PacketRules, RecordProto, RetKind, RetTrust,
    ReturnRule, Sleepable,
};
use opswap_bpf::{
    Btf, BtfId, BtfSpace, EntryProto, HelperId, HelperProto, KfuncId, KfuncProto, Program, ProgramKind,
    RecordId, TypeRef,
};
use opswap_verifier::host::{Host, Policy, Unavailable};

use crate::contexts::Contexts;
use crate::fields::Fields;
use crate::helpers::Helpers;
use crate::kfuncs::{Caller, Kfuncs};
use crate::programs::{ContextSource, ProgramType, Programs, Prototype, ReturnSource};
use crate::prototypes::{self, Shape};
use crate::store::Store;
use crate::table::TableError;

/// The helper `bpf_d_path`, which takes locks that other functions may hold.
const D_PATH: HelperId = HelperId(147);
/// The functions whose traces may call it.
const D_PATH_TARGETS: [&str; 9] = [
    "security_file_permission",
    "security_inode_getattr",
    "security_file_open",
    "security_path_truncate",
    "vfs_truncate",
    "vfs_fallocate",
    "dentry_open",
    "vfs_getattr",
    "filp_close",
];

/// Types whose objects end only after an RCU grace period.
const RCU_KPTRS: [&str; 5] =
    ["prog_test_ref_kfunc", "cgroup", "bpf_cpumask", "task_struct", "bpf_crypto_ctx"];
/// Programs that may run anywhere, also where a lock that they wait for is held.
const TRACING: [&str; 12] = [
    "kprobe",
    "kretprobe",
    "ksyscall",
    "kretsyscall",
    "uprobe",
    "uretprobe",
    "usdt",
    "tracepoint",
    "tp",
    "perf_event",
    "raw_tp",
    "raw_tracepoint",
];

/// A kernel, as far as a verifier needs to know it: its types and this crate's tables.
#[derive(Debug)]
pub struct Linux {
    btf: Arc<Btf>,
    contexts: Contexts,
    helpers: Helpers,
    programs: Programs,
    kfuncs: Kfuncs,
    fields: Fields,
    /// What a socket map takes.
    any_socket: ArgKind,
    /// What a lookup in a socket map gives.
    found_socket: Option<RetKind>,
    /// What a lookup in a map of XDP sockets gives.
    found_xdp_socket: Option<RetKind>,
    /// Entry points that were asked for; `None` for those that do not exist.
    entries: Store<ProgramKind, Option<EntryProto>>,
}

impl Linux {
    /// The kernel with these types (`/sys/kernel/btf/vmlinux`).
    ///
    /// # Errors
    /// When this crate's own tables are wrong.
    pub fn new(btf: Arc<Btf>) -> Result<Self, TableError> {
        let contexts = Contexts::read(&btf)?;
        let helpers = Helpers::read(&btf, &contexts)?;
        let programs = Programs::read(&btf, &contexts, &helpers)?;
        let kfuncs = Kfuncs::read()?;
        let any_socket = ArgKind::Record { any_of: contexts.record_ids().collect(), demand: Demand::Trusted };
        let found = |name, trust| contexts.record_named(name).map(|id| RetKind::Record { id, trust });
        Ok(Self {
            any_socket,
            found_socket: found("full_sock", RetTrust::Owned),
            found_xdp_socket: found("xdp_sock", RetTrust::Trusted),
            fields: Fields::read(&btf)?,
            btf,
            contexts,
            helpers,
            programs,
            kfuncs,
            entries: Store::new(),
        })
    }

    /// The kernel's types.
    pub fn types(&self) -> &Arc<Btf> {
        &self.btf
    }

    /// Every form of every helper.
    pub fn helper_protos(&self) -> &[HelperProto] {
        self.helpers.all()
    }

    /// The kfunc that programs link against by this name.
    pub fn kfunc_named(&self, name: &str) -> Option<KfuncId> {
        self.kfuncs.named(&self.btf, name)
    }

    pub(crate) fn program_type(&self, kind: &ProgramKind) -> Option<(&ProgramType, String)> {
        match kind {
            ProgramKind::Named(section) => {
                let (found, rest) = self.programs.resolve(section)?;
                Some((found, rest.to_owned()))
            }
            ProgramKind::StructOps { ops, .. } => Some((self.programs.resolve("struct_ops")?.0, ops.clone())),
        }
    }

    fn make_entry(&self, kind: &ProgramKind) -> Option<EntryProto> {
        let (program, name) = self.program_type(kind)?;
        let any = ReturnRule::Scalar { size: Size::DW, signed: Signedness::Unsigned };
        let (title, context, by_prototype) = match (&program.context, kind) {
            (ContextSource::Layout(_, fields), _) => (None, ContextLayout::Fields(fields.clone()), any),
            (ContextSource::Memory(size), _) => {
                (None, ContextLayout::Memory { size: *size, access: MemAccess::ReadWrite }, any)
            }
            (ContextSource::Prototype(_), ProgramKind::StructOps { ops, op }) => {
                let (title, Shape { args, ret }) = prototypes::operation(&self.btf, &self.fields, ops, *op)?;
                (Some(title), ContextLayout::Args(args), ret)
            }
            (ContextSource::Prototype(prototype), ProgramKind::Named(_)) => {
                let Shape { args, ret } = prototypes::shape(&self.btf, *prototype, &name)?;
                (Some(name), ContextLayout::Args(args), ret)
            }
        };
        let ret = match program.ret {
            ReturnSource::Any | ReturnSource::Prototype => by_prototype,
            ReturnSource::Range(min, max) => ReturnRule::Range { min, max },
        };
        let section = match kind {
            ProgramKind::Named(section) => section.clone(),
            ProgramKind::StructOps { ops, .. } => ops.clone(),
        };
        let sleepable = program.sleepable;
        Some(EntryProto { name: title.unwrap_or(section), context, ret, sleepable, declared_at: None })
    }
}

impl Host for Linux {
    fn policy(&self) -> Policy {
        Policy::LINUX
    }

    fn btf(&self, space: BtfSpace) -> Option<&Btf> {
        match space {
            BtfSpace::Host => Some(&self.btf),
            BtfSpace::Module(_) | BtfSpace::Program => None,
        }
    }

    fn entry(&self, kind: &ProgramKind) -> Option<&EntryProto> {
        if let Some(known) = self.entries.get(kind) {
            return known.as_ref();
        }
        self.entries.insert(kind.clone(), self.make_entry(kind)).as_ref()
    }

    fn kfunc(&self, id: KfuncId, module: i16, kind: &ProgramKind) -> Result<&KfuncProto, Unavailable> {
        if module != 0 {
            return Err(Unavailable::Unknown);
        }
        let (program, _) = self.program_type(kind).ok_or(Unavailable::WrongProgramKind)?;
        let css_task = match program.context {
            ContextSource::Prototype(Prototype::SecurityHook | Prototype::Iterator) => Sleepable::Yes,
            ContextSource::Prototype(_) | ContextSource::Layout(..) | ContextSource::Memory(_) => {
                program.sleepable
            }
        };
        let caller = Caller {
            hook: &program.hook,
            contexts: program.context_types,
            kernel_context: program.kernel_context,
            css_task,
        };
        self.kfuncs.proto(&self.btf, id, caller)
    }

    fn helper(&self, id: HelperId, kind: &ProgramKind) -> Result<&HelperProto, Unavailable> {
        let (program, target) = self.program_type(kind).ok_or(Unavailable::WrongProgramKind)?;
        if id == D_PATH && program.is_function() && !D_PATH_TARGETS.contains(&target.as_str()) {
            return Err(Unavailable::WrongTarget);
        }
        let form = program.helpers.get(&id).and_then(|&form| self.helpers.form(form));
        if let (ProgramKind::StructOps { ops, op }, Some(form)) = (kind, form)
            && let Some(member) = prototypes::operation_name(&self.btf, ops, *op)
            && self.fields.denies(ops, member, &form.name)
        {
            return Err(Unavailable::WrongProgramKind);
        }
        form.ok_or(if self.helpers.exists(id) { Unavailable::WrongProgramKind } else { Unavailable::Unknown })
    }

    fn field(&self, owner: TypeRef, member: u32, kind: &ProgramKind) -> FieldPolicy {
        let ops = match kind {
            ProgramKind::StructOps { ops, .. } => Some(ops.as_str()),
            ProgramKind::Named(_) => None,
        };
        let members = self.btf.members(owner.id).unwrap_or_default();
        let name = members.get(member as usize).map_or("", |member| member.name.as_str());
        self.fields.policy(ops, &self.btf, owner.id, name)
    }

    fn record(&self, id: RecordId) -> Option<&RecordProto> {
        self.contexts.record(id)
    }

    fn helper_name(&self, id: HelperId) -> Option<&str> {
        let mut forms = self.helpers.all().iter();
        forms.find(|proto| proto.id == id).map(|proto| proto.name.as_str())
    }

    fn kfunc_name(&self, id: KfuncId) -> Option<&str> {
        self.btf.func(BtfId(id.0)).map(|func| func.name.as_str())
    }

    fn stored(&self, kind: MapKind) -> Option<&ArgKind> {
        matches!(kind, MapKind::Sockmap | MapKind::Sockhash).then_some(&self.any_socket)
    }

    fn found(&self, kind: MapKind) -> Option<&RetKind> {
        if matches!(kind, MapKind::Sockmap | MapKind::Sockhash) {
            self.found_socket.as_ref()
        } else if kind == MapKind::Xskmap {
            self.found_xdp_socket.as_ref()
        } else {
            None
        }
    }

    fn map_object(&self, kind: MapKind) -> Option<TypeRef> {
        self.btf.find_struct(crate::types::map_object(kind)).map(TypeRef::host)
    }

    fn refuses(&self, program: &Program) -> Option<String> {
        if let ProgramKind::StructOps { ops, op } = &program.kind {
            if program.license != License::Gpl {
                return Some("struct ops programs must have a GPL compatible license".to_owned());
            }
            let member = prototypes::operation_name(&self.btf, ops, *op)?;
            let sleeps = program.flags.contains(LoadFlags::SLEEPABLE);
            return (sleeps && !self.fields.may_sleep(ops, member))
                .then(|| format!("attach to unsupported member {member} of struct {ops}"));
        }
        let (found, target) = self.program_type(&program.kind)?;
        let hook = matches!(found.context, ContextSource::Prototype(Prototype::SecurityHook));
        if !hook || !prototypes::is_disabled(&target) {
            return None;
        }
        let id = self.btf.find_func(&format!("bpf_lsm_{target}")).map_or(0, |id| id.0);
        Some(format!("attach_btf_id {id} points to disabled hook"))
    }

    fn sleepable(&self, program: &Program, entry: &EntryProto) -> Sleepable {
        let operation = matches!(program.kind, ProgramKind::StructOps { .. });
        if operation && program.flags.contains(LoadFlags::SLEEPABLE) {
            return Sleepable::Yes;
        }
        entry.sleepable
    }

    fn is_context_type(&self, kind: &ProgramKind, name: &str) -> bool {
        self.program_type(kind).is_some_and(|(program, _)| program.context_types.contains(&name))
    }

    fn rcu_kptr(&self, ty: TypeRef) -> bool {
        ty.space == BtfSpace::Host && RCU_KPTRS.contains(&self.btf.name_of(ty.id))
    }

    fn refuses_field(&self, kind: &ProgramKind, field: &SpecialField) -> Option<&'static str> {
        let ProgramKind::Named(section) = kind else { return None };
        let word = section.split(['/', '.']).next().unwrap_or(section);
        if TRACING.contains(&word) {
            return match field {
                SpecialField::SpinLock
                | SpecialField::ResSpinLock
                | SpecialField::Timer
                | SpecialField::Workqueue
                | SpecialField::ListHead { .. }
                | SpecialField::RbRoot { .. } => Some("tracing progs"),
                SpecialField::Refcount
                | SpecialField::ListNode
                | SpecialField::RbNode
                | SpecialField::Kptr { .. } => None,
            };
        }
        (section == "socket" && *field == SpecialField::SpinLock).then_some("socket filter progs")
    }

    fn packet(&self, kind: &ProgramKind) -> PacketRules {
        self.program_type(kind).map_or(PacketRules::NONE, |(program, _)| program.packet)
    }
}
