//! Contracts as BTF decl tags, and back: what a C prototype cannot say about an argument or a result.
//!
//! Each register of a function has one tag `arg:…`, and the function one tag `ret:…`. Words are separated by spaces; types are not
//! in the text, they are those of the prototype. Together with the prototype the text is the whole contract, so that verifying
//! against an interface file gives the application's own verdict.
//!
//! ```text
//! arg:scalar 4 unsigned          arg:object exclusive         ret:void
//! arg:checked 1 0,1              arg:memory arg 1 read        ret:object borrowed 2 nullable
//! arg:const 8                    arg:size any                 ret:memory arg 1 read tie 0
//! ```

use std::fmt::Write;

use opswap_bpf::btf::{Param, Signedness};
use opswap_bpf::insn::Size;
use opswap_bpf::proto::{
    Allocation, ArgIdx, ArgKind, ArgProto, Demand, DynptrKind, DynptrMemory, FieldKind, IrqClass, IrqRole,
    IterRole, MemAccess, MemInit, MemSize, NodeUse, Nullness, RetKind, RetProto, RetTrust, SizeRule,
};
use opswap_bpf::{Btf, BtfId, KfuncFlags, TypeRef};

/// A set of words and what they stand for.
type Words<T> = [(&'static str, T)];

const DEMANDS: &Words<Demand> = &[
    ("trusted", Demand::Trusted),
    ("rcu", Demand::Rcu),
    ("exclusive", Demand::Exclusive),
    ("owned", Demand::Owned),
    ("untrusted", Demand::Untrusted),
];
const SIGNS: &Words<Signedness> = &[("unsigned", Signedness::Unsigned), ("signed", Signedness::Signed)];
const SIZES: &Words<Size> = &[("1", Size::B), ("2", Size::H), ("4", Size::W), ("8", Size::DW)];
const RULES: &Words<SizeRule> =
    &[("any", SizeRule::AnyOrZero), ("nonzero", SizeRule::NonZero), ("const", SizeRule::Constant)];
const ACCESSES: &Words<(MemAccess, MemInit)> = &[
    ("read", (MemAccess::Read, MemInit::Required)),
    ("readwrite", (MemAccess::ReadWrite, MemInit::Required)),
    ("write", (MemAccess::Write, MemInit::Required)),
    ("read_uninit", (MemAccess::Read, MemInit::Provided)),
    ("readwrite_uninit", (MemAccess::ReadWrite, MemInit::Provided)),
    ("uninit", (MemAccess::Write, MemInit::Provided)),
];
const DYNPTRS: &Words<DynptrKind> = &[
    ("read", DynptrKind::Read),
    ("readwrite", DynptrKind::ReadWrite),
    ("uninit", DynptrKind::Uninit(DynptrMemory::Host)),
    ("uninit_local", DynptrKind::Uninit(DynptrMemory::Local)),
    ("uninit_ringbuf", DynptrKind::Uninit(DynptrMemory::Ringbuf)),
    ("uninit_skb", DynptrKind::Uninit(DynptrMemory::Skb)),
    ("uninit_skb_meta", DynptrKind::Uninit(DynptrMemory::SkbMeta)),
    ("uninit_xdp", DynptrKind::Uninit(DynptrMemory::Xdp)),
    ("owned", DynptrKind::Owned),
    ("clone_of_0", DynptrKind::CloneOf(ArgIdx(0))),
    ("clone_of_1", DynptrKind::CloneOf(ArgIdx(1))),
    ("clone_of_2", DynptrKind::CloneOf(ArgIdx(2))),
    ("clone_of_3", DynptrKind::CloneOf(ArgIdx(3))),
    ("clone_of_4", DynptrKind::CloneOf(ArgIdx(4))),
];
const FIELDS: &Words<FieldKind> = &[
    ("spin_lock", FieldKind::SpinLock),
    ("timer", FieldKind::Timer),
    ("workqueue", FieldKind::Workqueue),
    ("kptr", FieldKind::Kptr),
    ("res_spin_lock", FieldKind::ResSpinLock),
    ("task_work", FieldKind::TaskWork),
    ("list_head", FieldKind::ListHead),
    ("list_node", FieldKind::ListNode),
    ("rb_root", FieldKind::RbRoot),
    ("rb_node", FieldKind::RbNode),
    ("refcount", FieldKind::Refcount),
];
const USES: &Words<NodeUse> = &[("given", NodeUse::Given), ("linked", NodeUse::Linked)];
const ALLOCATIONS: &Words<Allocation> = &[("object", Allocation::Object), ("percpu", Allocation::Percpu)];
const ROLES: &Words<IterRole> = &[
    ("new", IterRole::New),
    ("next", IterRole::Next),
    ("destroy", IterRole::Destroy),
    ("use", IterRole::Use),
];
const IRQS: &Words<(IrqRole, IrqClass)> = &[
    ("save", (IrqRole::Save, IrqClass::Native)),
    ("restore", (IrqRole::Restore, IrqClass::Native)),
    ("save_lock", (IrqRole::Save, IrqClass::Lock)),
    ("restore_lock", (IrqRole::Restore, IrqClass::Lock)),
];

/// The tag of each flag: `kfunc:` and the attribute's word.
pub(super) const FLAG_TAGS: &[(KfuncFlags, &str)] = &[
    (KfuncFlags::ACQUIRE, "kfunc:acquire"),
    (KfuncFlags::RELEASE, "kfunc:release"),
    (KfuncFlags::RET_NULL, "kfunc:ret_null"),
    (KfuncFlags::KPTR_GET, "kfunc:kptr_get"),
    (KfuncFlags::TRUSTED_ARGS, "kfunc:trusted_args"),
    (KfuncFlags::SLEEPABLE, "kfunc:sleepable"),
    (KfuncFlags::DESTRUCTIVE, "kfunc:destructive"),
    (KfuncFlags::RCU, "kfunc:rcu"),
    (KfuncFlags::ITER_NEW, "kfunc:iter_new"),
    (KfuncFlags::ITER_NEXT, "kfunc:iter_next"),
    (KfuncFlags::ITER_DESTROY, "kfunc:iter_destroy"),
    (KfuncFlags::RCU_PROTECTED, "kfunc:rcu_protected"),
    (KfuncFlags::FASTCALL, "kfunc:fastcall"),
    (KfuncFlags::IMPLICIT_ARGS, "kfunc:implicit_args"),
    (KfuncFlags::SPINLOCK_SAFE, "kfunc:spinlock_safe"),
    (KfuncFlags::PERFMON, "kfunc:perfmon"),
    (KfuncFlags::DTOR, "kfunc:dtor"),
];

/// In front of the type's name, where a destructor's prototype says `void *`.
pub(super) const ERASED: &str = "kfunc:dtor=";

fn word<T: PartialEq>(words: &Words<T>, value: &T) -> &'static str {
    words.iter().find(|(_, candidate)| candidate == value).map_or("?", |(word, _)| word)
}

/// The tag of an argument; `None` for kinds that only Linux's own functions have.
pub(super) fn arg_tag(arg: &ArgProto) -> Option<String> {
    let mut text = format!("arg:{}", kind_text(&arg.kind)?);
    if arg.null == Nullness::Nullable {
        text.push_str(" nullable");
    }
    Some(text)
}

fn kind_text(kind: &ArgKind) -> Option<String> {
    Some(match kind {
        ArgKind::Scalar { size, signed } => format!("scalar {} {}", word(SIZES, size), word(SIGNS, signed)),
        ArgKind::Checked { size, legal } => {
            let legal: Vec<String> = legal.iter().map(u64::to_string).collect();
            format!("checked {} {}", word(SIZES, size), legal.join(","))
        }
        ArgKind::Const { size } => format!("const {}", word(SIZES, size)),
        ArgKind::Object { demand, .. } => format!("object {}", word(DEMANDS, demand)),
        ArgKind::ObjectOrMemory { demand, size, .. } => {
            format!("object_or_memory {} {size}", word(DEMANDS, demand))
        }
        ArgKind::Field(kind) => format!("field {}", word(FIELDS, kind)),
        ArgKind::Node { kind, taken } => format!("node {} {}", word(FIELDS, kind), word(USES, taken)),
        ArgKind::Allocated { by, demand } => {
            format!("allocated {} {}", word(ALLOCATIONS, by), word(DEMANDS, demand))
        }
        ArgKind::OwnedObject => "owned_object".to_owned(),
        ArgKind::KptrSlot { .. } => "kptr_slot".to_owned(),
        ArgKind::Memory { size, access, init } => {
            format!("memory {} {}", size_text(*size), word(ACCESSES, &(*access, *init)))
        }
        ArgKind::Unsized => "unsized".to_owned(),
        ArgKind::Size { rule } => format!("size {}", word(RULES, rule)),
        ArgKind::Str => "str".to_owned(),
        ArgKind::Map { shape: None } => "map".to_owned(),
        ArgKind::Map { shape: Some((key, value)) } => format!("map {key} {value}"),
        ArgKind::MapKey => "map_key".to_owned(),
        ArgKind::Context => "context".to_owned(),
        ArgKind::Dynptr(kind) => format!("dynptr {}", word(DYNPTRS, kind)),
        ArgKind::Iter { role, .. } => format!("iter {}", word(ROLES, role)),
        ArgKind::IrqFlag { role, class } => format!("irq {}", word(IRQS, &(*role, *class))),
        ArgKind::Callback { args } => {
            let args: Option<Vec<String>> = args.iter().map(kind_text).collect();
            format!("callback {}", args?.join("; "))
        }
        ArgKind::Ignored => "ignored".to_owned(),
        ArgKind::Arena => "arena".to_owned(),
        ArgKind::Any => "any".to_owned(),
        ArgKind::Record { .. }
        | ArgKind::Reserved
        | ArgKind::Percpu
        | ArgKind::Stack
        | ArgKind::Passed(_)
        | ArgKind::MapValue { .. }
        | ArgKind::Implicit => return None,
    })
}

fn size_text(size: MemSize) -> String {
    match size {
        MemSize::Fixed(bytes) => format!("fixed {bytes}"),
        MemSize::Arg(ArgIdx(at)) => format!("arg {at}"),
    }
}

/// The tag of a result; `None` for kinds that only Linux's own functions have.
pub(super) fn ret_tag(ret: &RetProto) -> Option<String> {
    let mut text = match &ret.kind {
        RetKind::Void => "ret:void".to_owned(),
        RetKind::Scalar { size, signed } => {
            format!("ret:scalar {} {}", word(SIZES, size), word(SIGNS, signed))
        }
        RetKind::Object { trust, .. } => match trust {
            RetTrust::Owned => "ret:object owned".to_owned(),
            RetTrust::Borrowed(ArgIdx(at)) => format!("ret:object borrowed {at}"),
            RetTrust::Trusted => "ret:object trusted".to_owned(),
            RetTrust::Rcu => "ret:object rcu".to_owned(),
            RetTrust::Untrusted => "ret:object untrusted".to_owned(),
        },
        RetKind::Memory { size, access, tie } => {
            let access = word(ACCESSES, &(*access, MemInit::Required));
            let mut text = format!("ret:memory {} {access}", size_text(*size));
            if let Some(ArgIdx(at)) = tie {
                let _ = write!(text, " tie {at}");
            }
            text
        }
        RetKind::Range { min, max } => format!("ret:range {min} {max}"),
        RetKind::CountOrErrno(_)
        | RetKind::Record { .. }
        | RetKind::PercpuOf(_)
        | RetKind::KptrOf(_)
        | RetKind::Allocated { .. }
        | RetKind::ElementOf { .. }
        | RetKind::SameAs(_)
        | RetKind::Cast { .. }
        | RetKind::MapValue => return None,
    };
    if ret.null == Nullness::Nullable {
        text.push_str(" nullable");
    }
    Some(text)
}

/// Words of a tag, read from the left.
struct Cursor<'t> {
    words: std::str::SplitAsciiWhitespace<'t>,
    text: &'t str,
}

