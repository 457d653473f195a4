//! Values, functions and places in words that people use.

use opswap_bpf::insn::{CallTarget, Imm64, MapRef, Reg};
use opswap_bpf::proto::{ArgKind, ArgProto, KfuncFlags, KfuncProto, Nullness};
use opswap_bpf::{Insn, InsnIdx, MapId};

use crate::access::object::type_name;
use crate::domain::Scalar;
use crate::state::{Pointer, RegState, Region, Trust};
use crate::subject::Subject;

/// What a register holds.
pub(crate) fn value(subject: &Subject<'_>, value: &RegState) -> String {
    match value {
        RegState::NotInit => "nothing".into(),
        RegState::Scalar(number) => self::number(&number.value),
        RegState::Pointer(pointer) => self::pointer(subject, pointer),
    }
}

fn number(value: &Scalar) -> String {
    if let Some(known) = value.as_constant() {
        let signed = known.cast_signed();
        return if (-4096..0).contains(&signed) { signed.to_string() } else { known.to_string() };
    }
    if value.umin() == 0 && value.umax() == u64::MAX {
        return match (value.smin(), value.smax()) {
            (i64::MIN, i64::MAX) => "any number".into(),
            (smin, smax) => format!("a number in {smin}..={smax}"),
        };
    }
    format!("a number in {}..={}", value.umin(), value.umax())
}

fn pointer(subject: &Subject<'_>, pointer: &Pointer) -> String {
    let map = |id: MapId| subject.map(id).map_or("?", |map| map.name.as_str()).to_owned();
    let what = match pointer.to {
        Region::Stack(_) => "a pointer to the stack".to_owned(),
        Region::Context => "the context".to_owned(),
        Region::MapPtr(id) => format!("the map `{}`", map(id)),
        Region::MapValue(id) => format!("a pointer to a value of the map `{}`", map(id)),
        Region::MapKey(id) => format!("a pointer to a key of the map `{}`", map(id)),
        Region::Dynptr(_) => "a dynptr of the host".to_owned(),
        Region::Probed => "an untrusted pointer to bytes".to_owned(),
        Region::Arena => "a pointer into the arena".to_owned(),
        Region::Func(_) => "the address of a function".to_owned(),
        Region::Packet { range: 0, .. } => "a pointer into the packet".to_owned(),
        Region::Packet { range, .. } => format!("a pointer to at least {range} bytes of packet"),
        Region::PacketEnd => "the end of the packet".to_owned(),
        Region::Record { name, .. } => format!("a pointer to a `{name}`"),
        Region::Memory { size, .. } => format!("a pointer to {size} bytes"),
        Region::Allocated(ty) => {
            let name = subject.program.btf.as_ref().map_or("?", |btf| btf.name_of(ty));
            match pointer.trust {
                Trust::Owned(_) => format!("an owned `{name}`"),
                Trust::Borrowed(_) => format!("a `{name}` that a lock protects"),
                Trust::Rcu => format!("an RCU-protected `{name}`"),
                Trust::Untrusted | Trust::Walked | Trust::Trusted | Trust::Exclusive(_) => {
                    format!("a `{name}`")
                }
            }
        }
        Region::Object(ty) => {
            let held = match pointer.trust {
                Trust::Untrusted | Trust::Walked => "an untrusted pointer to",
                Trust::Trusted => "a pointer to",
                Trust::Exclusive(_) => "an exclusive pointer to",
                Trust::Rcu => "an RCU-protected pointer to",
                Trust::Owned(_) => "an owned reference to",
                Trust::Borrowed(_) => "a borrowed pointer to",
            };
            format!("{held} `{}`", type_name(subject, ty))
        }
    };
    let offset = match pointer.fixed_offset() {
        Some(0) => String::new(),
        Some(offset) => format!(" at offset {offset}"),
        None => format!(" at offset {} plus {}", pointer.offset, number(&pointer.var)),
    };
    let null = if pointer.null == Nullness::Nullable { ", or NULL" } else { "" };
    format!("{what}{offset}{null}")
}

/// The contract of the kfunc that an instruction calls.
pub(crate) fn kfunc<'a>(subject: &Subject<'a>, insn: &Insn) -> Option<&'a KfuncProto> {
    let Insn::Call { target: CallTarget::Kfunc { id, module } } = insn else { return None };
    subject.host.kfunc(*id, *module, &subject.program.kind).ok()
}

/// The name of what an instruction calls.
pub(crate) fn callee(subject: &Subject<'_>, insn: &Insn, at: InsnIdx) -> Option<String> {
    let Insn::Call { target } = insn else { return None };
    match target {
        CallTarget::Kfunc { .. } => kfunc(subject, insn).map(|proto| proto.name.to_string()),
        CallTarget::Helper(id) => {
            subject.host.helper(*id, &subject.program.kind).ok().map(|proto| proto.name.clone())
        }
        CallTarget::Subprog(offset) => {
            let function = subject.cfg.function_at(at.jump(*offset)?)?;
            subject.cfg.functions().get(function.index()).map(|function| function.name.clone())
        }
    }
}

