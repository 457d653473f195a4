//! Kfuncs: prototypes from BTF (argument kinds by type and by the suffix of the name), flags and hooks from `data/kfuncs.txt`.

use std::collections::HashMap;

use opswap_bpf::btf::{Param, Signedness};
use opswap_bpf::insn::Size;
use opswap_bpf::proto::{
    Allocation, ArgIdx, ArgKind, ArgProto, Demand, DynptrKind, DynptrMemory, FieldKind, Intrinsic, IrqClass,
    IrqRole, IterRole, MemAccess, MemInit, MemSize, NodeUse, Nullness, RetKind, RetProto, RetTrust, SizeRule,
    Sleepable,
};
use opswap_bpf::{Btf, BtfId, KfuncFlags, KfuncId, KfuncProto, TypeRef};
use opswap_verifier::host::Unavailable;

use crate::store::Store;
use crate::table::{TableError, lines};
use crate::types::{Kind, kind};

const TABLE: &str = "kfuncs.txt";
/// Functions that see a pointer as another type, or hand out one that must be cast.
const CASTS: [&str; 3] = ["bpf_cast_to_kern_ctx", "bpf_rdonly_cast", "bpf_arena_alloc_pages"];
/// Why a program may not iterate over the tasks of a control group.
const CSS_TASK: &str = "css_task_iter is only allowed in bpf_lsm, bpf_iter and sleepable progs";

#[derive(Clone, Debug)]
struct Row {
    hooks: Vec<String>,
    flags: KfuncFlags,
}

/// The kernel's kfuncs.
#[derive(Debug)]
pub(crate) struct Kfuncs {
    rows: HashMap<String, Row>,
    /// Prototypes that were asked for, by the context of those who asked; `None` for those that programs cannot call.
    protos: Store<(KfuncId, &'static str), Option<KfuncProto>>,
}

/// The program that calls.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Caller<'a> {
    /// Which kfunc sets apply besides the common one.
    pub(crate) hook: &'a str,
    /// Names of the context's type in C.
    pub(crate) contexts: &'static [&'static str],
    /// Name of the kernel's own type of the context; empty when it has none.
    pub(crate) kernel_context: &'static str,
    /// Whether it may iterate over the tasks of a control group: these are under a lock that interrupts take, too.
    pub(crate) css_task: Sleepable,
}

impl Kfuncs {
    pub(crate) fn read() -> Result<Self, TableError> {
        let mut rows = HashMap::new();
        for line in lines(TABLE, include_str!("../data/kfuncs.txt")) {
            let mut words = line.words();
            let (Some(name), Some(hooks)) = (words.next(), words.next()) else {
                return Err(line.wrong("expected a name and hooks"));
            };
            let mut flags = KfuncFlags::empty();
            for word in words {
                let flag = KfuncFlags::from_name(&word.to_uppercase());
                flags |= flag.ok_or_else(|| line.wrong(format!("unknown flag `{word}`")))?;
            }
            let hooks = hooks.split(',').map(str::to_owned).collect();
            rows.insert(name.to_owned(), Row { hooks, flags });
        }
        Ok(Self { rows, protos: Store::new() })
    }

    /// The id of a kfunc: its FUNC in the kernel's BTF. A flavour behind `___` does not count.
    pub(crate) fn named(&self, btf: &Btf, name: &str) -> Option<KfuncId> {
        let name = name.split("___").next().unwrap_or(name);
        self.rows.get(name)?;
        btf.find_func(name).map(|id| KfuncId(id.0))
    }

    /// The prototype, if this program may call it.
    pub(crate) fn proto(
        &self,
        btf: &Btf,
        id: KfuncId,
        caller: Caller<'_>,
    ) -> Result<&KfuncProto, Unavailable> {
        let func = btf.func(BtfId(id.0)).ok_or(Unavailable::Unknown)?;
        let row = self.rows.get(func.name.as_str()).ok_or(Unavailable::WrongProgramKind)?;
        let granted = |hook: &String| hook == "common" || caller.hook.split(',').any(|own| own == hook);
        if !row.hooks.iter().any(granted) {
            return Err(Unavailable::WrongProgramKind);
        }
        if func.name == "bpf_iter_css_task_new" && caller.css_task == Sleepable::No {
            return Err(Unavailable::Because(CSS_TASK));
        }
        let key = (id, caller.kernel_context);
        let known = match self.protos.get(&key) {
            Some(known) => known,
            None => {
                let reader = Reader { btf, flags: row.flags, name: &func.name, caller };
                self.protos.insert(key, reader.proto(id))
            }
        };
        known.as_ref().ok_or(Unavailable::Unknown)
    }
}

/// Reads one prototype.
struct Reader<'a> {
    btf: &'a Btf,
    flags: KfuncFlags,
    name: &'a str,
    caller: Caller<'a>,
}

