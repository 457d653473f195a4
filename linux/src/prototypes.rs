//! Contexts and return rules that follow from a prototype in the kernel's BTF: one 8-byte slot per argument.

use opswap_bpf::btf::{BtfType, Param, Signedness};
use opswap_bpf::insn::Size;
use opswap_bpf::proto::{ContextArg, ContextValue, Demand, MemAccess, Nullness, ReturnRule};
use opswap_bpf::{Btf, BtfId, OpIdx, TypeRef};

use crate::fields::Fields;
use crate::programs::Prototype;
use crate::types::{Kind, kind};

/// Bytes of a map's key or value that an iterator may touch; the map that it is attached to has the last word.
const ITERATED_BUFFER: u32 = 4096;

/// Iterators that hold what they give to the program (6.18); of the others it may be gone.
const HELD_BY_ITERATOR: [&str; 6] = ["bpf_map", "task", "tcp", "udp", "cgroup", "kmem_cache"];

/// Iterators over what is in a map, which they hold and always give.
const ITERATED_OF_MAP: [&str; 2] = ["bpf_map_elem", "bpf_sk_storage_map"];
/// Greatest error number.
const MAX_ERRNO: i64 = 4095;

/// Hooks that no program may be attached to: what they answer is not a verdict.
const DISABLED_HOOKS: [&str; 9] = [
    "vm_enough_memory",
    "inode_need_killpriv",
    "inode_getsecurity",
    "inode_listsecurity",
    "inode_copy_up_xattr",
    "getselfattr",
    "getprocattr",
    "setprocattr",
    "ismaclabel",
];

/// Hooks whose arguments are being taken down or are not made up yet: programs may only look.
const UNTRUSTED_HOOKS: [&str; 7] = [
    "bpf_map_free",
    "bpf_prog_free",
    "file_alloc_security",
    "file_free_security",
    "sk_alloc_security",
    "sk_free_security",
    "task_free",
];

/// Whether no program may be attached to a hook that exists.
pub(crate) fn is_disabled(hook: &str) -> bool {
    DISABLED_HOOKS.contains(&hook)
}

/// Arguments and return rule of an entry point.
#[derive(Debug)]
pub(crate) struct Shape {
    pub(crate) args: Vec<ContextArg>,
    pub(crate) ret: ReturnRule,
}

/// The shape of an attachment point by its name; `None` when the kernel has no such point.
pub(crate) fn shape(btf: &Btf, prototype: Prototype, name: &str) -> Option<Shape> {
    match prototype {
        Prototype::Tracepoint => {
            let typedef =
                btf.find(&format!("btf_trace_{name}"), |ty| matches!(ty, BtfType::Typedef { .. }))?;
            let proto = btf.pointee(btf.skip_modifiers(typedef))?;
            // The first parameter is the tracepoint's private data; programs never see it.
            let slots = Slots { btf, demand: Demand::Trusted, null: Nulls::ByName };
            let (_, params) = proto_of(btf, proto)?;
            Some(Shape { args: slots.args(params.get(1..)?)?, ret: any() })
        }
        Prototype::Function | Prototype::FunctionExit => {
            let (ret, params) = btf.func_proto(btf.find_func(name)?)?;
            let slots = Slots { btf, demand: Demand::Untrusted, null: Nulls::Never };
            let mut args = slots.args(params)?;
            if prototype == Prototype::FunctionExit && !is_void(btf, ret) {
                args.push(slots.arg("ret", ret)?);
            }
            Some(Shape { args, ret: any() })
        }
        Prototype::SecurityHook if DISABLED_HOOKS.contains(&name) => None,
        Prototype::SecurityHook => {
            let (ret, params) = btf.func_proto(btf.find_func(&format!("bpf_lsm_{name}"))?)?;
            let untrusted = UNTRUSTED_HOOKS.contains(&name);
            let demand = if untrusted { Demand::Untrusted } else { Demand::Trusted };
            let slots = Slots { btf, demand, null: Nulls::ByName };
            Some(Shape { args: slots.args(params)?, ret: hook_return(btf, name, ret) })
        }
        Prototype::Iterator => {
            let (_, params) = btf.func_proto(btf.find_func(&format!("bpf_iter_{name}"))?)?;
            let slots = Slots { btf, demand: Demand::Trusted, null: Nulls::BehindFirst };
            Some(Shape { args: iterated(name, slots.args(params)?), ret: any() })
        }
        Prototype::Operation => None,
    }
}

/// What an iterator's program is given beside its first argument: valid only where the iterator holds it.
fn iterated(target: &str, mut args: Vec<ContextArg>) -> Vec<ContextArg> {
    for arg in args.iter_mut().skip(1) {
        let ContextValue::Object { demand, .. } = &mut arg.value else { continue };
        if ITERATED_OF_MAP.contains(&target) && arg.name == "map" {
            arg.null = Nullness::NonNull;
        } else if !HELD_BY_ITERATOR.contains(&target) {
            *demand = Demand::Untrusted;
        }
    }
    args
}

/// The functions of the table `ops`, in their order: name, result, parameters.
fn functions<'b>(btf: &'b Btf, ops: &str) -> impl Iterator<Item = (&'b str, BtfId, &'b [Param])> + use<'b> {
    let members = btf.find_struct(ops).and_then(|ops| btf.members(ops)).unwrap_or_default();
    members.iter().filter_map(move |member| {
        let proto = btf.pointee(btf.skip_modifiers(member.ty))?;
        proto_of(btf, proto).map(|(ret, params)| (member.name.as_str(), ret, params))
    })
}

