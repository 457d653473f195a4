//! An operation's arguments: slots of the context that a program is given, parameters of its C prototype, and tags.
//!
//! ```text
//! arg:value 12           a struct by value: as many slots as the C ABI takes registers, each a number
//! arg:start read         a slice, which takes two parameters: where it starts …
//! arg:end                … and where it ends
//! arg:object exclusive   everything else, as for a kfunc
//! ```

use opswap_bpf::Btf;
use opswap_bpf::btf::{Param, Signedness};
use opswap_bpf::insn::Size;
use opswap_bpf::proto::{
    ArgKind, ArgProto, ContextArg, ContextValue, Demand, KfuncFlags, MemAccess, MemSize, Nullness,
};

use super::contract::Signature;
use super::error::RegistryError;
use super::tags::{arg_tag, read_arg};
use super::types::{Types, User};
use crate::declare::{ArgDecl, ArgForm, MemRule};

/// Most slots of an operation (the kernel's `MAX_BPF_FUNC_ARGS`).
const MAX_SLOTS: usize = 12;

/// A lowered signature.
pub(super) struct Lowered {
    pub(super) slots: Vec<ContextArg>,
    pub(super) params: Vec<Param>,
    /// By parameter.
    pub(super) tags: Vec<String>,
    /// What programs may do with the slice, if there is one.
    pub(super) slice: Option<MemAccess>,
}

/// All arguments of an operation.
pub(super) fn lower(args: &[ArgDecl], user: User, types: &mut Types) -> Result<Lowered, RegistryError> {
    let mut lowered = Lowered { slots: Vec::new(), params: Vec::new(), tags: Vec::new(), slice: None };
    for arg in args {
        match arg.shape.form {
            ArgForm::Value => lowered.value(arg, user, types)?,
            ArgForm::Slice => lowered.slice(arg, user, types)?,
            ArgForm::Scalar
            | ArgForm::Checked
            | ArgForm::Constant
            | ArgForm::Object
            | ArgForm::KptrSlot
            | ArgForm::Memory
            | ArgForm::Str
            | ArgForm::Map
            | ArgForm::Dynptr
            | ArgForm::Iter
            | ArgForm::Callback
            | ArgForm::Implicit
            | ArgForm::Ignored
            | ArgForm::Raw
            | ArgForm::IrqFlag
            | ArgForm::Field
            | ArgForm::Allocated
            | ArgForm::Refcounted
            | ArgForm::RawOwned
            | ArgForm::RawErased
            | ArgForm::Unsized
            | ArgForm::Caller => lowered.plain(arg, user, types)?,
        }
    }
    check(&lowered.slots).map_err(|problem| user.signature(problem))?;
    Ok(lowered)
}

/// What holds for all slots together.
fn check(slots: &[ContextArg]) -> Result<(), String> {
    if slots.len() > MAX_SLOTS {
        return Err(format!("takes {} slots; an operation has {MAX_SLOTS} (a slice takes two)", slots.len()));
    }
    // A program compares pointers with *the* end: two ends could be mistaken for each other.
    if slots.iter().filter(|slot| slot.value == ContextValue::PacketStart).count() > 1 {
        return Err("takes two slices: an operation takes at most one, so that its end is that of no other"
            .to_owned());
    }
    Ok(())
}

fn number(name: String) -> ContextArg {
    let value = ContextValue::Scalar { size: Size::DW, signed: Signedness::Unsigned };
    ContextArg { name, value, null: Nullness::NonNull }
}

fn value_slots(name: &str, bytes: u32) -> Vec<ContextArg> {
    (0..bytes.div_ceil(8))
        .map(|at| number(if at == 0 { name.to_owned() } else { format!("{name}+{}", at * 8) }))
        .collect()
}

fn edge(name: String, value: ContextValue) -> ContextArg {
    ContextArg { name, value, null: Nullness::NonNull }
}

impl Lowered {
    fn value(&mut self, arg: &ArgDecl, user: User, types: &mut Types) -> Result<(), RegistryError> {
        self.slots.extend(value_slots(arg.name, arg.shape.bytes));
        let ty = types.expr(&arg.shape.ty, user)?;
        self.params.push(Param { name: arg.name.to_owned(), ty });
        self.tags.push(format!("arg:value {}", arg.shape.bytes));
        Ok(())
    }

