//! Functions whose contracts contradict themselves or the host's types: what a host gets wrong.

use opswap_bpf::insn::Size;
use opswap_bpf::proto::{ArgIdx, ArgKind, KfuncProto, RetKind, RetProto, RetTrust};
use opswap_bpf::{BtfId, BtfSpace, KfuncFlags, TypeRef};

use super::{NON_NULL, Row, U32, VOID, arg, declared, number, returns};

/// The host has no such module.
const NO_TYPE: TypeRef = TypeRef { space: BtfSpace::Module(7), id: BtfId(1) };

/// `word` is a number.
pub(super) fn kfuncs(word: BtfId) -> Vec<KfuncProto> {
    let none = KfuncFlags::empty();
    let number = |name: &str| arg(name, number(Size::W));
    let callback = || {
        let args = vec![self::number(Size::DW), ArgKind::Passed(ArgIdx(2))];
        arg("body", ArgKind::Callback { args })
    };
    let six = ["a", "b", "c", "d", "e", "f"].into_iter().map(number).collect();
    let ghost = RetProto { kind: RetKind::Object { ty: NO_TYPE, trust: RetTrust::Trusted }, null: NON_NULL };
    let level = returns(word, RetTrust::Trusted, NON_NULL);
    let rows: Vec<Row> = vec![
        ("ticket_new", vec![], U32, KfuncFlags::ACQUIRE, None),
        ("mix", six, U32, none, None),
        ("ghost_current", vec![], ghost, none, None),
        ("level_current", vec![], level, none, None),
        ("each_pair", vec![callback(), callback(), arg("with", ArgKind::Any)], VOID, none, None),
        ("lookup_in_nothing", vec![arg("key", ArgKind::MapKey)], U32, none, None),
    ];
    declared("lab/src/faulty.rs", rows)
}
