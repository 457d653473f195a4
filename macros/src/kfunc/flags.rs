//! The flag words of `#[kfunc]` with the kernel's bits, and what a signature must look like for each.

/// A flag word.
pub(crate) struct Flag {
    /// As written.
    pub(crate) word: &'static str,
    /// The kernel's bit (`KF_*`).
    pub(crate) bit: u32,
    /// What it says about the signature, if anything.
    pub(crate) rule: Option<Rule>,
}

/// What compares a flag with the signature, by name.
#[derive(Clone, Copy)]
pub(crate) enum Rule {
    /// A method of `opswap::__private::Ret`.
    Result(&'static str),
    /// A constant function in `opswap::__private::agree`.
    Parameters(&'static str),
}

const fn plain(word: &'static str, bit: u32) -> Flag {
    Flag { word, bit: 1 << bit, rule: None }
}

const fn result(word: &'static str, bit: u32) -> Flag {
    Flag { word, bit: 1 << bit, rule: Some(Rule::Result(word)) }
}

const fn parameters(word: &'static str, bit: u32) -> Flag {
    Flag { word, bit: 1 << bit, rule: Some(Rule::Parameters(word)) }
}

/// Every flag word.
pub(crate) const FLAGS: [Flag; 17] = [
    result("acquire", 0),
    parameters("release", 1),
    result("ret_null", 2),
    parameters("kptr_get", 3),
    plain("trusted_args", 4),
    plain("sleepable", 5),
    plain("destructive", 6),
    parameters("rcu", 7),
    parameters("iter_new", 8),
    parameters("iter_next", 9),
    parameters("iter_destroy", 10),
    result("rcu_protected", 11),
    plain("fastcall", 12),
    parameters("implicit_args", 16),
    plain("spinlock_safe", 17),
    plain("perfmon", 18),
    // Not the kernel's bit: it registers destructors in a list of their own.
    parameters("dtor", 31),
];

const DTOR: &str = "a destructor takes one reference and gives nothing";

/// Pairs of flags that cannot stand together, with the reason.
pub(crate) const EXCLUSIVE: [(&str, &str, &str); 13] = [
    ("iter_new", "iter_next", "one function of an iterator does one thing"),
    ("iter_new", "iter_destroy", "one function of an iterator does one thing"),
    ("iter_next", "iter_destroy", "one function of an iterator does one thing"),
    ("acquire", "rcu_protected", "an owned reference needs no RCU section"),
    ("dtor", "acquire", DTOR),
    ("dtor", "ret_null", DTOR),
    ("dtor", "kptr_get", DTOR),
    ("dtor", "iter_new", DTOR),
    ("dtor", "iter_next", DTOR),
    ("dtor", "iter_destroy", DTOR),
    ("dtor", "implicit_args", DTOR),
    ("dtor", "sleepable", "maps are freed where nothing may sleep"),
    ("sleepable", "spinlock_safe", "a function that sleeps cannot be called while a lock is held"),
];

/// The words that take a value.
pub(crate) const VALUED: [&str; 6] = ["name", "set", "programs", "filter", "deprecated", "crate"];
