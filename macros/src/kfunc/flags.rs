//! The flag words of `#[kfunc]` with the kernel's bits, and what a signature must look like for each.

/// A flag word.
pub(crate) struct Flag {
    /// As written.
    pub(crate) word: &'static str,
    /// The kernel's bit (`KF_*`).
    pub(crate) bit: u32,
    /// Name of the constant function in `opswap::__private::agree` that compares the flag with the signature; none for flags that
    /// say nothing about it.
    pub(crate) rule: Option<&'static str>,
}

const fn plain(word: &'static str, bit: u32) -> Flag {
    Flag { word, bit: 1 << bit, rule: None }
}

const fn ruled(word: &'static str, bit: u32, rule: &'static str) -> Flag {
    Flag { word, bit: 1 << bit, rule: Some(rule) }
}

/// Every flag word.
pub(crate) const FLAGS: [Flag; 16] = [
    ruled("acquire", 0, "acquire"),
    ruled("release", 1, "release"),
    ruled("ret_null", 2, "ret_null"),
    ruled("kptr_get", 3, "kptr_get"),
    plain("trusted_args", 4),
    plain("sleepable", 5),
    plain("destructive", 6),
    ruled("rcu", 7, "rcu"),
    ruled("iter_new", 8, "iter_new"),
    ruled("iter_next", 9, "iter_next"),
    ruled("iter_destroy", 10, "iter_destroy"),
    ruled("rcu_protected", 11, "rcu_protected"),
    plain("fastcall", 12),
    ruled("implicit_args", 16, "implicit_args"),
    plain("spinlock_safe", 17),
    plain("perfmon", 18),
];

/// Pairs of flags that cannot stand together, with the reason.
pub(crate) const EXCLUSIVE: [(&str, &str, &str); 5] = [
    ("iter_new", "iter_next", "one function of an iterator does one thing"),
    ("iter_new", "iter_destroy", "one function of an iterator does one thing"),
    ("iter_next", "iter_destroy", "one function of an iterator does one thing"),
    ("acquire", "rcu_protected", "an owned reference needs no RCU section"),
    ("sleepable", "spinlock_safe", "a function that sleeps cannot be called while a lock is held"),
];

/// The words that take a value.
pub(crate) const VALUED: [&str; 6] = ["name", "set", "programs", "filter", "deprecated", "crate"];
