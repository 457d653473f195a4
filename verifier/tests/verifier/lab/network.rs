//! Network packets: two kinds of programs that are given one, and a socket that they see as a record.

use opswap_bpf::btf::Signedness;
use opswap_bpf::insn::Size;
use opswap_bpf::proto::{
    ContextField, ContextLayout, ContextValue, DeclaredAt, Demand, LegacyLoads, MemAccess, NarrowAccess,
    Nullness, PacketRules, RecordProto, ReturnRule, Sleepable,
};
use opswap_bpf::{EntryProto, ProgramKind, RecordId};

use super::{NON_NULL, NULLABLE};

/// The socket.
pub(super) const SOCK: RecordId = RecordId(0);

const NUMBER: ContextValue = ContextValue::Scalar { size: Size::W, signed: Signedness::Unsigned };

fn field(offset: u32, size: u32, value: ContextValue, null: Nullness) -> ContextField {
    let (access, narrow) = (MemAccess::Read, NarrowAccess::Forbidden);
    ContextField { offset, size, value, null, access, narrow }
}

/// `filter` reads packets, also by legacy loads; `classifier` changes them. Both are given where the packet begins (0), where
/// it ends (8), its length (16) and its socket or NULL (24).
pub(super) fn entries() -> Vec<EntryProto> {
    let sock = ContextValue::Record { id: SOCK, demand: Demand::Trusted };
    let fields = vec![
        field(0, 8, ContextValue::PacketStart, NON_NULL),
        field(8, 8, ContextValue::PacketEnd, NON_NULL),
        field(16, 4, NUMBER, NON_NULL),
        field(24, 8, sock, NULLABLE),
    ];
    let entry = |name: &str, line| EntryProto {
        name: name.into(),
        context: ContextLayout::Fields(fields.clone()),
        ret: ReturnRule::Scalar { size: Size::W, signed: Signedness::Unsigned },
        sleepable: Sleepable::No,
        declared_at: Some(DeclaredAt { file: "lab/src/network.rs".into(), line }),
    };
    vec![entry("filter", 7), entry("classifier", 12)]
}

/// What programs may do with packets.
pub(super) fn rules(kind: &ProgramKind) -> PacketRules {
    match kind {
        ProgramKind::Named(name) if name == "filter" => {
            PacketRules { direct: Some(MemAccess::Read), legacy: LegacyLoads::Allowed }
        }
        ProgramKind::Named(name) if name == "classifier" => {
            PacketRules { direct: Some(MemAccess::ReadWrite), legacy: LegacyLoads::Refused }
        }
        ProgramKind::Named(_) | ProgramKind::StructOps { .. } => PacketRules::NONE,
    }
}

/// A socket: its family (0) and its mark (4).
pub(super) fn socket() -> RecordProto {
    let fields = vec![field(0, 4, NUMBER, NON_NULL), field(4, 4, NUMBER, NON_NULL)];
    RecordProto { name: "sock", fields, ty: None }
}
