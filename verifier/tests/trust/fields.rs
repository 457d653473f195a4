//! Special fields of map values: contracts of the functions that were made for them, and what these do.

use std::sync::Arc;

use opswap_bpf::interp::Stop;
use opswap_bpf::map::{KptrKind, MapField, MapKind, SpecialField};
use opswap_bpf::proto::{
    ArgIdx, ArgKind, ArgProto, DynptrKind, DynptrMemory, FieldKind, HelperEffects, Intrinsic, MemAccess,
    MemInit, RetKind, RetProto, SizeRule,
};
use opswap_bpf::{BtfId, BtfSpace, HelperId, HelperProto, KfuncFlags, MapProto, TypeRef};

use crate::allocated::ITEM;
use crate::bed::Types;
use crate::calls::{World, escape};
use crate::contracts::{NULLABLE, S64, VOID, arg, bytes};
use crate::heap::{Block, Guard};

/// Helpers on fields, and the one that makes a dynptr over a map's value.
pub(crate) fn helpers() -> Vec<HelperProto> {
    let helper = |id, name: &str, args, ret, effects, intrinsic| HelperProto {
        id: HelperId(id),
        name: name.into(),
        args,
        ret,
        flags: KfuncFlags::empty(),
        effects,
        maps: None,
        intrinsic: Some(intrinsic),
    };
    let field = |kind| arg("field", ArgKind::Field(kind));
    let none = HelperEffects::empty();
    let new = ArgProto { null: NULLABLE, ..arg("new", ArgKind::OwnedObject) };
    let old = RetProto { kind: RetKind::KptrOf(ArgIdx(0)), null: NULLABLE };
    let with_lock = HelperEffects::WITH_SPIN_LOCK;
    let data = vec![
        bytes("data", MemAccess::Write, MemInit::Provided, 1),
        arg("len", ArgKind::Size { rule: SizeRule::AnyOrZero }),
        arg("dynptr", ArgKind::Dynptr(DynptrKind::Uninit(DynptrMemory::Local))),
    ];
    vec![
        helper(93, "bpf_spin_lock", vec![field(FieldKind::SpinLock)], VOID, none, Intrinsic::SpinLock),
        helper(94, "bpf_spin_unlock", vec![field(FieldKind::SpinLock)], VOID, none, Intrinsic::SpinUnlock),
        helper(194, "bpf_kptr_xchg", vec![field(FieldKind::Kptr), new], old, with_lock, Intrinsic::KptrXchg),
        helper(197, "dyn_from_mem", data, S64, none, Intrinsic::DynptrFromMem),
    ]
}

/// Maps with a lock, and with kptrs.
pub(crate) fn maps(types: &Types) -> Vec<Arc<MapProto>> {
    let at = |offset, size, field| MapField { offset, size, field };
    let kptr = |ty, kind| SpecialField::Kptr { ty, kind };
    let map = |name: &str, kind, value_size, fields| {
        Arc::new(MapProto {
            name: name.into(),
            kind,
            key_size: 4,
            value_size,
            max_entries: 4,
            flags: 0,
            key_type: BtfId(0),
            value_type: BtfId(1),
            fields,
            inner: None,
            frozen: None,
        })
    };
    let kptrs = vec![
        at(8, 8, kptr(types.packet, KptrKind::Referenced)),
        at(16, 8, kptr(types.peer, KptrKind::Unreferenced)),
        at(24, 8, kptr(types.packet, KptrKind::Referenced)),
        at(40, 8, kptr(TypeRef::program(ITEM), KptrKind::Referenced)),
    ];
    vec![
        map("locked", MapKind::Hash, 24, vec![at(4, 4, SpecialField::SpinLock)]),
        map("stash", MapKind::Array, 56, kptrs),
    ]
}

