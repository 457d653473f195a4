//! Collects thousands of kfuncs, again and again, and prints how long it takes: the declarations sorted, every contract lowered, one BTF
//! built, nothing shared between rounds. Then finds each by its name.
//!
//! ```text
//! $ bench/kfuncs/run.sh            # 10,000 kfuncs are compiled: minutes
//! $ bench/kfuncs/run.sh 400 25     # 400 are compiled, and each is collected under 25 names
//! ```

use std::time::{Duration, Instant};

use opswap::declare::KfuncDecl;
use opswap::registry::{Records, Registry};
use opswap::{Btf, Errno, KRef, kfunc};

include!(concat!(env!("OUT_DIR"), "/kfuncs.rs"));

const ROUNDS: usize = 41;

/// The least and the median of some times.
fn summary(times: impl Iterator<Item = Duration>) -> String {
    let mut times: Vec<Duration> = times.collect();
    times.sort_unstable();
    format!("least {:.2} ms, median {:.2} ms", ms(times[0]), ms(times[times.len() / 2]))
}

/// What this thread has computed so far, which other programs' work does not lengthen; zero where the system does not say.
fn computed() -> Duration {
    let said = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let first = said.split_whitespace().next().and_then(|word| word.parse().ok());
    Duration::from_nanos(first.unwrap_or(0))
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

/// Each kfunc under so many names, in no order.
fn under_names(kfuncs: &[KfuncDecl], names: usize) -> Vec<KfuncDecl> {
    let leak = |text: String| -> &'static str { Box::leak(text.into_boxed_str()) };
    let copy = |(kfunc, at): (&KfuncDecl, usize)| {
        let name = leak(format!("{}_{at}", kfunc.name));
        KfuncDecl { name, doc_tag: leak(format!("{} {at}", kfunc.doc_tag)), ..*kfunc }
    };
    let mut all: Vec<KfuncDecl> =
        (0..names).flat_map(|at| kfuncs.iter().map(move |kfunc| (kfunc, at))).map(copy).collect();
    let (len, mut state) = (all.len(), 1_u64);
    for at in 0..len {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        all.swap(at, (state >> 33) as usize % len);
    }
    all
}

fn main() {
    let names = std::env::args().nth(1).and_then(|word| word.parse().ok()).unwrap_or(1);
    let linked = Records::linked();
    let repeated = under_names(linked.kfuncs, names);
    let collect = || {
        let found = if names == 1 {
            Registry::collect()
        } else {
            Registry::new(Records { kfuncs: &repeated, ..linked })
        };
        found.expect("sound declarations")
    };
    let first = Instant::now();
    let registry = collect();
    let first = first.elapsed();
    assert_eq!(registry.kfuncs().len(), repeated.len());

    let round = |_| {
        let (started, before) = (Instant::now(), computed());
        let registry = collect();
        let time = (started.elapsed(), computed().saturating_sub(before));
        drop(registry);
        time
    };
    let times: Vec<_> = (0..ROUNDS).map(round).collect();

    let started = Instant::now();
    let names: Vec<&str> = registry.kfuncs().iter().map(|kfunc| kfunc.proto.name.as_str()).collect();
    let found = names.iter().filter(|name| registry.kfunc_named(name).is_some()).count();
    let lookup = started.elapsed().as_nanos() / found.max(1) as u128;

    let started = Instant::now();
    let bytes = registry.btf().to_bytes().expect("it can be written").len();
    let written = started.elapsed();

    println!("kfuncs                 {found}");
    println!("BTF types              {}", registry.btf().len());
    println!("collect and build BTF  {} of {ROUNDS} rounds", summary(times.iter().map(|(wall, _)| *wall)));
    println!("  of it on a processor {}", summary(times.iter().map(|(_, computed)| *computed)));
    println!("  the first time       {:.2} ms", ms(first));
    println!("lookup by name         {lookup} ns");
    println!("BTF as bytes           {bytes} bytes in {:.2} ms", ms(written));
}