/// An instruction with names in place of numbers.
pub(crate) fn instruction(subject: &Subject<'_>, at: InsnIdx) -> String {
    let Some(insn) = subject.program.insns.get(at.index()) else { return String::new() };
    if let Some(name) = callee(subject, insn, at) {
        return format!("call {name}");
    }
    let text = insn.to_string();
    match map(insn).and_then(|id| subject.program.maps.get(id.index()).map(|map| (id, map))) {
        Some((id, map)) => text.replacen(&format!("[{}]", id.0), &format!("[{}]", map.name), 1),
        None => text,
    }
}

/// The map whose address an instruction loads.
fn map(insn: &Insn) -> Option<MapId> {
    let Insn::LoadImm64 { imm, .. } = insn else { return None };
    match imm {
        Imm64::Map(MapRef::Idx(id)) | Imm64::MapValue { map: MapRef::Idx(id), .. } => Some(*id),
        Imm64::Map(MapRef::Fd(_))
        | Imm64::MapValue { map: MapRef::Fd(_), .. }
        | Imm64::Value(_)
        | Imm64::HostVar { .. }
        | Imm64::Func(_) => None,
    }
}

/// A kfunc as its author declared it: `` `name` is declared `#[kfunc(acquire)]` at src/lib.rs:12 ``.
pub(crate) fn declaration(proto: &KfuncProto) -> Option<String> {
    let place = proto.declared_at.as_ref()?;
    let words: Vec<String> = proto
        .flags
        .difference(KfuncFlags::TRUSTED_ARGS)
        .iter_names()
        .map(|(name, _)| name.to_ascii_lowercase())
        .collect();
    let attribute =
        if words.is_empty() { "#[kfunc]".to_owned() } else { format!("#[kfunc({})]", words.join(", ")) };
    Some(format!("`{}` is declared `{attribute}` at {}:{}", proto.name, place.file, place.line))
}

/// The kernel's word for a value, in words.
pub(crate) fn kind(kernel: &str) -> String {
    if let Some(object) = kernel.strip_suffix("or_null_").or_else(|| kernel.strip_suffix("_or_null")) {
        return format!("{}, or NULL", kind(object.trim_end_matches('_')));
    }
    let known = match kernel.trim_end_matches('_') {
        "scalar" => "a number",
        "?" => "nothing",
        "fp" => "a pointer to the stack",
        "ctx" => "the context",
        "map_ptr" => "a map",
        "map_value" => "a pointer to a value of a map",
        "map_key" => "a pointer to a key of a map",
        "mem" => "a pointer to memory",
        "rdonly_mem" => "a pointer to read-only memory",
        "ringbuf_mem" => "a pointer to reserved memory",
        "func" => "the address of a function",
        "dynptr_ptr" => "a dynptr of the host",
        "pkt" => "a pointer into the packet",
        "pkt_meta" => "a pointer to the packet's metadata",
        "pkt_end" => "the end of the packet",
        "ptr" => "a pointer to an object",
        "trusted_ptr" => "a trusted pointer to an object",
        "rcu_ptr" => "an RCU-protected pointer to an object",
        "untrusted_ptr" => "an untrusted pointer to an object",
        other => return format!("a `{other}`"),
    };
    known.to_owned()
}

/// `a`, `a or b`, `a, b or c`.
pub(crate) fn one_of(words: &[String]) -> String {
    match words {
        [] => String::new(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} or {last}", first.join(", ")),
    }
}

/// What the host declares of the parameters of what an instruction calls.
fn parameters<'a>(subject: &Subject<'a>, at: InsnIdx) -> &'a [ArgProto] {
    let Some(insn) = subject.program.insns.get(at.index()) else { return &[] };
    if let Insn::Call { target: CallTarget::Helper(id) } = insn {
        return subject.host.helper(*id, &subject.program.kind).map_or(&[], |proto| &proto.args);
    }
    kfunc(subject, insn).map_or(&[], |proto| &proto.args)
}

/// An argument of a call by its index: ``argument 1 (`packet`)``.
pub(crate) fn argument(subject: &Subject<'_>, at: InsnIdx, index: usize) -> String {
    match parameters(subject, at).get(index).filter(|parameter| !parameter.name.is_empty()) {
        Some(parameter) => format!("argument {} (`{}`)", index + 1, parameter.name),
        None => format!("argument {}", index + 1),
    }
}

/// The argument of a call that a register holds.
pub(crate) fn argument_in(subject: &Subject<'_>, at: InsnIdx, reg: Reg) -> String {
    let Some(place) = Reg::ARGS.iter().position(|arg| *arg == reg) else { return reg.to_string() };
    let seen = parameters(subject, at).iter().enumerate().filter(|(_, arg)| arg.kind != ArgKind::Implicit);
    let index = seen.map(|(index, _)| index).nth(place).unwrap_or(place);
    argument(subject, at, index)
}

/// The sentence with a small first letter, unless it begins with an abbreviation.
pub(crate) fn lowercase_first(sentence: &str) -> String {
    if sentence.chars().nth(1).is_some_and(char::is_uppercase) {
        return sentence.to_owned();
    }
    let mut chars = sentence.chars();
    chars.next().map_or_else(String::new, |first| first.to_lowercase().chain(chars).collect())
}
