//! What the functions of dynptrs do. A slice is a window of its own onto the memory: it is gone when the dynptr changes or ends,
//! as in a host that moves its memory then.

use opswap_bpf::interp::{Access, Stop};
use opswap_bpf::proto::DynptrMemory;

use crate::calls::{World, escape};
use crate::heap::{Block, Writes};
use crate::kept::{Dynptr, Kept};

/// Bytes that a dynptr over an object reaches.
const PAYLOAD: u32 = 24;

impl World<'_> {
    /// Carries out a kfunc; `None` when it is no such function.
    pub(crate) fn dynptr_kfunc(&mut self, name: &str, args: [u64; 5]) -> Option<Result<u64, Stop>> {
        let [first, second, third, fourth, _] = args;
        Some(match name {
            "dyn_of_packet" => self.dynptr_of(first, second),
            "dyn_reserve" => self.reserve(first & 0xffff_ffff, second),
            "dyn_submit" | "dyn_discard" => self.give_up(first),
            "dyn_clone" => {
                self.dynptr(first).and_then(|dynptr| self.place(second, Dynptr { views: vec![], ..dynptr }))
            }
            "dyn_size" => self.dynptr(first).map(|dynptr| dynptr.target.map_or(0, |(_, bytes)| bytes).into()),
            "dyn_adjust" => self.adjust(first, second & 0xffff_ffff),
            "dyn_equal" => self.dynptr(first).and_then(|_| self.dynptr(second)).map(|_| 1),
            "dyn_merge" if first == second => escape("one dynptr, twice"),
            "dyn_merge" => self.adjust(first, 0).and_then(|_| self.dynptr(second)).map(|_| 0),
            "dyn_read" => self.dynptr(third).and_then(|_| self.memory(first, second, Access::Write)),
            "dyn_write" => self.write_through(first, second & 0xffff_ffff, third, fourth),
            "dyn_data" => self.slice(first, 0, second, Writes::Allowed),
            "dyn_slice" => self.slice(first, second & 0xffff_ffff, fourth, Writes::Refused),
            _ => return None,
        })
    }

    /// `dyn_from_mem`: memory of a map's value.
    pub(crate) fn dynptr_from_mem(&mut self, data: u64, bytes: u64, place: u64) -> Result<u64, Stop> {
        self.memory(data, bytes, Access::Write)?;
        if !matches!(self.heap.0.borrow().around(data), Some(Block::Value(_))) {
            return escape(format_args!("{data:#x} lies in no value of a map"));
        }
        let target = u32::try_from(bytes).ok().map(|bytes| (data, bytes));
        let group = self.heap.0.borrow_mut().ledger.serial();
        let memory = DynptrMemory::Local;
        self.place(place, Dynptr { memory, target, group, owner: None, views: Vec::new() })
    }

    fn place(&mut self, place: u64, dynptr: Dynptr) -> Result<u64, Stop> {
        self.keep(place, 16, Kept::Dynptr(dynptr)).map(|()| 0)
    }

    fn dynptr(&self, place: u64) -> Result<Dynptr, Stop> {
        match self.heap.0.borrow().ledger.at(place) {
            Some(Kept::Dynptr(dynptr)) => Ok(dynptr.clone()),
            other => escape(format_args!("no dynptr at {place:#x}: {other:?}")),
        }
    }

    fn dynptr_of(&mut self, packet: u64, place: u64) -> Result<u64, Stop> {
        self.object(packet, self.bed.types.packet)?;
        let group = {
            let mut heap = self.heap.0.borrow_mut();
            heap.add(Block::Memory, vec![8; PAYLOAD as usize], Writes::Allowed, false)
        };
        let target = Some((group, PAYLOAD));
        self.place(
            place,
            Dynptr { memory: DynptrMemory::Host, target, group, owner: Some(packet), views: Vec::new() },
        )
    }

    /// Reserves memory; a dynptr without any must be given back, too.
    fn reserve(&mut self, bytes: u64, place: u64) -> Result<u64, Stop> {
        let bytes = u32::try_from(bytes).ok().filter(|bytes| *bytes <= 256);
        let record = bytes.filter(|_| self.rng.percent(70)).map(|bytes| {
            let mut heap = self.heap.0.borrow_mut();
            (heap.add(Block::Memory, vec![4; bytes as usize], Writes::Allowed, true), bytes)
        });
        let group = self.heap.0.borrow_mut().ledger.serial();
        let owner = record.map(|(record, _)| record);
        let dynptr =
            Dynptr { memory: DynptrMemory::Ringbuf, target: record, group, owner, views: Vec::new() };
        self.place(place, dynptr)?;
        Ok(if owner.is_some() { 0 } else { u64::MAX })
    }

    fn give_up(&mut self, place: u64) -> Result<u64, Stop> {
        let dynptr = self.dynptr(place)?;
        if dynptr.memory != DynptrMemory::Ringbuf {
            return escape("a dynptr that owns nothing was given back");
        }
        let mut heap = self.heap.0.borrow_mut();
        heap.end_dynptrs(|other| other.group == dynptr.group);
        if let Some(record) = dynptr.owner {
            heap.free(record);
        }
        Ok(0)
    }

    fn change(&mut self, place: u64, change: impl FnOnce(&mut Dynptr)) {
        if let Some(Kept::Dynptr(dynptr)) = self.heap.0.borrow_mut().ledger.at_mut(place) {
            change(dynptr);
        }
    }

    /// Moves a dynptr's start; what was sliced before is gone.
    fn adjust(&mut self, place: u64, by: u64) -> Result<u64, Stop> {
        let dynptr = self.dynptr(place)?;
        dynptr.views.iter().for_each(|view| self.heap.0.borrow_mut().free(*view));
        self.change(place, |dynptr| {
            dynptr.views.clear();
            if let Some((start, bytes)) = &mut dynptr.target {
                let by = u32::try_from(by).unwrap_or(u32::MAX).min(*bytes);
                (*start, *bytes) = (*start + u64::from(by), *bytes - by);
            }
        });
        Ok(0)
    }

    fn write_through(&mut self, place: u64, offset: u64, data: u64, bytes: u64) -> Result<u64, Stop> {
        let dynptr = self.dynptr(place)?;
        self.memory(data, bytes, Access::Read)?;
        match dynptr.target {
            Some((start, limit)) if offset + bytes <= limit.into() => {
                self.memory(start + offset, bytes, Access::Write)?;
                Ok(0)
            }
            Some(_) | None => Ok(u64::MAX),
        }
    }

    fn slice(&mut self, place: u64, offset: u64, bytes: u64, writes: Writes) -> Result<u64, Stop> {
        let dynptr = self.dynptr(place)?;
        let Some((start, limit)) = dynptr.target else { return Ok(0) };
        if offset + bytes > limit.into() {
            return Ok(0);
        }
        let bytes = u32::try_from(bytes).unwrap_or(0);
        let view = self.heap.0.borrow_mut().view(start + offset, bytes, writes);
        self.change(place, |dynptr| dynptr.views.push(view));
        Ok(view)
    }
}
