//! What the bed's functions do, each as suspicious as a Rust function would have to be.

use std::collections::BTreeSet;

use opswap_bpf::insn::{Imm64, MapRef, Size};
use opswap_bpf::interp::{Access, Args, Calls, Machine, Stop};
use opswap_bpf::map::MapKind;
use opswap_bpf::random::Rng;
use opswap_bpf::{HelperId, KfuncId, TypeRef};

use crate::bed::{Bed, FLOW_BYTES, FLOW_MAYBE, FLOW_PEER, Kind, PACKET_BYTES, PACKET_FROM, PEER_BYTES};
use crate::heap::{Block, By, Shared, Writes};
use crate::kept::Protected;

/// Rounds of a callback, at most; the program's own number may be in the millions.
const ROUNDS: u64 = 40;

/// A run's functions, and where its maps and objects are.
pub(crate) struct World<'a> {
    pub(crate) bed: &'a Bed,
    pub(crate) heap: Shared,
    pub(crate) rng: Rng,
    /// Values of each map, by key.
    values: Vec<Vec<u64>>,
    peer: u64,
    /// Functions that were called, by name.
    pub(crate) called: BTreeSet<String>,
}

/// The address that stands for a map.
const MAPS: u64 = 0x3000_0000_0000;

pub(crate) fn escape<T>(what: impl std::fmt::Display) -> Result<T, Stop> {
    Err(Stop::abort(format!("ESCAPE: {what}")))
}

impl<'a> World<'a> {
    /// A world with its maps and objects; returns the entry's arguments too. `likely` are numbers worth meeting.
    pub(crate) fn new(bed: &'a Bed, seed: u64, likely: &[u64]) -> (Self, [u64; 2]) {
        let mut rng = Rng::new(seed);
        let heap = Shared::default();
        if bed.kind != Kind::Objects {
            heap.0.borrow_mut().ledger.protected = Protected::Always;
        }
        let content = |bytes: u32, rng: &mut Rng| -> Vec<u8> {
            let word = |rng: &mut Rng| match rng.below(3) {
                0 if !likely.is_empty() => {
                    rng.pick(likely).wrapping_add(u64::from(rng.below(3))).wrapping_sub(1)
                }
                1 => rng.edge(),
                _ => u64::from(rng.below(20)),
            };
            let halves = rng.percent(50);
            let pair =
                |rng: &mut Rng| if halves { word(rng) & 0xffff_ffff | word(rng) << 32 } else { word(rng) };
            let words = (0..bytes.div_ceil(8)).flat_map(|_| pair(rng).to_le_bytes());
            words.take(bytes as usize).collect()
        };
        let mut values = Vec::new();
        for (at, map) in bed.maps.iter().enumerate() {
            let mut of_map = Vec::new();
            for _ in 0..map.max_entries.min(8) {
                let found = map.kind == MapKind::Array || rng.percent(60);
                let bytes =
                    map.frozen.as_ref().map_or_else(|| content(map.value_size, &mut rng), |all| all.to_vec());
                let writes = if map.frozen.is_some() { Writes::Refused } else { Writes::Allowed };
                let value = map.kind != MapKind::Ringbuf && found;
                let base =
                    if value { heap.0.borrow_mut().add(Block::Value(at), bytes, writes, false) } else { 0 };
                of_map.push(base);
            }
            values.push(of_map);
        }
        let bytes = content(PEER_BYTES, &mut rng);
        let peer = heap.0.borrow_mut().add(Block::Object(bed.types.peer), bytes, Writes::Refused, false);
        let called = BTreeSet::new();
        let mut world = Self { bed, heap, rng, values, peer, called };
        let furnished: Vec<(usize, u64)> = (0..)
            .zip(&world.values)
            .flat_map(|(map, values)| {
                values.iter().filter(|value| **value != 0).map(move |value| (map, *value))
            })
            .collect();
        furnished.into_iter().for_each(|(map, value)| world.furnish(map, value));
        let args = match bed.kind {
            Kind::Buffer => {
                let size = crate::bed::BUFFER;
                let bytes = content(size, &mut world.rng);
                [world.heap.0.borrow_mut().add(Block::Context, bytes, Writes::Allowed, false), size.into()]
            }
            Kind::Objects => {
                let mut flow = content(FLOW_BYTES, &mut world.rng);
                put(&mut flow, FLOW_PEER, peer);
                let maybe = if world.rng.percent(50) { peer } else { 0 };
                put(&mut flow, FLOW_MAYBE, maybe);
                let block = Block::Object(bed.types.flow);
                let flow = world.heap.0.borrow_mut().add(block, flow, Writes::Below(8), false);
                let mut args = content(40, &mut world.rng);
                put(&mut args, 0, flow);
                let acked = get(&args, 8) & 0xffff_ffff;
                put(&mut args, 8, acked);
                let maybe = if world.rng.percent(50) { peer } else { 0 };
                put(&mut args, 16, maybe);
                let delta = (get(&args, 24) << 48).cast_signed() >> 48;
                put(&mut args, 24, delta.cast_unsigned());
                [world.heap.0.borrow_mut().add(Block::Context, args, Writes::Refused, false), 0]
            }
            Kind::Packet => {
                let len = world.rng.pick(&[0, 1, 2, 13, 14, 20, 33, 34, 60, 64, 97, 128]);
                let bytes = content(len, &mut world.rng);
                let packet = world.heap.0.borrow_mut().add(Block::Packet, bytes, Writes::Allowed, false);
                let mut context = content(24, &mut world.rng);
                context[12..16].copy_from_slice(&packet.to_le_bytes()[..4]);
                context[16..20].copy_from_slice(&(packet + u64::from(len)).to_le_bytes()[..4]);
                [world.heap.0.borrow_mut().add(Block::Context, context, Writes::Below(12), false), 0]
            }
        };
        (world, args)
    }

