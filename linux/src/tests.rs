//! The tables against themselves, and against the running kernel's types where they can be read.

use std::sync::Arc;

use opswap_bpf::proto::{ArgKind, ContextLayout, ContextValue, MemSize};
use opswap_bpf::{Btf, HelperId, OpIdx, ProgramKind};
use opswap_verifier::host::{Host, Unavailable};

use crate::Linux;
use crate::contexts::Contexts;
use crate::helpers::Helpers;

fn without_types() -> Linux {
    Linux::new(Arc::new(Btf::new())).expect("the tables are well formed")
}

/// The running kernel, if its types can be read.
fn running() -> Option<Linux> {
    let bytes = std::fs::read("/sys/kernel/btf/vmlinux").ok()?;
    let btf = Btf::parse(&bytes).expect("the kernel's own types are well formed");
    Some(Linux::new(Arc::new(btf)).expect("the tables are well formed"))
}

fn named(section: &str) -> ProgramKind {
    ProgramKind::Named(section.to_owned())
}

#[test]
fn every_word_of_a_set_is_a_helper() {
    let Some(linux) = running() else {
        opswap_skips::skipped("no /sys/kernel/btf/vmlinux");
        return;
    };
    let contexts = Contexts::read(linux.types()).expect("the table is well formed");
    let helpers = Helpers::read(linux.types(), &contexts).expect("the tables are well formed");
    let missing = helpers.unknown_words();
    assert!(missing.len() <= 8, "helpers without a prototype: {missing:?}");
    let numbers: std::collections::BTreeSet<u32> = helpers.all().iter().map(|proto| proto.id.0).collect();
    assert!(numbers.len() >= 205, "{} helpers", numbers.len());
}

#[test]
fn sizes_stand_behind_their_memory() {
    for proto in without_types().helper_protos() {
        for (at, arg) in proto.args.iter().enumerate() {
            if let ArgKind::Memory { size: MemSize::Arg(size), .. } = arg.kind {
                assert_eq!(usize::from(size.0), at + 1, "{}", proto.name);
                let next = proto.args.get(at + 1).map(|arg| &arg.kind);
                assert!(matches!(next, Some(ArgKind::Size { .. })), "{}: {next:?}", proto.name);
            }
        }
    }
}

#[test]
fn sections_resolve_to_the_longest_match() {
    let linux = without_types();
    let egress = linux.entry(&named("cgroup_skb/egress")).expect("a known section");
    let plain = linux.entry(&named("?cgroup_skb/other")).expect("a known section");
    assert_ne!(egress.ret, plain.ret);
    assert!(linux.entry(&named("tc")).is_some() && linux.entry(&named("tc/anything/else")).is_some());
    assert!(linux.entry(&named("nonsense")).is_none() && linux.entry(&named("tcp")).is_none());
}

#[test]
fn helpers_are_granted_by_kind() {
    let linux = without_types();
    let lookup = linux.helper(HelperId(1), &named("xdp")).expect("every program may look up");
    assert_eq!(lookup.name, "bpf_map_lookup_elem");
    let adjust_head = HelperId(44);
    assert!(linux.helper(adjust_head, &named("xdp")).is_ok());
    assert_eq!(linux.helper(adjust_head, &named("tc")), Err(Unavailable::WrongProgramKind));
    assert_eq!(linux.helper(HelperId(9999), &named("tc")), Err(Unavailable::Unknown));
    let bind = HelperId(64);
    assert!(linux.helper(bind, &named("cgroup/connect4")).is_ok());
    assert!(linux.helper(bind, &named("cgroup/bind4")).is_err());
}

#[test]
fn prototypes_come_from_the_running_kernel() {
    let Some(linux) = running() else {
        opswap_skips::skipped("no /sys/kernel/btf/vmlinux");
        return;
    };
    for (section, args) in [("tp_btf/sched_switch", 4), ("fentry/do_unlinkat", 2), ("fexit/do_unlinkat", 3)] {
        let entry = linux.entry(&named(section)).expect(section);
        let ContextLayout::Args(found) = &entry.context else { panic!("{section} has arguments") };
        assert_eq!(found.len(), args, "{section}");
    }
    let task = linux.entry(&named("iter/task")).expect("a target of iterators");
    let ContextLayout::Args(args) = &task.context else { panic!("iterators have arguments") };
    assert!(args.iter().all(|arg| matches!(arg.value, ContextValue::Object { .. })));
    let ops = ProgramKind::StructOps { ops: "tcp_congestion_ops".to_owned(), op: OpIdx(0) };
    assert_eq!(linux.entry(&ops).expect("an operation").name, "tcp_congestion_ops::ssthresh");
    let id = linux.kfunc_named("bpf_rcu_read_lock").expect("a kfunc of every kernel");
    assert!(linux.kfunc(id, 0, &named("tc")).is_ok());
}
