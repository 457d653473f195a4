//! Small structs by value: in part of a slot, in one, in two; `repr(C)` and `repr(transparent)`; nested.

#![forbid(unsafe_code)]
#![deny(warnings)]

use opswap::{Btf, Pod, Slot, StructOps, struct_ops};

#[derive(Btf, Pod, Clone, Copy)]
#[repr(C)]
struct Port {
    number: u16,
}

#[derive(Btf, Pod, Clone, Copy)]
#[repr(C)]
struct Address {
    host: u32,
    port: Port,
    zone: [u8; 2],
}

#[derive(Btf, Pod, Clone, Copy)]
#[repr(C)]
struct Pair {
    from: Address,
    to: Address,
}

#[struct_ops(name = "route_ops")]
struct RouteOps {
    part: fn(port: Port) -> u16,
    one: fn(address: Address, bytes: u32) -> u32,
    two: fn(pair: Pair) -> u32,
    six: fn(a: Pair, b: Pair, c: Pair, d: Pair, e: Pair, f: Pair) -> u32,
}

impl StructOps for RouteOps {}

fn main() {
    let slot = Slot::new(RouteOps {
        part: |port| port.number,
        one: |address, bytes| address.host + bytes + u32::from(address.zone[0]),
        two: |pair| pair.from.host + pair.to.host,
        six: |a, _, _, _, _, f| a.from.host + f.to.host,
    });
    let ops = slot.pin();
    let address = Address { host: 7, port: Port { number: 80 }, zone: [1, 2] };
    let pair = Pair { from: address, to: address };
    assert_eq!((ops.part(address.port), ops.one(address, 1), ops.two(pair)), (80, 9, 14));
    assert_eq!(ops.six(pair, pair, pair, pair, pair, pair), 14);
    let registry = opswap::registry::Registry::collect().expect("sound declarations");
    assert!(opswap::header::c_header(&registry).contains("(*one)(struct Address address, unsigned int bytes)"));
}
