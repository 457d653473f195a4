//! Each flag word by itself, with the kernel's bit.

use opswap::registry::OPSWAP_KFUNCS;
use opswap::{Btf, CallSite, Iter, KRef, KptrSlot, Rcu, Uninit, kfunc};

#[derive(Btf)]
#[repr(C)]
struct Flow {
    next: Option<KRef<Flow>>,
}

#[derive(Btf, Default)]
#[repr(C)]
#[btf(name = "bpf_iter_word")]
struct Word {
    next: u64,
}

#[kfunc(acquire)]
fn acquire() -> KRef<Flow> {
    KRef::new(Flow { next: None })
}

#[kfunc(release)]
fn release(flow: KRef<Flow>) {
    drop(flow);
}

#[kfunc(ret_null)]
fn ret_null(flow: &Flow) -> Option<&Flow> {
    flow.next.as_deref()
}

#[kfunc(kptr_get)]
fn kptr_get(slot: &KptrSlot<Flow>) -> Option<KRef<Flow>> {
    slot.take()
}

#[kfunc(trusted_args)]
fn trusted_args(flow: &Flow) -> bool {
    flow.next.is_some()
}

#[kfunc(sleepable)]
fn sleepable() {}

#[kfunc(destructive)]
fn destructive() {}

#[kfunc(rcu)]
fn rcu(flow: Rcu<'_, Flow>) -> bool {
    flow.next.is_some()
}

#[kfunc(iter_new)]
fn bpf_iter_word_new(it: Uninit<Iter<Word>>) {
    it.write(Iter::new(Word { next: 1 }));
}

#[kfunc(iter_next)]
fn bpf_iter_word_next(it: &mut Iter<Word>) -> Option<&u64> {
    it.next = it.next.checked_sub(1)?;
    Some(&it.next)
}

#[kfunc(iter_destroy)]
fn bpf_iter_word_destroy(it: &mut Iter<Word>) {
    it.next = 0;
}

#[kfunc(rcu_protected)]
fn rcu_protected(flow: &Flow) -> Rcu<'_, Flow> {
    Rcu::new(flow)
}

#[kfunc(fastcall)]
fn fastcall() {}

#[kfunc(implicit_args)]
fn implicit_args(site: &CallSite) -> bool {
    site.program().is_empty()
}

#[kfunc(spinlock_safe)]
fn spinlock_safe() {}

#[kfunc(perfmon)]
fn perfmon() {}

fn main() {
    let words = [
        ("acquire", 0),
        ("release", 1),
        ("ret_null", 2),
        ("kptr_get", 3),
        ("trusted_args", 4),
        ("sleepable", 5),
        ("destructive", 6),
        ("rcu", 7),
        ("bpf_iter_word_new", 8),
        ("bpf_iter_word_next", 9),
        ("bpf_iter_word_destroy", 10),
        ("rcu_protected", 11),
        ("fastcall", 12),
        ("implicit_args", 16),
        ("spinlock_safe", 17),
        ("perfmon", 18),
    ];
    for (name, bit) in words {
        let kfunc = OPSWAP_KFUNCS.iter().find(|kfunc| kfunc.name == name).expect("declared");
        assert_eq!(kfunc.flags, 1 << bit, "{name}");
    }
    opswap::registry::Registry::collect().expect("sound declarations");
}
