//! The tables: what was loaded, what each version did to the link, and who answered how many calls.

use std::time::Duration;

use opswap::Object;

use super::paint::{Colour, Paint};
use crate::cong::Op;
use crate::trace::Trace;

/// What it took to load an object.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Loaded {
    file: String,
    programs: usize,
    /// BPF instructions (slots) of all programs.
    instructions: usize,
    /// Instructions that the verifier walked, over all paths.
    walked: u32,
    machine_bytes: usize,
    took: Duration,
}

impl Loaded {
    /// What the object `name.bpf.o` tells, and how long it took to load.
    pub fn new(name: &str, object: &Object, took: Duration) -> Self {
        let programs: Vec<_> = object.programs().collect();
        Self {
            file: format!("{name}.bpf.o"),
            programs: programs.len(),
            instructions: programs.iter().filter_map(|p| Some(p.linked()?.insns.len())).sum(),
            walked: programs.iter().map(|program| program.stats().insns_processed).sum(),
            machine_bytes: programs.iter().map(|program| program.machine_code().len()).sum(),
            took,
        }
    }
}

/// What was loaded, and what it took.
pub fn loaded_table(objects: &[Loaded], paint: Paint) -> String {
    let head =
        "loaded          programs   instructions   walked by the verifier   x86-64 code   verified, compiled";
    let mut out = paint.apply(Colour::Bold, head) + "\n";
    for (index, object) in objects.iter().enumerate() {
        let file = paint.apply(Colour::Period(index), &format!("{:<13}", object.file));
        out += &format!(
            "{file} {:>10} {:>14} {:>24} {:>7} bytes {:>17.2} ms\n",
            object.programs,
            object.instructions,
            object.walked,
            object.machine_bytes,
            object.took.as_secs_f64() * 1e3,
        );
    }
    out
}

/// Calls that one version answered.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Answered {
    /// The version's name.
    pub name: String,
    /// What the caller counted, for each of [`Op::ALL`].
    pub asked: [u64; Op::ALL.len()],
    /// What the slot counted: calls that the version's programs answered.
    pub by_program: u64,
    /// What the slot counted: calls of operations for which the version has no program.
    pub by_native: u64,
}

/// What happened on the link while each version was in charge.
pub fn period_table(trace: &Trace, packet_bytes: u32, paint: Paint) -> String {
    let head =
        "version            from    packets   Mbit/s   mean wait   p99 wait   dropped   marked    taken over";
    let mut out = paint.apply(Colour::Bold, head) + "\n";
    for (index, period) in trace.periods().iter().enumerate() {
        let name = paint.apply(Colour::Period(index), &format!("{:<13}", period.name));
        let taken_over = match period.from.is_zero() {
            true => "at start".to_owned(),
            false => format!("{} in flight", period.in_flight),
        };
        out += &format!(
            "{name} {:>6.1} s {:>10} {:>8.2} {:>8.1} ms {:>7.1} ms {:>9} {:>8} {taken_over:>13}\n",
            period.from.as_secs_f64(),
            period.delivered(),
            period.mbit_per_s(packet_bytes),
            period.mean_wait_ms(),
            period.wait_ms_at(99),
            period.dropped,
            period.marked,
        );
    }
    out
}

/// Who answered how many calls, and whether that is every call that was made.
pub fn call_table(answered: &[Answered], made: u64, paint: Paint) -> String {
    let head =
        "calls            init   on_ack   on_loss   on_ecn  on_timeout   release      sum   in BPF  in Rust";
    let mut out = paint.apply(Colour::Bold, head) + "\n";
    let mut all = Answered { name: String::new(), asked: [0; Op::ALL.len()], by_program: 0, by_native: 0 };
    for (index, version) in answered.iter().enumerate() {
        let name = paint.apply(Colour::Period(index), &format!("{:<13}", version.name));
        out += &format!("{name} {}\n", row(version));
        for (sum, calls) in all.asked.iter_mut().zip(version.asked) {
            *sum += calls;
        }
        all.by_program += version.by_program;
        all.by_native += version.by_native;
    }
    out += &format!("{:<13} {}\n", "", row(&all));
    let answered = all.by_program + all.by_native;
    out + &match made == answered {
        true => format!("{made} calls made, {answered} answered: each by exactly one version\n"),
        false => format!("{made} calls made, but {answered} answered\n"),
    }
}

fn row(version: &Answered) -> String {
    let [init, ack, loss, ecn, timeout, release] = version.asked;
    let sum: u64 = version.asked.iter().sum();
    format!(
        "{init:>7} {ack:>8} {loss:>9} {ecn:>8} {timeout:>11} {release:>9} {sum:>8} {:>8} {:>8}",
        version.by_program, version.by_native
    )
}
