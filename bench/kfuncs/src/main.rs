//! Collects thousands of kfuncs, again and again, and prints how long it takes: the declarations sorted, every contract lowered, one BTF
//! built, nothing shared between rounds. Then finds each by its name.
//!
//! ```text
//! $ bench/kfuncs/run.sh
//! ```

use std::time::{Duration, Instant};

use opswap::registry::{OPSWAP_KFUNCS, Registry};
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

fn main() {
    let first = Instant::now();
    let registry = Registry::collect().expect("sound declarations");
    let first = first.elapsed();
    assert_eq!(registry.kfuncs().len(), OPSWAP_KFUNCS.len());

    let round = |_| {
        let (started, before) = (Instant::now(), computed());
        let registry = Registry::collect().expect("sound declarations");
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