impl Reader<'_> {
    fn proto(&self, id: KfuncId) -> Option<KfuncProto> {
        let (ret, params) = self.btf.func_proto(BtfId(id.0))?;
        let mut args = Vec::new();
        for (at, param) in params.iter().enumerate() {
            args.push(self.argument(at, param, params.get(at + 1))?);
        }
        let ret = if CASTS.contains(&self.name) {
            RetProto { kind: self.cast(&args)?, null: Nullness::NonNull }
        } else {
            self.result(ret, &args)?
        };
        Some(KfuncProto {
            name: self.name.into(),
            args,
            ret,
            flags: self.flags,
            func: TypeRef::host(BtfId(id.0)),
            intrinsic: intrinsic(self.name),
            declared_at: None,
        })
    }

    /// What those functions give.
    fn cast(&self, args: &[ArgProto]) -> Option<RetKind> {
        match self.name {
            "bpf_cast_to_kern_ctx" => {
                let ty = TypeRef::host(self.btf.find_struct(self.caller.kernel_context)?);
                Some(RetKind::Object { ty, trust: RetTrust::Trusted })
            }
            "bpf_rdonly_cast" => {
                let at = args.iter().position(|arg| matches!(arg.kind, ArgKind::Const { .. }))?;
                Some(RetKind::Cast { ty: ArgIdx(u8::try_from(at).ok()?) })
            }
            // The address of pages as everybody knows it: a number, until it is cast.
            _ => Some(RetKind::Scalar { size: Size::DW, signed: Signedness::Unsigned }),
        }
    }

    fn argument(&self, at: usize, param: &Param, next: Option<&Param>) -> Option<ArgProto> {
        let (name, suffix) = split_suffix(&param.name);
        let mut null = Nullness::NonNull;
        if matches!(suffix, "nullable" | "opt") {
            null = Nullness::Nullable;
        }
        let kind = match (suffix, kind(self.btf, param.ty)) {
            ("ign", _) => ArgKind::Ignored,
            ("prog", _) => ArgKind::Implicit,
            ("str", Kind::Pointer { .. }) => ArgKind::Str,
            ("map", Kind::Pointer { .. }) if takes_any_map(self.name) => {
                let ty = TypeRef::host(self.btf.find_struct("bpf_map")?);
                ArgKind::Object { ty, demand: Demand::Trusted }
            }
            ("map" | "const_map", Kind::Pointer { .. }) => ArgKind::Map { shape: None },
            ("irq_flag", Kind::Pointer { .. }) => self.irq_flag(),
            ("iter", Kind::Pointer { to }) => {
                ArgKind::Iter { ty: TypeRef::host(self.btf.skip_modifiers(to)), role: IterRole::Use }
            }
            ("sz", _) => ArgKind::Size { rule: SizeRule::AnyOrZero },
            ("szk", _) => ArgKind::Size { rule: SizeRule::Constant },
            ("k", Kind::Number { size, .. }) => ArgKind::Const { size },
            (_, Kind::Number { size, signed }) => ArgKind::Scalar { size, signed },
            (_, Kind::Pointer { to }) => self.pointer(at, suffix, to, next)?,
            (_, Kind::Void | Kind::Struct { .. } | Kind::Union | Kind::Function { .. } | Kind::Other) => {
                return None;
            }
        };
        Some(ArgProto { name: name.into(), kind, null })
    }

    fn pointer(&self, at: usize, suffix: &str, to: BtfId, next: Option<&Param>) -> Option<ArgKind> {
        let target = self.btf.skip_modifiers(to);
        let sized = next.is_some_and(|next| matches!(split_suffix(&next.name).1, "sz" | "szk"));
        if sized {
            let index = u8::try_from(at + 1).ok()?;
            return Some(ArgKind::Memory {
                size: MemSize::Arg(ArgIdx(index)),
                access: MemAccess::ReadWrite,
                init: MemInit::Required,
            });
        }
        let ty = TypeRef::host(target);
        let iterates = KfuncFlags::ITER_NEW | KfuncFlags::ITER_NEXT | KfuncFlags::ITER_DESTROY;
        match kind(self.btf, target) {
            Kind::Struct { name } => Some(match name {
                _ if self.name == "bpf_cast_to_kern_ctx" || self.caller.contexts.contains(&name) => {
                    ArgKind::Context
                }
                // Where it is not the context, the kernel's own type of it.
                "__sk_buff" => self.projection("sk_buff", at)?,
                "xdp_md" => self.projection("xdp_buff", at)?,
                "bpf_dynptr" | "bpf_dynptr_kern" if suffix == "uninit" => {
                    ArgKind::Dynptr(self.constructed()?)
                }
                "bpf_dynptr" | "bpf_dynptr_kern" => ArgKind::Dynptr(DynptrKind::Read),
                "bpf_wq" => ArgKind::Field(FieldKind::Workqueue),
                // Lists and trees hold objects of the program's own types; their functions are not described here yet.
                "bpf_list_head" => ArgKind::Field(FieldKind::ListHead),
                "bpf_rb_root" => ArgKind::Field(FieldKind::RbRoot),
                "bpf_list_node" => ArgKind::Node { kind: FieldKind::ListNode, taken: NodeUse::Given },
                "bpf_rb_node" => ArgKind::Node { kind: FieldKind::RbNode, taken: self.node_use() },
                _ if at == 0 && self.flags.intersects(iterates) => {
                    let role = if self.flags.contains(KfuncFlags::ITER_NEW) {
                        IterRole::New
                    } else if self.flags.contains(KfuncFlags::ITER_NEXT) {
                        IterRole::Next
                    } else {
                        IterRole::Destroy
                    };
                    ArgKind::Iter { ty, role }
                }
                _ => ArgKind::Object { ty, demand: self.demand(at) },
            }),
            Kind::Function { .. } if intrinsic(self.name) == Some(Intrinsic::CallLater) => {
                let value = ArgKind::MapValue { access: MemAccess::ReadWrite };
                Some(ArgKind::Callback { args: vec![ArgKind::Map { shape: None }, ArgKind::MapKey, value] })
            }
            Kind::Function { .. } if self.name == "bpf_rbtree_add_impl" => {
                let node = ArgKind::Node { kind: FieldKind::RbNode, taken: NodeUse::Linked };
                Some(ArgKind::Callback { args: vec![node.clone(), node] })
            }
            Kind::Void if suffix == "alloc" => {
                Some(ArgKind::Allocated { by: self.allocation(), demand: Demand::Owned })
            }
            Kind::Void if suffix == "refcounted_kptr" => {
                Some(ArgKind::Allocated { by: Allocation::Object, demand: Demand::Trusted })
            }
            Kind::Void if self.name == "bpf_cast_to_kern_ctx" => Some(ArgKind::Context),
            Kind::Function { .. } | Kind::Void => None,
            Kind::Number { .. } | Kind::Pointer { .. } | Kind::Union | Kind::Other => Some(ArgKind::Memory {
                size: MemSize::Fixed(self.btf.size_of(target)?),
                access: MemAccess::ReadWrite,
                init: MemInit::Required,
            }),
        }
    }

    fn projection(&self, name: &str, at: usize) -> Option<ArgKind> {
        let ty = TypeRef::host(self.btf.find_struct(name)?);
        Some(ArgKind::Object { ty, demand: self.demand(at) })
    }

    /// What a function makes of an uninitialised dynptr.
    fn constructed(&self) -> Option<DynptrKind> {
        Some(match self.name {
            "bpf_dynptr_from_skb" => DynptrKind::Uninit(DynptrMemory::Skb),
            "bpf_dynptr_from_skb_meta" => DynptrKind::Uninit(DynptrMemory::SkbMeta),
            "bpf_dynptr_from_xdp" => DynptrKind::Uninit(DynptrMemory::Xdp),
            "bpf_dynptr_clone" => DynptrKind::CloneOf(ArgIdx(0)),
            _ => return None,
        })
    }

    fn irq_flag(&self) -> ArgKind {
        let class = if self.name.starts_with("bpf_local_irq_") { IrqClass::Native } else { IrqClass::Lock };
        let role = if self.name.ends_with("save") { IrqRole::Save } else { IrqRole::Restore };
        ArgKind::IrqFlag { role, class }
    }

    /// Trees take what is added; all else is about what they have.
    fn node_use(&self) -> NodeUse {
        if self.name == "bpf_rbtree_add_impl" { NodeUse::Given } else { NodeUse::Linked }
    }

    fn allocation(&self) -> Allocation {
        if self.name.starts_with("bpf_percpu_") { Allocation::Percpu } else { Allocation::Object }
    }

    fn demand(&self, at: usize) -> Demand {
        if self.flags.contains(KfuncFlags::RELEASE) && at == 0 {
            Demand::Owned
        } else if self.flags.contains(KfuncFlags::RCU) {
            Demand::Rcu
        } else if self.flags.contains(KfuncFlags::TRUSTED_ARGS) {
            Demand::Trusted
        } else {
            Demand::Untrusted
        }
    }

    fn result(&self, ret: BtfId, args: &[ArgProto]) -> Option<RetProto> {
        let null =
            if self.flags.contains(KfuncFlags::RET_NULL) { Nullness::Nullable } else { Nullness::NonNull };
        let kind = match kind(self.btf, ret) {
            Kind::Void => RetKind::Void,
            Kind::Number { size, signed } => RetKind::Scalar { size, signed },
            Kind::Pointer { to } => self.returned_pointer(to, args)?,
            Kind::Struct { .. } | Kind::Union | Kind::Function { .. } | Kind::Other => return None,
        };
        Some(RetProto { kind, null })
    }

    fn returned_pointer(&self, to: BtfId, args: &[ArgProto]) -> Option<RetKind> {
        let target = self.btf.skip_modifiers(to);
        let acquires = self.flags.contains(KfuncFlags::ACQUIRE);
        match kind(self.btf, target) {
            Kind::Struct { name: "bpf_list_node" | "bpf_rb_node" } => {
                let root = ArgIdx(0);
                let trust = if acquires { RetTrust::Owned } else { RetTrust::Borrowed(root) };
                Some(RetKind::ElementOf { root, trust })
            }
            Kind::Void if matches!(self.name, "bpf_obj_new_impl" | "bpf_percpu_obj_new_impl") => {
                Some(RetKind::Allocated { ty: ArgIdx(0), by: self.allocation() })
            }
            Kind::Void if self.name == "bpf_refcount_acquire_impl" => Some(RetKind::SameAs(ArgIdx(0))),
            Kind::Struct { .. } => {
                let trust = if self.flags.contains(KfuncFlags::ACQUIRE) {
                    RetTrust::Owned
                } else if self.flags.contains(KfuncFlags::RCU_PROTECTED) {
                    RetTrust::Rcu
                } else if self.flags.contains(KfuncFlags::ITER_NEXT) {
                    RetTrust::Trusted
                } else {
                    RetTrust::Untrusted
                };
                Some(RetKind::Object { ty: TypeRef::host(target), trust })
            }
            Kind::Void => {
                // A slice of a dynptr: as large as its constant size argument.
                let at =
                    args.iter().position(|arg| arg.kind == ArgKind::Size { rule: SizeRule::Constant })?;
                let size = MemSize::Arg(ArgIdx(u8::try_from(at).ok()?));
                let access =
                    if self.name == "bpf_dynptr_slice" { MemAccess::Read } else { MemAccess::ReadWrite };
                Some(RetKind::Memory { size, access, tie: Some(ArgIdx(0)) })
            }
            Kind::Function { .. } => None,
            Kind::Number { .. } | Kind::Pointer { .. } | Kind::Union | Kind::Other => Some(RetKind::Memory {
                size: MemSize::Fixed(self.btf.size_of(target)?),
                access: match self.name {
                    "bpf_session_cookie" => MemAccess::ReadWrite,
                    _ => MemAccess::Read,
                },
                // An element lies in the iterator itself.
                tie: self.flags.contains(KfuncFlags::ITER_NEXT).then_some(ArgIdx(0)),
            }),
        }
    }
}