/// What is wrong with a tag.
pub(super) type TagResult<T> = Result<T, String>;

impl<'t> Cursor<'t> {
    fn new(text: &'t str) -> Self {
        Self { words: text.split_ascii_whitespace(), text }
    }

    fn next(&mut self) -> TagResult<&'t str> {
        self.words.next().ok_or_else(|| format!("tag `{}` ends too early", self.text))
    }

    fn one_of<T: Copy>(&mut self, words: &Words<T>) -> TagResult<T> {
        let found = self.next()?;
        let known = words.iter().find(|(word, _)| *word == found);
        known.map(|(_, value)| *value).ok_or_else(|| {
            let expected: Vec<_> = words.iter().map(|(word, _)| *word).collect();
            format!("tag `{}`: expected one of {}, found `{found}`", self.text, expected.join(", "))
        })
    }

    fn number<T: std::str::FromStr>(&mut self) -> TagResult<T> {
        let found = self.next()?;
        found.parse().map_err(|_| format!("tag `{}`: expected a number, found `{found}`", self.text))
    }

    fn mem_size(&mut self) -> TagResult<MemSize> {
        match self.next()? {
            "fixed" => Ok(MemSize::Fixed(self.number()?)),
            "arg" => Ok(MemSize::Arg(ArgIdx(self.number()?))),
            found => Err(format!("tag `{}`: expected `fixed` or `arg`, found `{found}`", self.text)),
        }
    }

    fn nullness(&mut self) -> TagResult<Nullness> {
        match self.words.next() {
            None => Ok(Nullness::NonNull),
            Some("nullable") => Ok(Nullness::Nullable),
            Some(found) => Err(format!("tag `{}`: unexpected `{found}`", self.text)),
        }
    }
}