    pub(crate) fn object(&self, address: u64, ty: TypeRef) -> Result<(), Stop> {
        match self.heap.0.borrow().at(address) {
            Some(Block::Object(own)) if own == ty => Ok(()),
            other => escape(format_args!("a call was given {address:#x} ({other:?}) for an object")),
        }
    }

    pub(crate) fn packet(&mut self) -> u64 {
        let mut bytes = vec![7; PACKET_BYTES as usize];
        let from = if self.rng.percent(50) { self.peer } else { 0 };
        put(&mut bytes, PACKET_FROM, from);
        let block = Block::Object(self.bed.types.packet);
        self.heap.0.borrow_mut().add(block, bytes, Writes::Refused, true)
    }

    pub(crate) fn release(&mut self, address: u64) -> Result<u64, Stop> {
        let owned = self.heap.0.borrow().owns(address);
        if !owned {
            return escape(format_args!("{address:#x} was released, but is not owned"));
        }
        let mut heap = self.heap.0.borrow_mut();
        heap.end_dynptrs(|dynptr| dynptr.owner == Some(address));
        heap.drop_one(address);
        Ok(0)
    }

    pub(crate) fn memory(&mut self, address: u64, bytes: u64, access: Access) -> Result<u64, Stop> {
        let Ok(length) = u32::try_from(bytes) else { return escape("a length of more than 32 bits") };
        let mut heap = self.heap.0.borrow_mut();
        match heap.bytes(address, length, access, By::Callee) {
            Ok(found) => {
                let sum =
                    found.iter().fold(0_u64, |sum, byte| sum.wrapping_mul(31).wrapping_add((*byte).into()));
                if access == Access::Write {
                    found.iter_mut().for_each(|byte| *byte = byte.wrapping_add(3));
                }
                Ok(sum & 0xffff_ffff)
            }
            Err(fault) => escape(fault),
        }
    }

    fn map_of(&self, handle: u64) -> Result<usize, Stop> {
        let found = handle.checked_sub(MAPS).and_then(|at| usize::try_from(at / 0x1000).ok());
        match found.filter(|at| *at < self.bed.maps.len() && handle.is_multiple_of(0x1000)) {
            Some(map) => Ok(map),
            None => escape(format_args!("{handle:#x} was given for a map")),
        }
    }

    /// The value's place for a key.
    fn slot(&mut self, map: usize, key: u64) -> Result<Option<usize>, Stop> {
        let size = if self.bed.maps[map].key_size == 4 { Size::W } else { Size::DW };
        let key = match self.heap.0.borrow_mut().read(key, size) {
            Ok(key) => key,
            Err(fault) => return escape(fault),
        };
        Ok(usize::try_from(key).ok().filter(|key| *key < self.values[map].len()))
    }

    fn rounds(&mut self, times: u64, body: u64, with: u64, machine: &mut Machine<'_>) -> Result<u64, Stop> {
        for round in 0..times.min(ROUNDS) {
            if machine.call_back(body, [round, with, 0, 0, 0], self)? != 0 {
                return Ok(round + 1);
            }
        }
        Ok(times.min(ROUNDS))
    }
}

fn put(bytes: &mut [u8], at: u32, value: u64) {
    bytes[at as usize..at as usize + 8].copy_from_slice(&value.to_le_bytes());
}

fn get(bytes: &[u8], at: u32) -> u64 {
    u64::from_le_bytes(bytes[at as usize..at as usize + 8].try_into().expect("eight bytes"))
}

