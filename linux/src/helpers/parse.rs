//! One line of `data/helpers.txt`: `NUMBER NAME (ARGUMENTS) -> RESULT | WORDS`.
//!
//! Arguments: `any` (written before, number or pointer), `scalar`, `zero` (a known 0), `ctx`, `mem_r`, `mem_rw`, `mem_w` (memory that is read, read
//! and written, only written; its size follows as an argument, or after a colon), `size` (above 0), `size0`, `alloc_size` (a
//! constant), `map`, `key`, `value` (read), `value_w`, `stack`, `obj:STRUCT`, `socket` (any socket), `sock_record` (a socket
//! record), `full_sock`, `str`, `func(ARGUMENTS)` (in which `passed:N` is what the call passed as argument N), `timer`, `lock`,
//! `kptr`, `owned` (a reference that the call takes), `reserved`, `percpu`, `dynptr`, `dynptr_local`, `dynptr_ringbuf` (constructed over these), `dynptr_owned`.
//!
//! Results: `int`, `void`, `range:LO..HI`, `count:N` (an error, or at most the size in argument N), `value`, `obj:STRUCT`,
//! `trusted:STRUCT`, a record's name, `reserved`, `percpu_of:N`, `kptr_of:N`, `slice`. `?` means that NULL is possible.
//!
//! Words: `gpl`, `with_lock` (may be called while a lock is held), `pkt` (memory may lie in the packet), `sleeps`, `fastcall`, `acquire`, `release`, `casts`, `moves_packet`,
//! `no_socket_maps` (a form for programs that may not change those), `is:MEANING`.

use opswap_bpf::btf::Signedness;
use opswap_bpf::insn::Size;
use opswap_bpf::proto::{
    ArgIdx, ArgKind, ArgProto, Demand, DynptrKind, DynptrMemory, FieldKind, HelperEffects, Intrinsic,
    KfuncFlags, MemAccess, MemInit, MemSize, Nullness, RetKind, RetProto, RetTrust, SizeRule,
};
use opswap_bpf::{Btf, HelperId, HelperProto, Text, TypeRef};

use crate::contexts::Contexts;
use crate::table::{Line, TableError, nullable};

pub(super) const TABLE: &str = "helpers.txt";

/// What names of types and records mean.
pub(super) struct Types<'a> {
    pub(super) btf: &'a Btf,
    pub(super) contexts: &'a Contexts,
}

/// `None` where the kernel lacks a type.
type Known<T> = Result<Option<T>, TableError>;

/// The name of a form and its prototype.
pub(super) fn proto(line: &Line<'_>, types: &Types<'_>) -> Known<(String, HelperProto)> {
    let (head, rest) = line.text.split_once('(').ok_or_else(|| line.wrong("expected `(`"))?;
    let (args, tail) = rest.rsplit_once(") ->").ok_or_else(|| line.wrong("expected `) ->`"))?;
    let [number, form] = head.split_whitespace().collect::<Vec<_>>()[..] else {
        return Err(line.wrong("expected a number and a name"));
    };
    let (ret, words) = tail.split_once('|').unwrap_or((tail, ""));
    let (mut flags, mut effects, mut intrinsic) = (KfuncFlags::empty(), HelperEffects::empty(), None);
    // Until the rules of `maps.txt` are known: `Some` for a form that leaves out the maps of sockets.
    let mut maps = None;
    for word in words.split_whitespace() {
        match word {
            "with_lock" => effects |= HelperEffects::WITH_SPIN_LOCK,
            "gpl" => effects |= HelperEffects::GPL_ONLY,
            "pkt" => effects |= HelperEffects::PACKET_MEMORY,
            "casts" => effects |= HelperEffects::CASTS_REFERENCE,
            "moves_packet" => effects |= HelperEffects::CHANGES_PACKET,
            "sleeps" => flags |= KfuncFlags::SLEEPABLE,
            "fastcall" => flags |= KfuncFlags::FASTCALL,
            "acquire" => flags |= KfuncFlags::ACQUIRE,
            "release" => flags |= KfuncFlags::RELEASE,
            "no_socket_maps" => maps = Some(Vec::new()),
            _ => intrinsic = Some(meaning(line, word)?),
        }
    }
    let Some(mut args) = arguments(line, types, args)? else { return Ok(None) };
    if flags.contains(KfuncFlags::RELEASE) {
        for arg in &mut args {
            if let ArgKind::Record { demand, .. } = &mut arg.kind {
                *demand = Demand::Owned;
            }
        }
    }
    let acquires = flags.contains(KfuncFlags::ACQUIRE);
    let Some(ret) = result(line, types, ret.trim(), acquires, &args)? else { return Ok(None) };
    if ret.null == Nullness::Nullable {
        flags |= KfuncFlags::RET_NULL;
    }
    let name = form.split('/').next().unwrap_or(form);
    let proto = HelperProto {
        id: HelperId(line.number(number)?),
        name: format!("bpf_{name}"),
        args,
        ret,
        flags,
        effects,
        maps,
        intrinsic,
    };
    Ok(Some((form.to_owned(), proto)))
}

