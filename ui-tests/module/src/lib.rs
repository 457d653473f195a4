//! A module: kfuncs of its own, a table with a slot, and a crate that the application links as well.

#![forbid(unsafe_code)]

use std::sync::LazyLock;

use opswap::{
    BpfCell, Btf, FilterVerdict, InitLevel, KRef, ProgramKind, Refusal, Registrar, Slot, StructOps, kfunc,
    struct_ops,
};
use ui_library::Counter;

opswap::module! { name = "ui", slots = [SCORES] }

/// An object of the module.
#[derive(Btf, Debug)]
#[repr(C)]
pub struct Tally {
    /// The sum.
    pub sum: BpfCell<u64>,
    /// An object of a type that the application knows, too.
    pub counter: KRef<Counter>,
}

/// Adds.
#[kfunc]
fn module_add(a: u32, b: u32) -> u32 {
    a.wrapping_add(b)
}

/// A new tally that owns a counter.
#[kfunc(acquire)]
fn tally_new(counter: KRef<Counter>) -> KRef<Tally> {
    KRef::new(Tally { sum: BpfCell::new(0), counter })
}

/// Adds to the sum, and counts.
#[kfunc]
fn tally_add(tally: &Tally, by: u32) -> u64 {
    tally.sum.set(tally.sum.get() + u64::from(by));
    tally.counter.count.set(tally.counter.count.get() + 1);
    tally.sum.get()
}

/// How often the tally was added to.
#[kfunc]
fn tally_times(tally: &Tally) -> u64 {
    tally.counter.count.get()
}

/// Gives a tally back.
#[kfunc(release)]
fn tally_put(tally: KRef<Tally>) {
    drop(tally);
}

/// Panics inside the module.
#[kfunc]
fn module_panic(number: u32) {
    panic!("number {number}");
}

/// Not for everybody.
#[kfunc(filter = not_for_secrets)]
fn module_filtered() -> u32 {
    7
}

fn not_for_secrets(program: &ProgramKind, _kfunc: &str) -> FilterVerdict {
    match program {
        ProgramKind::Named(section) if section == "secret" => FilterVerdict::Deny,
        ProgramKind::Named(_) | ProgramKind::StructOps { .. } => FilterVerdict::Allow,
    }
}

/// Only for programs that the module's initcall names.
#[kfunc]
fn module_registered() -> u32 {
    8
}

fn register(registrar: &mut Registrar) -> Result<(), Refusal> {
    registrar.kfunc_set("module_set", ["run"], ["module_registered"]);
    Ok(())
}

opswap::initcall!(InitLevel::Device, register);

/// A table of the module.
#[struct_ops(name = "score_ops")]
pub struct ScoreOps {
    /// A score.
    #[op(required)]
    pub score: fn(number: u32) -> u32,
    /// How many are wanted.
    pub wanted: u32,
}

impl StructOps for ScoreOps {}

static SCORES: LazyLock<Slot<ScoreOps>> =
    LazyLock::new(|| Slot::new(ScoreOps { score: |number| number, wanted: 0 }));

/// Asks whoever answers the module's slot.
#[kfunc]
fn module_score(number: u32) -> u32 {
    SCORES.pin().score(number)
}
