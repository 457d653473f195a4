//! Objects in operations: shared, nullable, exclusive, owned (`__ref`), and references that programs return.

#![forbid(unsafe_code)]
#![deny(warnings)]

use opswap::bpf::proto::{Nullness, ReturnRule, StructOpsMemberKind};
use opswap::registry::Registry;
use opswap::{Btf, KRef, Slot, StructOps, struct_ops};

#[derive(Btf)]
#[repr(C)]
struct Packet {
    bytes: u32,
    next: Option<KRef<Packet>>,
}

#[struct_ops(name = "queue_ops")]
struct QueueOps {
    shared: fn(packet: &Packet) -> u32,
    nullable: fn(packet: Option<&Packet>) -> bool,
    exclusive: fn(packet: &mut Packet),
    exclusive_or_null: fn(packet: Option<&mut Packet>),
    owned: fn(packet: KRef<Packet>),
    owned_or_null: fn(packet: Option<KRef<Packet>>) -> bool,
    gives: fn() -> KRef<Packet>,
    gives_or_null: Option<fn(packet: KRef<Packet>) -> Option<KRef<Packet>>>,
}

impl StructOps for QueueOps {}

fn new(bytes: u32) -> KRef<Packet> {
    KRef::new(Packet { bytes, next: None })
}

fn main() {
    let slot = Slot::new(QueueOps {
        shared: |packet| packet.bytes,
        nullable: |packet| packet.is_none(),
        exclusive: |packet| packet.bytes += 1,
        exclusive_or_null: |packet| {
            if let Some(packet) = packet {
                packet.bytes = 9;
            }
        },
        owned: drop,
        owned_or_null: |packet| packet.is_some(),
        gives: || new(5),
        gives_or_null: Some(Some),
    });
    let ops = slot.pin();
    let mut packet = Packet { bytes: 1, next: None };
    ops.exclusive(&mut packet);
    assert_eq!(ops.shared(&packet), 2);
    ops.exclusive_or_null(Some(&mut packet));
    assert!(ops.nullable(None) && packet.bytes == 9 && packet.next.is_none());
    ops.owned(new(1));
    assert!(ops.owned_or_null(Some(new(1))));
    assert_eq!(ops.gives().bytes, 5);
    assert_eq!(ops.gives_or_null(new(6)).flatten().map(|packet| packet.bytes), Some(6));
    let registry = Registry::collect().expect("sound declarations");
    let table = registry.struct_ops_named("queue_ops").expect("declared");
    let c = opswap::header::c_header(&registry);
    for text in ["(*nullable)(struct Packet *packet__nullable)", "(*owned)(struct Packet *packet__ref)"] {
        assert!(c.contains(text), "{text} is not in\n{c}");
    }
    let given = table.members.iter().find(|member| member.name == "gives_or_null").expect("a member");
    let StructOpsMemberKind::Op(op) = &given.kind else { panic!("an operation") };
    assert!(matches!(op.entry.ret, ReturnRule::Owned { null: Nullness::Nullable, .. }), "{:?}", op.entry.ret);
}
