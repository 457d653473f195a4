//! What operations may be given: by value, lent as memory, as a slice, as objects, owned.

#![forbid(unsafe_code)]
#![deny(warnings)]

use opswap::{Btf, KRef, Pod, Slot, StructOps, struct_ops};

#[derive(Btf)]
#[repr(C)]
struct Flow {
    cwnd: u32,
}

/// 4 bytes: part of a slot.
#[derive(Btf, Pod, Clone, Copy)]
#[repr(C)]
struct Port {
    number: u16,
    protocol: [u8; 2],
}

/// 16 bytes: two slots.
#[derive(Btf, Pod, Clone, Copy)]
#[repr(C)]
struct Key {
    address: u64,
    port: Port,
    zone: u32,
}

#[struct_ops(name = "packet_ops")]
struct PacketOps {
    by_value: fn(key: Key, port: Port) -> u64,
    memory: fn(counter: &mut u64, table: &[u32; 4], scratch: &mut [u8; 16]),
    optional_memory: fn(counter: Option<&mut u64>, seed: Option<&u32>) -> bool,
    slice: fn(data: &[u8], limit: u32) -> u32,
    slice_mut: fn(flow: &mut Flow, data: &mut [u8]),
    keys: fn(keys: &[Key]) -> u64,
    objects: fn(one: &Flow, other: Option<&Flow>, mine: Option<&mut Flow>) -> u32,
    owned: fn(flow: KRef<Flow>, maybe: Option<KRef<Flow>>) -> Option<KRef<Flow>>,
    twelve: fn(a: u8, b: u8, c: u8, d: u8, e: u8, f: u8, g: u8, h: u8, i: u8, j: u8, k: u8, l: u8) -> u8,
}

impl StructOps for PacketOps {}

fn main() {
    let slot = Slot::new(PacketOps {
        by_value: |key, port| key.address + u64::from(port.number),
        memory: |counter, table, scratch| {
            *counter += u64::from(table[3]);
            scratch.fill(1);
        },
        optional_memory: |counter, seed| counter.is_some() && seed.is_none(),
        slice: |data, limit| (data.len() as u32).min(limit),
        slice_mut: |flow, data| data[0] = flow.cwnd as u8,
        keys: |keys| keys.iter().map(|key| key.address).sum(),
        objects: |one, other, mine| one.cwnd + other.map_or(0, |flow| flow.cwnd) + mine.map_or(0, |flow| flow.cwnd),
        owned: |flow, maybe| maybe.or(Some(flow)),
        twelve: |a, _, _, _, _, _, _, _, _, _, _, l| a + l,
    });
    let ops = slot.pin();
    let port = Port { number: 80, protocol: *b"tc" };
    let key = Key { address: 7, port, zone: 1 };
    assert_eq!(ops.by_value(key, port), 87);
    let (mut counter, mut scratch) = (1, [0; 16]);
    ops.memory(&mut counter, &[0, 0, 0, 4], &mut scratch);
    assert_eq!((counter, scratch[15]), (5, 1));
    assert!(ops.optional_memory(Some(&mut counter), None));
    assert_eq!(ops.slice(b"abc", 2), 2);
    let (mut flow, mut data) = (Flow { cwnd: 3 }, [0; 2]);
    ops.slice_mut(&mut flow, &mut data);
    assert_eq!(data, [3, 0]);
    assert_eq!(ops.keys(&[key, key]), 14);
    assert_eq!(ops.objects(&flow, None, Some(&mut Flow { cwnd: 4 })), 7);
    assert!(ops.owned(KRef::new(flow), None).is_some());
    assert_eq!(ops.twelve(1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2), 3);
    let registry = opswap::registry::Registry::collect().expect("the declarations agree");
    let read = opswap::registry::Registry::from_interface((**registry.btf()).clone()).expect("it reads back");
    assert_eq!(registry.struct_ops_named("packet_ops"), read.struct_ops_named("packet_ops"));
}