impl World<'_> {
    /// Carries out one of the helpers.
    pub(crate) fn field_helper(&mut self, id: u32, args: [u64; 5]) -> Option<Result<u64, Stop>> {
        Some(match id {
            93 => self.lock(args[0]),
            94 => self.unlock(args[0]),
            194 => self.exchange(args[0], args[1]),
            197 => self.dynptr_from_mem(args[0], args[1], args[2]),
            _ => return None,
        })
    }

    /// Puts special fields into a value that was just made.
    pub(crate) fn furnish(&mut self, map: usize, value: u64) {
        for field in self.bed.maps[map].fields.clone() {
            let at = value + u64::from(field.offset);
            let owns = matches!(field.field, SpecialField::Kptr { kind: KptrKind::Referenced, .. });
            let guard = match (field.field, owns) {
                (SpecialField::Kptr { .. }, true) => Guard::Owned,
                (SpecialField::Kptr { .. }, false) => Guard::Pointer,
                (
                    SpecialField::SpinLock
                    | SpecialField::ResSpinLock
                    | SpecialField::Timer
                    | SpecialField::Workqueue
                    | SpecialField::Refcount
                    | SpecialField::ListHead { .. }
                    | SpecialField::ListNode
                    | SpecialField::RbRoot { .. }
                    | SpecialField::RbNode,
                    _,
                ) => Guard::Closed,
            };
            let mut ty = None;
            if let SpecialField::Kptr { ty: held, .. } = field.field {
                ty = Some(held.id).filter(|_| held.space == BtfSpace::Program);
            }
            let content = if owns && self.rng.percent(60) { self.in_map(ty) } else { 0 };
            let mut heap = self.heap.0.borrow_mut();
            heap.put(at, field.size, content);
            heap.guard(at, field.size, guard);
            if owns {
                heap.ledger.kptrs.push((at, ty));
            }
        }
    }

    /// An object of a map: of this struct of the program, or a packet.
    fn in_map(&mut self, ty: Option<BtfId>) -> u64 {
        if let Some(ty) = ty {
            return self.allocate(ty.0.into(), false).unwrap_or(0);
        }
        let packet = self.packet();
        self.heap.0.borrow_mut().give_to_map(packet);
        packet
    }

    fn lock(&mut self, at: u64) -> Result<u64, Stop> {
        let mut heap = self.heap.0.borrow_mut();
        if heap.guard_at(at) != Some(Guard::Closed) {
            return escape(format_args!("no lock at {at:#x}"));
        }
        match heap.ledger.lock.replace(at) {
            None => Ok(0),
            Some(held) => escape(format_args!("{at:#x} is taken while {held:#x} is held")),
        }
    }

    fn unlock(&mut self, at: u64) -> Result<u64, Stop> {
        match self.heap.0.borrow_mut().ledger.lock.take() {
            Some(held) if held == at => Ok(0),
            other => escape(format_args!("{at:#x} is given back, {other:x?} is held")),
        }
    }

    fn exchange(&mut self, at: u64, new: u64) -> Result<u64, Stop> {
        let packet = self.bed.types.packet;
        let mut heap = self.heap.0.borrow_mut();
        let ty = heap.ledger.kptrs.iter().find(|(kptr, _)| *kptr == at).and_then(|(_, ty)| *ty);
        if heap.guard_at(at) != Some(Guard::Owned) {
            return escape(format_args!("no kptr at {at:#x}"));
        }
        let fits = |block| match ty {
            Some(ty) => block == Block::Allocated(ty),
            None => block == Block::Object(packet),
        };
        if new != 0 && !heap.at(new).is_some_and(fits) {
            return escape(format_args!("{new:#x} is of another type than the kptr"));
        }
        if new != 0 && !heap.owns(new) {
            return escape(format_args!("{new:#x} is given to a map, but is not owned"));
        }
        let old = heap.put(at, 8, new);
        heap.give_to_map(new);
        heap.take_from_map(old);
        Ok(old)
    }

    /// Others empty and fill kptrs, too; under RCU what they take out lives on.
    pub(crate) fn others_exchange(&mut self) {
        let kptrs = self.heap.0.borrow().ledger.kptrs.clone();
        for (at, ty) in kptrs {
            if self.rng.percent(50) {
                let new = if self.rng.percent(50) { self.in_map(ty) } else { 0 };
                let mut heap = self.heap.0.borrow_mut();
                let old = heap.put(at, 8, new);
                heap.drop_from_map(old);
            }
        }
    }
}