/// A parameter's name and the kernel's suffix behind `__`.
fn split_suffix(name: &str) -> (&str, &str) {
    const SUFFIXES: [&str; 15] = [
        "sz",
        "szk",
        "k",
        "ign",
        "uninit",
        "opt",
        "nullable",
        "str",
        "map",
        "const_map",
        "prog",
        "alloc",
        "iter",
        "irq_flag",
        "refcounted_kptr",
    ];
    match name.rsplit_once("__") {
        Some((front, suffix)) if !front.is_empty() && SUFFIXES.contains(&suffix) => (front, suffix),
        _ => (name, ""),
    }
}

/// Whether a function takes maps as objects, too, which iterators over maps give.
fn takes_any_map(name: &str) -> bool {
    name.starts_with("bpf_arena_") || name == "bpf_map_sum_elem_count"
}

fn intrinsic(name: &str) -> Option<Intrinsic> {
    Some(match name {
        "bpf_throw" => Intrinsic::Throw,
        "bpf_wq_set_callback_impl" => Intrinsic::CallLater,
        "bpf_xdp_pull_data" => Intrinsic::MovesPacket,
        "bpf_dynptr_copy"
        | "bpf_dynptr_memset"
        | "bpf_probe_read_user_dynptr"
        | "bpf_probe_read_kernel_dynptr"
        | "bpf_probe_read_user_str_dynptr"
        | "bpf_probe_read_kernel_str_dynptr"
        | "bpf_copy_from_user_dynptr"
        | "bpf_copy_from_user_str_dynptr"
        | "bpf_copy_from_user_task_dynptr"
        | "bpf_copy_from_user_task_str_dynptr" => Intrinsic::DynptrWrite,
        "bpf_rcu_read_lock" => Intrinsic::RcuReadLock,
        "bpf_rcu_read_unlock" => Intrinsic::RcuReadUnlock,
        "bpf_preempt_disable" => Intrinsic::PreemptDisable,
        "bpf_preempt_enable" => Intrinsic::PreemptEnable,
        "bpf_dynptr_slice" | "bpf_dynptr_slice_rdwr" => Intrinsic::DynptrSlice,
        _ => return None,
    })
}
