//! Functions that lend memory and objects: read-only and write-only buffers, hidden parts, RCU, the context, checked maps.

use opswap_bpf::insn::Size;
use opswap_bpf::proto::{
    ArgIdx, ArgKind, Demand, FieldAccess, FieldPolicy, KfuncProto, MemAccess, MemInit, MemSize, Nullness,
    PointerPolicy, RetKind, RetProto, RetTrust, SizeRule,
};
use opswap_bpf::{Btf, BtfId, BtfType, KfuncFlags};

use super::{
    NON_NULL, NULLABLE, Row, Types, U32, VOID, arg, bytes, declared, len, member, number, object, returns,
};

/// `struct account`, whose `ledger` the host keeps to itself.
pub(super) struct Account {
    account: BtfId,
    ledger: BtfId,
}

impl Account {
    pub(super) fn add(btf: &mut Btf, word: BtfId) -> Self {
        let members = vec![member("sum", word, 0), member("fee", word, 4)];
        let ledger = btf.push(BtfType::Struct { name: "ledger".into(), size: 8, members });
        let members = vec![member("id", word, 0), member("ledger", ledger, 8), member("open", ledger, 16)];
        let account = btf.push(BtfType::Struct { name: "account".into(), size: 24, members });
        Self { account, ledger }
    }

    /// What programs may do with its members.
    pub(super) fn fields(&self) -> Vec<(BtfId, FieldPolicy)> {
        let pointer = PointerPolicy::Untrusted;
        let rule = |access| (self.account, FieldPolicy { access, pointer });
        vec![rule(FieldAccess::ReadOnly), rule(FieldAccess::Hidden), rule(FieldAccess::ReadOnly)]
    }
}

fn buffer(size: MemSize, access: MemAccess, null: Nullness) -> RetProto {
    RetProto { kind: RetKind::Memory { size, access, tie: None }, null }
}

pub(super) fn kfuncs(types: &Types, account: &Account) -> Vec<KfuncProto> {
    let none = KfuncFlags::empty();
    let null = KfuncFlags::RET_NULL;
    let fixed = |access| buffer(MemSize::Fixed(16), access, NON_NULL);
    let some = |ty| returns(ty, RetTrust::Trusted, NULLABLE);
    let data = bytes("data", MemAccess::Read, MemInit::Required, 1);
    let map = |shape| arg("map", ArgKind::Map { shape });
    let of = |name: &str, ty, demand| arg(name, object(ty, demand));
    let constant = arg("len", ArgKind::Const { size: Size::DW });
    let window = buffer(MemSize::Arg(ArgIdx(0)), MemAccess::Read, NULLABLE);
    let rows: Vec<Row> = vec![
        ("inbox", vec![], fixed(MemAccess::Read), none, None),
        ("outbox", vec![], fixed(MemAccess::Write), none, None),
        ("window", vec![constant], window, null, None),
        ("account_current", vec![], some(account.account), null, None),
        ("ledger_look", vec![of("ledger", account.ledger, Demand::Trusted)], U32, none, None),
        ("peer_peek", vec![of("peer", types.peer, Demand::Rcu)], U32, none, None),
        (
            "peers_first",
            vec![],
            returns(types.peer, RetTrust::Rcu, NULLABLE),
            null | KfuncFlags::RCU_PROTECTED,
            None,
        ),
        ("context_note", vec![arg("ctx", ArgKind::Context)], VOID, none, None),
        ("sum_some", vec![data, len(SizeRule::NonZero)], U32, none, None),
        ("counts_total", vec![map(Some((4, 16)))], U32, none, None),
        ("map_note", vec![map(None), arg("n", number(Size::W))], VOID, none, None),
    ];
    declared("lab/src/lent.rs", rows)
}