/// What a parameter points to, modifiers skipped.
fn pointee(btf: &Btf, ty: BtfId) -> TagResult<TypeRef> {
    let to = btf.pointee(ty).ok_or_else(|| format!("{ty} is not a pointer, but its tag says that it is"))?;
    Ok(TypeRef::host(btf.skip_modifiers(to)))
}

/// The argument that `param` and its tag describe.
pub(super) fn read_arg(btf: &Btf, param: &Param, tag: &str) -> TagResult<ArgProto> {
    let text = tag.strip_prefix("arg:").ok_or_else(|| format!("`{tag}` is no tag of an argument"))?;
    let mut words = Cursor::new(text);
    let kind = read_kind(btf, param.ty, text, &mut words)?;
    let null = if matches!(kind, ArgKind::Callback { .. }) { Nullness::NonNull } else { words.nullness()? };
    Ok(ArgProto { name: plain_name(&param.name, &kind).into(), kind, null })
}

fn read_kind(btf: &Btf, ty: BtfId, text: &str, words: &mut Cursor<'_>) -> TagResult<ArgKind> {
    Ok(match words.next()? {
        "scalar" => ArgKind::Scalar { size: words.one_of(SIZES)?, signed: words.one_of(SIGNS)? },
        "checked" => {
            let size = words.one_of(SIZES)?;
            let legal = words.next()?.split(',').map(str::parse).collect::<Result<_, _>>();
            ArgKind::Checked {
                size,
                legal: legal.map_err(|_| format!("tag `{text}`: a legal value is no number"))?,
            }
        }
        "const" => ArgKind::Const { size: words.one_of(SIZES)? },
        "object" => ArgKind::Object { ty: pointee(btf, ty)?, demand: words.one_of(DEMANDS)? },
        "object_or_memory" => ArgKind::ObjectOrMemory {
            ty: pointee(btf, ty)?,
            demand: words.one_of(DEMANDS)?,
            size: words.number()?,
        },
        "field" => ArgKind::Field(words.one_of(FIELDS)?),
        "node" => ArgKind::Node { kind: words.one_of(FIELDS)?, taken: words.one_of(USES)? },
        "allocated" => ArgKind::Allocated { by: words.one_of(ALLOCATIONS)?, demand: words.one_of(DEMANDS)? },
        "owned_object" => ArgKind::OwnedObject,
        "kptr_slot" => ArgKind::KptrSlot { ty: pointee(btf, pointee(btf, ty)?.id)? },
        "memory" => {
            let size = words.mem_size()?;
            let (access, init) = words.one_of(ACCESSES)?;
            ArgKind::Memory { size, access, init }
        }
        "unsized" => ArgKind::Unsized,
        "size" => ArgKind::Size { rule: words.one_of(RULES)? },
        "str" => ArgKind::Str,
        "map" => match text.split_ascii_whitespace().nth(1) {
            Some(first) if first != "nullable" => {
                ArgKind::Map { shape: Some((words.number()?, words.number()?)) }
            }
            Some(_) | None => ArgKind::Map { shape: None },
        },
        "map_key" => ArgKind::MapKey,
        "context" => ArgKind::Context,
        "dynptr" => ArgKind::Dynptr(words.one_of(DYNPTRS)?),
        "irq" => {
            let (role, class) = words.one_of(IRQS)?;
            ArgKind::IrqFlag { role, class }
        }
        "iter" => ArgKind::Iter { ty: pointee(btf, ty)?, role: words.one_of(ROLES)? },
        "callback" => ArgKind::Callback { args: read_callback(btf, ty, text)? },
        "ignored" => ArgKind::Ignored,
        "arena" => ArgKind::Arena,
        "any" => ArgKind::Any,
        found => return Err(format!("tag `{text}`: unknown kind of argument `{found}`")),
    })
}

