//! What a lookup in a map gives: a value, a record of the host, or a map.

use opswap_bpf::MapId;
use opswap_bpf::insn::Reg;
use opswap_bpf::map::{MapField, MapKind, SpecialField};
use opswap_bpf::proto::{RetKind, RetTrust};

use super::Contract;
use super::argument::Argument;
use super::effect::{Fresh, Outcome};
use crate::reject::Reason;
use crate::state::{Origin, Pointer, RegState, Region, VerifierState};
use crate::subject::Subject;

/// The map argument of a call, and which map it is.
pub(super) fn map_argument(
    state: &VerifierState,
    registers: &[Option<Reg>],
    arguments: &[Argument],
) -> Option<(MapId, Origin)> {
    arguments.iter().zip(registers).find_map(|(argument, reg)| {
        let (Argument::Map(map), Some(reg)) = (argument, reg) else { return None };
        Some((*map, state.reg(*reg).as_pointer()?.origin))
    })
}

/// What the call's lookup gives.
pub(super) fn check(
    subject: &Subject<'_>,
    state: &VerifierState,
    contract: &Contract<'_>,
    registers: &[Option<Reg>],
    arguments: &[Argument],
) -> Result<Outcome, Reason> {
    let wrong = Reason::Internal { what: "a contract returns a map's value but takes no map" };
    let (map, origin) = map_argument(state, registers, arguments).ok_or(wrong)?;
    let null = contract.ret.null;
    let proto = subject.map(map)?;
    if let Some(RetKind::Record { id, trust }) = subject.host.found(proto.kind) {
        let record = subject.host.record(*id);
        let name = record.ok_or(Reason::Internal { what: "a map holds unknown records" })?.name;
        let pointer = Pointer::new(Region::Record { id: *id, name }).nullable(null);
        return Ok(match trust {
            RetTrust::Owned => Outcome::Acquired(pointer, Fresh::Nothing),
            RetTrust::Borrowed(_) | RetTrust::Trusted | RetTrust::Rcu | RetTrust::Untrusted => {
                Outcome::Value(RegState::Pointer(pointer))
            }
        });
    }
    let holds_maps = matches!(proto.kind, MapKind::ArrayOfMaps | MapKind::HashOfMaps);
    if let Some(inner) = subject.inner_map(map).filter(|_| holds_maps) {
        let fresh = if names_its_map(&subject.map(inner)?.fields) { Fresh::Map } else { Fresh::Nothing };
        return Ok(Outcome::Found(Pointer::new(Region::MapPtr(inner)).nullable(null), fresh));
    }
    check_kind(contract, proto.kind)?;
    let fresh = if has_lock(&proto.fields) { Fresh::Value } else { Fresh::Nothing };
    let origin = Origin { map: origin.map, ..Origin::default() };
    let pointer = Pointer::new(Region::MapValue(map)).nullable(null).from_origin(origin);
    Ok(Outcome::Found(pointer, fresh))
}

/// Whether it matters which of several values it is: they have locks.
pub(super) fn has_lock(fields: &[MapField]) -> bool {
    fields.iter().any(|field| matches!(field.field, SpecialField::SpinLock | SpecialField::ResSpinLock))
}

/// Whether it matters which of several maps it is: their values are initialised with the map that they lie in.
pub(super) fn names_its_map(fields: &[MapField]) -> bool {
    fields.iter().any(|field| matches!(field.field, SpecialField::Timer | SpecialField::Workqueue))
}

/// A map whose values are plain memory of the size that its shape says.
fn check_kind(contract: &Contract<'_>, kind: MapKind) -> Result<(), Reason> {
    match kind {
        MapKind::Hash
        | MapKind::Array
        | MapKind::PercpuHash
        | MapKind::PercpuArray
        | MapKind::LruHash
        | MapKind::LruPercpuHash
        | MapKind::LpmTrie
        | MapKind::CgroupStorage
        | MapKind::PercpuCgroupStorage
        | MapKind::SkStorage
        | MapKind::InodeStorage
        | MapKind::TaskStorage
        | MapKind::CgrpStorage => Ok(()),
        MapKind::Unspec
        | MapKind::ProgArray
        | MapKind::PerfEventArray
        | MapKind::StackTrace
        | MapKind::CgroupArray
        | MapKind::ArrayOfMaps
        | MapKind::HashOfMaps
        | MapKind::Devmap
        | MapKind::Sockmap
        | MapKind::Cpumap
        | MapKind::Xskmap
        | MapKind::Sockhash
        | MapKind::ReuseportSockarray
        | MapKind::Queue
        | MapKind::Stack
        | MapKind::DevmapHash
        | MapKind::StructOps
        | MapKind::Ringbuf
        | MapKind::BloomFilter
        | MapKind::UserRingbuf
        | MapKind::Arena => Err(Reason::WrongMapKind { kind: kind as u32, name: contract.title() }),
    }
}