/// The name of operation number `op` of the table `ops`.
pub(crate) fn operation_name<'b>(btf: &'b Btf, ops: &str, op: OpIdx) -> Option<&'b str> {
    functions(btf, ops).nth(op.index()).map(|(name, ..)| name)
}

/// The shape of operation number `op` of the table `ops`.
pub(crate) fn operation(btf: &Btf, fields: &Fields, ops: &str, op: OpIdx) -> Option<(String, Shape)> {
    let (name, ret, params) = functions(btf, ops).nth(op.index())?;
    if !fields.supports(ops, name) {
        return None;
    }
    // A stub with the same prototype may name its parameters more exactly (`…__nullable`).
    let stub = btf.find_func(&format!("{ops}__{name}")).and_then(|func| btf.func_proto(func));
    let params = stub.map_or(params, |(_, params)| params);
    let slots = Slots { btf, demand: Demand::Trusted, null: Nulls::ByName };
    let ret = if is_void(btf, ret) { ReturnRule::Void } else { any() };
    let mut args = slots.args(params)?;
    for arg in &mut args {
        if let ContextValue::Object { ty, .. } = &mut arg.value
            && let Some(wider) = fields.wider(ops, btf.name_of(ty.id)).and_then(|name| btf.find_struct(name))
        {
            *ty = TypeRef::host(wider);
        }
    }
    Some((format!("{ops}::{name}"), Shape { args, ret }))
}

fn any() -> ReturnRule {
    ReturnRule::Scalar { size: Size::DW, signed: Signedness::Unsigned }
}

fn is_void(btf: &Btf, id: BtfId) -> bool {
    matches!(kind(btf, id), Kind::Void)
}

fn proto_of(btf: &Btf, id: BtfId) -> Option<(BtfId, &[Param])> {
    if let Kind::Function { ret, params } = kind(btf, id) { Some((ret, params)) } else { None }
}

/// What a security hook returns: nothing, a truth value, or 0 and negative errors. A few hooks answer with counts.
fn hook_return(btf: &Btf, name: &str, ret: BtfId) -> ReturnRule {
    if is_void(btf, ret) {
        return ReturnRule::Void;
    }
    match name {
        "audit_rule_known" | "inode_xattr_skipcap" | "audit_rule_match" => {
            ReturnRule::Range { min: 0, max: 1 }
        }
        "vm_enough_memory" | "ismaclabel" => {
            ReturnRule::Range { min: i64::from(i32::MIN), max: i64::from(i32::MAX) }
        }
        _ => ReturnRule::Range { min: -MAX_ERRNO, max: 0 },
    }
}

/// Which pointer arguments may be NULL.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Nulls {
    Never,
    /// Those whose name says so.
    ByName,
    /// All but the first: an iterator's last call has no object.
    BehindFirst,
}

struct Slots<'a> {
    btf: &'a Btf,
    demand: Demand,
    null: Nulls,
}

impl Slots<'_> {
    fn args(&self, params: &[Param]) -> Option<Vec<ContextArg>> {
        let mut args = Vec::new();
        for (at, param) in params.iter().enumerate() {
            let mut arg = self.arg(&param.name, param.ty)?;
            let nullable = match self.null {
                Nulls::Never => false,
                Nulls::ByName => param.name.ends_with("__nullable"),
                Nulls::BehindFirst => at > 0,
            };
            if nullable && !matches!(arg.value, ContextValue::Scalar { .. }) {
                arg.null = Nullness::Nullable;
            }
            // A struct by value takes a slot for each 8 bytes.
            let slots = self.btf.size_of(param.ty).unwrap_or(8).div_ceil(8).max(1);
            for _ in 1..slots {
                args.push(arg.clone());
            }
            args.push(arg);
        }
        Some(args)
    }

    fn arg(&self, name: &str, ty: BtfId) -> Option<ContextArg> {
        let value = match kind(self.btf, ty) {
            Kind::Number { size, signed } => ContextValue::Scalar { size, signed },
            Kind::Pointer { to } => self.pointer(name, to),
            Kind::Struct { .. } | Kind::Union => {
                ContextValue::Scalar { size: Size::DW, signed: Signedness::Unsigned }
            }
            Kind::Void | Kind::Function { .. } | Kind::Other => return None,
        };
        Some(ContextArg { name: name.to_owned(), value, null: Nullness::NonNull })
    }

    fn pointer(&self, name: &str, to: BtfId) -> ContextValue {
        let target = self.btf.skip_modifiers(to);
        match kind(self.btf, target) {
            Kind::Struct { .. } => ContextValue::Object { ty: TypeRef::host(target), demand: self.demand },
            Kind::Void if self.null == Nulls::BehindFirst => {
                let access = if name == "key" { MemAccess::Read } else { MemAccess::ReadWrite };
                ContextValue::Memory { size: ITERATED_BUFFER, access }
            }
            Kind::Void
            | Kind::Number { .. }
            | Kind::Pointer { .. }
            | Kind::Union
            | Kind::Function { .. }
            | Kind::Other => ContextValue::Scalar { size: Size::DW, signed: Signedness::Unsigned },
        }
    }
}
