//! The flag words of `#[kfunc]` with the kernel's bits, and what a signature must look like for each.

/// A flag word.
pub(crate) struct Flag {
    /// As written.
    pub(crate) word: &'static str,
    /// The kernel's bit (`KF_*`).
    pub(crate) bit: u32,
    /// What the signature must look like; none for flags that say nothing about it.
    pub(crate) rule: Option<Rule>,
}

/// A flag's demand on the signature.
pub(crate) struct Rule {
    /// Name of the constant function in `opswap::__private::agree` that asks the types.
    pub(crate) check: &'static str,
    /// What it asks for.
    pub(crate) needs: &'static str,
    /// Where it looks.
    pub(crate) side: Side,
}

/// Part of a signature.
#[derive(Clone, Copy)]
pub(crate) enum Side {
    Parameters,
    Result,
}

const fn plain(word: &'static str, bit: u32) -> Flag {
    Flag { word, bit: 1 << bit, rule: None }
}

const fn result(word: &'static str, bit: u32, check: &'static str, needs: &'static str) -> Flag {
    Flag { word, bit: 1 << bit, rule: Some(Rule { check, needs, side: Side::Result }) }
}

const fn params(word: &'static str, bit: u32, check: &'static str, needs: &'static str) -> Flag {
    Flag { word, bit: 1 << bit, rule: Some(Rule { check, needs, side: Side::Parameters }) }
}

/// Every flag word.
pub(crate) const FLAGS: [Flag; 16] = [
    result("acquire", 0, "acquire", "an owned return such as `KRef<T>`"),
    params("release", 1, "release", "an owned parameter such as `KRef<T>` by value"),
    result("ret_null", 2, "ret_null", "a return that may be null, such as `Option<&T>`"),
    params("kptr_get", 3, "kptr_get", "`&KptrSlot<T>` as its first parameter"),
    plain("trusted_args", 4),
    plain("sleepable", 5),
    plain("destructive", 6),
    params("rcu", 7, "rcu", "an RCU-protected parameter `Rcu<'_, T>`"),
    params("iter_new", 8, "iter", "an iterator's state `&mut Iter<T>` as its first parameter"),
    params("iter_next", 9, "iter", "an iterator's state `&mut Iter<T>` as its first parameter"),
    params("iter_destroy", 10, "iter", "an iterator's state `&mut Iter<T>` as its first parameter"),
    result("rcu_protected", 11, "rcu_protected", "an RCU-protected return `Rcu<'a, T>`"),
    plain("fastcall", 12),
    params("implicit_args", 16, "implicit", "a parameter that the runtime fills in, such as `&CallSite`"),
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
pub(crate) const VALUED: [&str; 7] = ["name", "set", "programs", "filter", "deprecated", "crate", "dtor"];