fn meaning(line: &Line<'_>, word: &str) -> Result<Intrinsic, TableError> {
    Ok(match word {
        "is:map_lookup" => Intrinsic::MapLookup,
        "is:map_update" => Intrinsic::MapUpdate,
        "is:tail_call" => Intrinsic::TailCall,
        "is:loop" => Intrinsic::Loop,
        "is:for_each" => Intrinsic::ForEach,
        "is:call_once" => Intrinsic::CallOnce,
        "is:call_later" => Intrinsic::CallLater,
        "is:spin_lock" => Intrinsic::SpinLock,
        "is:spin_unlock" => Intrinsic::SpinUnlock,
        "is:kptr_xchg" => Intrinsic::KptrXchg,
        "is:reserve" => Intrinsic::Reserve,
        "is:dynptr_from_mem" => Intrinsic::DynptrFromMem,
        "is:dynptr_reserve" => Intrinsic::DynptrReserve,
        "is:dynptr_release" => Intrinsic::DynptrRelease,
        "is:dynptr_data" => Intrinsic::DynptrData,
        "is:dynptr_write" => Intrinsic::DynptrWrite,
        _ => return Err(line.wrong(format!("unknown word `{word}`"))),
    })
}

/// The words between commas that are not inside parentheses.
fn split_arguments(text: &str) -> Vec<&str> {
    let (mut depth, mut start, mut words) = (0u32, 0, Vec::new());
    for (at, sign) in text.char_indices() {
        match sign {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => {
                words.push(text[start..at].trim());
                start = at + 1;
            }
            _ => {}
        }
    }
    words.push(text[start..].trim());
    words.retain(|word| !word.is_empty());
    words
}

fn arguments(line: &Line<'_>, types: &Types<'_>, text: &str) -> Known<Vec<ArgProto>> {
    let mut args = Vec::new();
    for (at, word) in split_arguments(text).into_iter().enumerate() {
        let at = u8::try_from(at).map_err(|_| line.wrong("too many arguments"))?;
        let (word, null) = nullable(word);
        let Some(kind) = argument(line, types, word, at)? else { return Ok(None) };
        args.push(ArgProto { name: Text::default(), kind, null });
    }
    Ok(Some(args))
}

fn memory(access: MemAccess, init: MemInit, size: MemSize) -> ArgKind {
    ArgKind::Memory { size, access, init }
}