fn read_callback(btf: &Btf, ty: BtfId, text: &str) -> TagResult<Vec<ArgKind>> {
    let proto = pointee(btf, ty)?.id;
    let (_, params) =
        btf.func_proto(proto).ok_or_else(|| format!("tag `{text}`: not a pointer to a function"))?;
    let texts = text.strip_prefix("callback").unwrap_or_default().trim();
    let texts: Vec<&str> = texts.split("; ").filter(|text| !text.is_empty()).collect();
    if texts.len() != params.len() {
        return Err(format!("tag `{text}`: {} arguments, the prototype has {}", texts.len(), params.len()));
    }
    // One level only: a callback that takes callbacks would have to say where one list ends.
    let one = |(param, text): (&Param, &&str)| read_kind(btf, param.ty, text, &mut Cursor::new(text));
    params.iter().zip(&texts).map(one).collect()
}

/// The result that a prototype's result type and its tag describe.
pub(super) fn read_ret(btf: &Btf, ty: BtfId, tag: &str) -> TagResult<RetProto> {
    let text = tag.strip_prefix("ret:").ok_or_else(|| format!("`{tag}` is no tag of a result"))?;
    let mut words = Cursor::new(text);
    let kind = match words.next()? {
        "void" => RetKind::Void,
        "scalar" => RetKind::Scalar { size: words.one_of(SIZES)?, signed: words.one_of(SIGNS)? },
        "range" => RetKind::Range { min: words.number()?, max: words.number()? },
        "object" => {
            let trust = match words.next()? {
                "owned" => RetTrust::Owned,
                "borrowed" => RetTrust::Borrowed(ArgIdx(words.number()?)),
                "trusted" => RetTrust::Trusted,
                "rcu" => RetTrust::Rcu,
                "untrusted" => RetTrust::Untrusted,
                found => return Err(format!("tag `{text}`: unknown ownership `{found}`")),
            };
            RetKind::Object { ty: pointee(btf, ty)?, trust }
        }
        "memory" => {
            let size = words.mem_size()?;
            let (access, _) = words.one_of(ACCESSES)?;
            let tied = text.split_ascii_whitespace().any(|word| word == "tie");
            let tie = if tied {
                words.next()?;
                Some(ArgIdx(words.number()?))
            } else {
                None
            };
            RetKind::Memory { size, access, tie }
        }
        found => return Err(format!("tag `{text}`: unknown kind of result `{found}`")),
    };
    Ok(RetProto { kind, null: words.nullness()? })
}

/// A parameter's name without the kernel's suffix.
fn plain_name(name: &str, kind: &ArgKind) -> String {
    if matches!(kind, ArgKind::Size { .. }) {
        let memory = name.strip_suffix("__szk").or_else(|| name.strip_suffix("__sz")).unwrap_or(name);
        return format!("size of {memory}");
    }
    let suffixes = [
        "__k",
        "__uninit",
        "__opt",
        "__nullable",
        "__ref",
        "__ign",
        "__str",
        "__map",
        "__iter",
        "__irq_flag",
        "__alloc",
        "__refcounted_kptr",
        "__nonown_allowed",
        "__prog",
    ];
    suffixes.iter().find_map(|suffix| name.strip_suffix(suffix)).unwrap_or(name).to_owned()
}