impl Calls for World<'_> {
    fn kfunc(&mut self, id: KfuncId, _: i16, args: Args, machine: &mut Machine<'_>) -> Result<u64, Stop> {
        let Some(proto) = self.bed.kfuncs.get(id.index()) else { return escape("no such kfunc") };
        self.called.insert(proto.name.as_str().to_owned());
        if self.heap.0.borrow().ledger.lock.is_some() && proto.name.as_str() != "obj_count" {
            return escape("a call under a lock");
        }
        let types = self.bed.types;
        let maybe_peer = |world: &mut Self| if world.rng.percent(50) { world.peer } else { 0 };
        Ok(match proto.name.as_str() {
            "packet_new" => self.packet(),
            "packet_find" if self.rng.percent(40) => 0,
            "packet_find" => self.packet(),
            "packet_free" => self.release(args[0])?,
            "packet_len" => self.object(args[0], types.packet).map(|()| 60)?,
            "packet_from" => self.object(args[0], types.packet).map(|()| maybe_peer(self))?,
            "peer_look" | "peer_glance" => self.object(args[0], types.peer).map(|()| 3)?,
            "current_peer" => maybe_peer(self),
            "flow_look" | "flow_touch" => self.object(args[0], types.flow).map(|()| 5)?,
            "flow_peer" => self.object(args[0], types.flow).map(|()| maybe_peer(self))?,
            "flow_peer_mut" => self.object(args[0], types.flow).map(|()| self.peer)?,
            "sum" => self.memory(args[0], args[1], Access::Read)?,
            "fill" | "fill_uninit" => self.memory(args[0], args[1], Access::Write)?,
            "constant" => args[0] & 0xffff_ffff,
            "mix" => args[0] ^ args[1],
            "each" => {
                let times = self.rng.below(5).into();
                self.rounds(times, args[0], args[1], machine)?
            }
            "scratch" => {
                // The contract knows no NULL: what is too much ends the run.
                let bytes = match usize::try_from(args[0]) {
                    Ok(bytes @ 0..=1024) => vec![9; bytes],
                    _ => return Err(Stop::abort("there is not so much memory")),
                };
                self.heap.0.borrow_mut().add(Block::Memory, bytes, Writes::Allowed, false)
            }
            other => match self.on_stack(other, args) {
                Some(done) => done?,
                None if other.starts_with("obj_") => {
                    self.allocated(other, args).unwrap_or_else(|| escape(other))?
                }
                None if other.starts_with("dyn_") => {
                    self.dynptr_kfunc(other, args).unwrap_or_else(|| escape(other))?
                }
                None => return escape(format_args!("{other} has no meaning here")),
            },
        })
    }

    fn helper(&mut self, id: HelperId, args: Args, machine: &mut Machine<'_>) -> Result<u64, Stop> {
        if let Some(proto) = self.bed.helpers.iter().find(|helper| helper.id == id) {
            self.called.insert(proto.name.clone());
        }
        // Those that take no lock themselves.
        if self.heap.0.borrow().ledger.lock.is_some() && !matches!(id.0, 93 | 94 | 194) {
            return escape("a call under a lock");
        }
        Ok(match id.0 {
            1 => {
                let map = self.map_of(args[0])?;
                self.slot(map, args[1])?.map_or(0, |slot| self.values[map][slot])
            }
            2 => {
                let map = self.map_of(args[0])?;
                let bytes = self.bed.maps[map].value_size;
                self.memory(args[2], bytes.into(), Access::Read)?;
                self.slot(map, args[1])?.map_or(u64::MAX, |_| 0)
            }
            3 => {
                let map = self.map_of(args[0])?;
                self.slot(map, args[1])?.map_or(u64::MAX, |_| 0)
            }
            131 => {
                self.map_of(args[0])?;
                if args[1] > 1024 || self.rng.percent(30) {
                    0
                } else {
                    let bytes = vec![4; usize::try_from(args[1]).unwrap_or(0)];
                    self.heap.0.borrow_mut().add(Block::Memory, bytes, Writes::Allowed, true)
                }
            }
            132 | 133 => self.release(args[0])?,
            181 => self.rounds(args[0] & 0xffff_ffff, args[1], args[2], machine)?,
            other => match self.field_helper(other, args) {
                Some(done) => done?,
                None => return escape(format_args!("helper {other} has no meaning here")),
            },
        })
    }

    fn address(&mut self, imm: Imm64) -> Option<u64> {
        match imm {
            Imm64::Map(MapRef::Idx(id)) => Some(MAPS + u64::from(id.0) * 0x1000),
            Imm64::MapValue { map: MapRef::Idx(id), offset } => {
                Some(self.values.get(id.index())?.first()? + u64::from(offset))
            }
            Imm64::Map(_)
            | Imm64::MapValue { .. }
            | Imm64::Value(_)
            | Imm64::HostVar { .. }
            | Imm64::Func(_) => None,
        }
    }
}

/// Whether an address stands for this map.
pub(crate) fn is_map(address: u64, map: u32) -> bool {
    address == MAPS + u64::from(map) * 0x1000
}