/// The kind of argument number `at`.
fn argument(line: &Line<'_>, types: &Types<'_>, word: &str, at: u8) -> Known<ArgKind> {
    if let Some(inner) = word.strip_prefix("func(").and_then(|rest| rest.strip_suffix(')')) {
        let args = arguments(line, types, inner)?;
        return Ok(
            args.map(|args| ArgKind::Callback { args: args.into_iter().map(|arg| arg.kind).collect() })
        );
    }
    let (word, detail) = word.split_once(':').map_or((word, None), |(word, detail)| (word, Some(detail)));
    let size = || match detail {
        Some(bytes) => line.number(bytes).map(MemSize::Fixed),
        None => Ok(MemSize::Arg(ArgIdx(at + 1))),
    };
    let records =
        |names: &[&str]| names.iter().filter_map(|name| types.contexts.record_named(name)).collect();
    Ok(Some(match word {
        "any" => ArgKind::Any,
        "zero" => ArgKind::Checked { size: Size::DW, legal: vec![0] },
        "scalar" => ArgKind::Scalar { size: Size::DW, signed: Signedness::Unsigned },
        "ctx" => ArgKind::Context,
        "mem_r" => memory(MemAccess::Read, MemInit::Required, size()?),
        "mem_rw" => memory(MemAccess::ReadWrite, MemInit::Required, size()?),
        "mem_w" => memory(MemAccess::Write, MemInit::Provided, size()?),
        "size" => ArgKind::Size { rule: SizeRule::NonZero },
        "size0" => ArgKind::Size { rule: SizeRule::AnyOrZero },
        "alloc_size" => ArgKind::Const { size: Size::DW },
        "map" => ArgKind::Map { shape: None },
        "key" => ArgKind::MapKey,
        "value" => ArgKind::MapValue { access: MemAccess::Read },
        "value_w" => ArgKind::MapValue { access: MemAccess::Write },
        "stack" => ArgKind::Stack,
        "obj" => {
            let Some(ty) = types.btf.find_struct(detail.unwrap_or_default()) else { return Ok(None) };
            ArgKind::Object { ty: TypeRef::host(ty), demand: Demand::Untrusted }
        }
        "socket" => {
            ArgKind::Record { any_of: types.contexts.record_ids().collect(), demand: Demand::Trusted }
        }
        "sock_record" => ArgKind::Record {
            any_of: records(&["sock_common", "full_sock", "tcp_sock", "xdp_sock"]),
            demand: Demand::Trusted,
        },
        "full_sock" => ArgKind::Record { any_of: records(&["full_sock"]), demand: Demand::Trusted },
        "str" => ArgKind::Str,
        "passed" => ArgKind::Passed(ArgIdx(line.number(detail.unwrap_or_default())?)),
        "timer" => ArgKind::Field(FieldKind::Timer),
        "lock" => ArgKind::Field(FieldKind::SpinLock),
        "kptr" => ArgKind::Field(FieldKind::Kptr),
        "owned" => ArgKind::OwnedObject,
        "reserved" => ArgKind::Reserved,
        "percpu" => ArgKind::Percpu,
        "dynptr" => ArgKind::Dynptr(DynptrKind::Read),
        "dynptr_local" => ArgKind::Dynptr(DynptrKind::Uninit(DynptrMemory::Local)),
        "dynptr_ringbuf" => ArgKind::Dynptr(DynptrKind::Uninit(DynptrMemory::Ringbuf)),
        "dynptr_owned" => ArgKind::Dynptr(DynptrKind::Owned),
        _ => return Err(line.wrong(format!("unknown argument `{word}`"))),
    }))
}

fn result(
    line: &Line<'_>,
    types: &Types<'_>,
    word: &str,
    acquires: bool,
    args: &[ArgProto],
) -> Known<RetProto> {
    let (word, null) = nullable(word);
    let (word, detail) = word.split_once(':').unwrap_or((word, ""));
    let trust = if acquires { RetTrust::Owned } else { RetTrust::Trusted };
    let object =
        |trust| types.btf.find_struct(detail).map(|id| RetKind::Object { ty: TypeRef::host(id), trust });
    let kind = match word {
        "int" => Some(RetKind::Scalar { size: Size::DW, signed: Signedness::Unsigned }),
        "void" => Some(RetKind::Void),
        "range" => {
            let (min, max) = detail.split_once("..").ok_or_else(|| line.wrong("expected LO..HI"))?;
            Some(RetKind::Range { min: line.number(min)?, max: line.number(max)? })
        }
        "count" => Some(RetKind::CountOrErrno(ArgIdx(line.number(detail)?))),
        "value" => Some(RetKind::MapValue),
        "obj" if acquires => object(RetTrust::Owned),
        "obj" => object(RetTrust::Untrusted),
        "trusted" => object(RetTrust::Trusted),
        "percpu_of" => Some(RetKind::PercpuOf(ArgIdx(line.number(detail)?))),
        "kptr_of" => Some(RetKind::KptrOf(ArgIdx(line.number(detail)?))),
        "reserved" | "slice" => {
            let constant = args.iter().rposition(|arg| matches!(arg.kind, ArgKind::Const { .. }));
            let at = constant.and_then(|at| u8::try_from(at).ok());
            let at = at.ok_or_else(|| line.wrong("a result of constant size needs a constant argument"))?;
            let size = MemSize::Arg(ArgIdx(at));
            Some(RetKind::Memory {
                size,
                access: MemAccess::ReadWrite,
                tie: (word == "slice").then_some(ArgIdx(0)),
            })
        }
        _ => types.contexts.record_named(word).map(|id| RetKind::Record { id, trust }),
    };
    if kind.is_none() && !matches!(word, "obj" | "trusted") {
        return Err(line.wrong(format!("unknown result `{word}`")));
    }
    Ok(kind.map(|kind| RetProto { kind, null }))
}
