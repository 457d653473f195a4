//! Initcalls: they run once, in order, and what they register decides which programs may call what.

use std::sync::atomic::{AtomicUsize, Ordering};

use opswap::registry::Registry;
use opswap::verifier::Host;
use opswap::{FilterVerdict, InitLevel, ProgramKind, Refusal, Registrar, Runtime, kfunc};

static RUNS: AtomicUsize = AtomicUsize::new(0);

#[kfunc]
fn open() -> u32 {
    1
}

#[kfunc]
fn guarded() -> u32 {
    2
}

#[kfunc(programs(tc))]
fn both() -> u32 {
    3
}

fn first(registrar: &mut Registrar) -> Result<(), Refusal> {
    assert_eq!(RUNS.fetch_add(1, Ordering::Relaxed), 0, "the core level comes first, and once");
    registrar.kfunc_set("late_choice", ["xdp"], ["guarded", "both"]);
    Ok(())
}

fn second(registrar: &mut Registrar) -> Result<(), Refusal> {
    assert_eq!(RUNS.fetch_add(1, Ordering::Relaxed), 1);
    registrar.filtered_kfunc_set("filtered", ["lsm"], ["guarded"], not_lsm_file);
    // Asking for a runtime from here would be asking for what is not known yet.
    let refused = Runtime::new().expect_err("too early");
    assert!(
        std::error::Error::source(&refused)
            .is_some_and(|error| error.to_string().contains("build the runtime later"))
            || refused.to_string().contains("build the runtime later")
    );
    Ok(())
}

fn not_lsm_file(program: &ProgramKind, _kfunc: &str) -> FilterVerdict {
    match program {
        ProgramKind::Named(section) if section == "lsm/file" => FilterVerdict::Deny,
        ProgramKind::Named(_) | ProgramKind::StructOps { .. } => FilterVerdict::Allow,
    }
}

// Written in the other order.
opswap::initcall!(InitLevel::Device, second);
opswap::initcall!(InitLevel::Core, first);

#[test]
fn registered_sets_decide_who_may_call() {
    Runtime::new().expect("both succeed");
    let registry = Registry::collect().expect("they are not run again");
    assert_eq!(RUNS.load(Ordering::Relaxed), 2);
    let may = |kfunc: &str, section: &str| {
        let id = registry.kfunc_named(kfunc).expect("declared");
        Host::kfunc(&registry, id, 0, &ProgramKind::Named(section.to_owned())).is_ok()
    };
    assert!(may("open", "xdp") && may("open", "tc"));
    assert!(may("guarded", "xdp") && may("guarded", "lsm/bprm") && !may("guarded", "tc"));
    assert!(!may("guarded", "lsm/file"), "the filter");
    assert!(may("both", "xdp") && may("both", "tc") && !may("both", "lsm/bprm"));
    let sets = |name: &str| {
        let id = registry.kfunc_named(name).expect("declared");
        registry.kfuncs()[id.index()].sets().join(" ")
    };
    assert_eq!(
        (sets("guarded"), sets("both"), sets("open")),
        ("late_choice filtered".into(), "late_choice".into(), String::new())
    );
    assert_eq!((open(), guarded(), both()), (1, 2, 3));
}
