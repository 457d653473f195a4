//! Registers as the kernel writes them: `scalar(smin=0,umax=63,var_off=(0x0; 0x3f))`, `map_value(map=counts,ks=4,vs=8)`.

use opswap_bpf::{MapId, Program};

use crate::domain::Scalar;
use crate::host::Host;
use crate::state::{Identity, Pointer, RegState, Region, Trust};
use crate::subject::map_of;

/// What a register holds.
pub(super) fn value(program: &Program, host: &dyn Host, value: &RegState) -> String {
    match value {
        RegState::NotInit => String::new(),
        RegState::Scalar(number) => scalar(&number.value, number.id.is_some().then_some(number.id)),
        RegState::Pointer(pointer) => self::pointer(program, host, pointer),
    }
}

fn scalar(value: &Scalar, id: Option<Identity>) -> String {
    if let Some(known) = value.as_constant() {
        return signed(known.cast_signed());
    }
    let mut parts: Vec<String> = id.map(identity).into_iter().collect();
    parts.extend(ranges(value));
    let bits = value.tnum();
    if bits.mask() != u64::MAX {
        parts.push(format!("var_off=({:#x}; {:#x})", bits.value(), bits.mask()));
    }
    format!("scalar({})", parts.join(","))
}

/// `id=3`, or `id=3+8` for a number that is greater by 8.
fn identity(id: Identity) -> String {
    if id.delta == 0 { format!("id={}", id.base) } else { format!("id={}{:+}", id.base, id.delta) }
}

fn signed(number: i64) -> String {
    if i16::try_from(number).is_ok() { number.to_string() } else { format!("{number:#x}") }
}

fn unsigned(number: u64) -> String {
    if u16::try_from(number).is_ok() { number.to_string() } else { format!("{number:#x}") }
}

/// Bounds that say something; equal ones of the same side are written together.
fn ranges(value: &Scalar) -> Vec<String> {
    let (s32_min, s32_max) = (i64::from(value.s32_min()), i64::from(value.s32_max()));
    let (u32_min, u32_max) = (u64::from(value.u32_min()), u64::from(value.u32_max()));
    let mut bounds = [
        ("smin", value.smin().cast_unsigned(), value.smin() == i64::MIN),
        ("smax", value.smax().cast_unsigned(), value.smax() == i64::MAX),
        ("umin", value.umin(), value.umin() == 0),
        ("umax", value.umax(), value.umax() == u64::MAX),
        ("smin32", s32_min.cast_unsigned(), value.s32_min() == i32::MIN),
        ("smax32", s32_max.cast_unsigned(), value.s32_max() == i32::MAX),
        ("umin32", u32_min, value.u32_min() == 0),
        ("umax32", u32_max, value.u32_max() == u32::MAX),
    ];
    let is_signed = |name: &str| name.starts_with('s');
    let negative = |name: &str, bound: u64| is_signed(name) && bound.cast_signed() < 0;
    let mut parts = Vec::new();
    for first in 0..bounds.len() {
        let (name, bound, omitted) = bounds[first];
        if omitted {
            continue;
        }
        let mut names = format!("{name}=");
        for second in (first + 2..bounds.len()).step_by(2) {
            let (other, equal, omitted) = bounds[second];
            if !omitted && equal == bound && negative(other, equal) == negative(name, bound) {
                bounds[second].2 = true;
                names.push_str(other);
                names.push('=');
            }
        }
        let number = if is_signed(name) { signed(bound.cast_signed()) } else { unsigned(bound) };
        parts.push(names + &number);
    }
    parts
}

fn pointer(program: &Program, host: &dyn Host, pointer: &Pointer) -> String {
    let name = pointer.kernel_name();
    if let Region::Stack(_) = pointer.to
        && pointer.var.as_constant() == Some(0)
    {
        return format!("{name}{}", pointer.offset);
    }
    let mut parts = Vec::new();
    if pointer.id.is_some() {
        parts.push(format!("id={}", pointer.id.number()));
    }
    if let Trust::Owned(reference) = pointer.trust {
        parts.push(format!("ref_obj_id={}", reference.0));
    }
    if let Region::MapPtr(id) | Region::MapValue(id) | Region::MapKey(id) = pointer.to {
        parts.extend(map(program, id));
    }
    if pointer.offset != 0 {
        parts.push(format!("off={}", pointer.offset));
    }
    if let Region::Memory { size, .. } = pointer.to {
        parts.push(format!("sz={size}"));
    }
    if let Some((_, range)) = pointer.to.packet() {
        parts.push(format!("r={range}"));
    }
    match pointer.var.as_constant() {
        Some(0) => {}
        Some(known) => parts.push(format!("imm={:#x}", known)),
        None => {
            parts.extend(ranges(&pointer.var));
            parts.push(format!("var_off={}", pointer.var_text()));
        }
    }
    let ty = if let Region::Object(ty) = pointer.to {
        host.btf(ty.space).map(|btf| btf.name_of(ty.id).to_owned())
    } else if let Region::Allocated(ty) = pointer.to {
        program.btf.as_ref().map(|btf| btf.name_of(ty).to_owned())
    } else {
        None
    };
    format!("{name}{}({})", ty.unwrap_or_default(), parts.join(","))
}

fn map(program: &Program, id: MapId) -> Vec<String> {
    let Some(map) = map_of(program, id) else { return Vec::new() };
    vec![format!("map={}", map.name), format!("ks={}", map.key_size), format!("vs={}", map.value_size)]
}