    fn slice(&mut self, arg: &ArgDecl, user: User, types: &mut Types) -> Result<(), RegistryError> {
        let element = types.expr(&arg.shape.ty, user)?;
        let ty = types.pointer(element);
        let (word, access) = match arg.shape.mem {
            MemRule::Read => ("read", MemAccess::Read),
            MemRule::ReadWrite | MemRule::Uninit => ("readwrite", MemAccess::ReadWrite),
        };
        self.slice = Some(access);
        let end = format!("{}_end", arg.name);
        self.slots.push(edge(arg.name.to_owned(), ContextValue::PacketStart));
        self.slots.push(edge(end.clone(), ContextValue::PacketEnd));
        self.params.push(Param { name: arg.name.to_owned(), ty });
        self.params.push(Param { name: end, ty });
        self.tags.push(format!("arg:start {word}"));
        self.tags.push("arg:end".to_owned());
        Ok(())
    }

    fn plain(&mut self, arg: &ArgDecl, user: User, types: &mut Types) -> Result<(), RegistryError> {
        let signature = Signature { args: std::slice::from_ref(arg), flags: KfuncFlags::empty(), user };
        let lowered = signature.lower(types)?;
        for (proto, declared) in lowered.args.into_iter().zip(lowered.params) {
            let mut param = declared.param();
            if matches!(proto.kind, ArgKind::Object { demand: Demand::Owned, .. })
                && proto.null == Nullness::NonNull
            {
                param.name.push_str("__ref");
            }
            let tag = arg_tag(&proto).ok_or_else(|| user.signature(refused(&proto.name)))?;
            self.slots.push(context(proto).map_err(|problem| user.signature(problem))?);
            self.params.push(param);
            self.tags.push(tag);
        }
        Ok(())
    }
}

fn refused(name: &str) -> String {
    format!(
        "an operation cannot be given `{name}`: pass numbers, objects, small structs, a slice or memory of a fixed size"
    )
}

/// An argument as a program reads it from its context.
fn context(arg: ArgProto) -> Result<ContextArg, String> {
    let unsigned = Signedness::Unsigned;
    let value = if let ArgKind::Scalar { size, signed } = arg.kind {
        ContextValue::Scalar { size, signed }
    } else if let ArgKind::Checked { size, .. } | ArgKind::Const { size } = arg.kind {
        ContextValue::Scalar { size, signed: unsigned }
    } else if let ArgKind::Object { ty, demand } = arg.kind {
        ContextValue::Object { ty, demand }
    } else if let ArgKind::Memory { size: MemSize::Fixed(size), access, .. } = arg.kind {
        ContextValue::Memory { size, access }
    } else {
        return Err(refused(&arg.name));
    };
    Ok(ContextArg { name: arg.name.into(), value, null: arg.null })
}

/// All slots of an operation by its parameters and their tags, and what programs may do with its slice.
pub(super) fn read(
    btf: &Btf,
    params: &[(&Param, &str)],
) -> Result<(Vec<ContextArg>, Option<MemAccess>), String> {
    let mut slots = Vec::new();
    let mut slice = None;
    for (param, tag) in params {
        let words: Vec<&str> = tag.split_ascii_whitespace().collect();
        match words.as_slice() {
            ["arg:value", bytes] => {
                let bytes = bytes.parse().map_err(|_| format!("tag `{tag}`: expected a number"))?;
                let size = btf.size_of(param.ty);
                if size != Some(bytes) || bytes == 0 || bytes > 16 {
                    return Err(format!("tag `{tag}`: the parameter's type has {size:?} bytes"));
                }
                slots.extend(value_slots(&param.name, bytes));
            }
            ["arg:start", word @ ("read" | "readwrite")] => {
                slice = Some(if *word == "read" { MemAccess::Read } else { MemAccess::ReadWrite });
                slots.push(edge(param.name.clone(), ContextValue::PacketStart));
            }
            ["arg:end"] => slots.push(edge(param.name.clone(), ContextValue::PacketEnd)),
            _ => slots.push(context(read_arg(btf, param, tag)?)?),
        }
    }
    let edges = slots.windows(2).filter(|pair| {
        (pair[0].value == ContextValue::PacketStart) == (pair[1].value == ContextValue::PacketEnd)
    });
    let unpaired = slots.first().is_some_and(|slot| slot.value == ContextValue::PacketEnd)
        || slots.last().is_some_and(|slot| slot.value == ContextValue::PacketStart)
        || edges.count() + 1 < slots.len();
    if unpaired {
        return Err("a slice needs a start and, as the next parameter, its end".to_owned());
    }
    check(&slots)?;
    Ok((slots, slice))
}
