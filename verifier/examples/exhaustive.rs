//! Every operator of the abstract domain on all pairs of simple values at 6 bits, and of compound values at 4 bits, against the
//! concrete meaning of the operations. Prints what was checked; fails when any result misses a concrete one.
//!
//! `cargo run --release -p opswap-verifier --example exhaustive [threads]`

#[path = "../tests/domain/check.rs"]
mod check;

use std::process::ExitCode;
use std::time::Instant;

use check::{ALU_OPS, JMP_OPS, Tally, Universe, WIDTHS};
use opswap_bpf::insn::Width;

fn split<const N: u32, const H: u32>(
    universe: &Universe<N, H>,
    threads: usize,
    run: impl Fn(std::ops::Range<usize>) -> Tally + Sync,
) -> Tally {
    let count = universe.values.len();
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads)
            .map(|at| {
                let run = &run;
                scope.spawn(move || run(count * at / threads..count * (at + 1) / threads))
            })
            .collect();
        let mut total = Tally::default();
        for worker in workers {
            total.add(worker.join().expect("a checking thread does not panic"));
        }
        total
    })
}

fn report(name: &str, tally: Tally, total: &mut Tally) {
    println!(
        "{name:<12} pairs {:>12}  concrete {:>15}  exact {:>6.2} %  unsound {}",
        tally.pairs,
        tally.concrete,
        100.0 * tally.exact as f64 / tally.pairs as f64,
        tally.unsound
    );
    total.add(tally);
}

fn run<const N: u32, const H: u32>(universe: &Universe<N, H>, threads: usize) -> Tally {
    let start = Instant::now();
    println!("{N} bits (lower half {H}): {} abstract values", universe.values.len());
    let mut total = Tally::default();
    for op in ALU_OPS {
        for width in WIDTHS {
            let tally = split(universe, threads, |lefts| universe.check_alu(op, width, lefts));
            report(&format!("{op:?} {width:?}"), tally, &mut total);
        }
    }
    for op in JMP_OPS {
        for width in WIDTHS {
            let tally = split(universe, threads, |lefts| universe.check_branch(op, width, lefts));
            report(&format!("J{op:?} {width:?}"), tally, &mut total);
        }
    }
    for width in WIDTHS {
        let target = if width == Width::W64 { N } else { H };
        let mask = (1u64 << target) - 1;
        let tally = universe.check_unary(|value| value.neg(width), |x| x.wrapping_neg() & mask);
        report(&format!("Neg {width:?}"), tally, &mut total);
        for bits in 1..=target {
            let tally = universe.check_unary(
                |value| value.sign_extended_from(bits, width),
                |x| check::sign_extended::<N, H>(x, bits, width),
            );
            report(&format!("Sx{bits} {width:?}"), tally, &mut total);
        }
    }
    for bits in 1..=N {
        let mask = (1u64 << bits) - 1;
        let tally = universe.check_unary(|value| value.zero_extended_from(bits), |x| x & mask);
        report(&format!("Zx{bits}"), tally, &mut total);
    }
    println!("{total:?} in {:.1} s\n", start.elapsed().as_secs_f64());
    total
}

fn main() -> ExitCode {
    let threads = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(2);
    let mut total = run::<4, 2>(&Universe::new(check::compound_values()), threads);
    total.add(run::<6, 3>(&Universe::new(check::simple_values()), threads));
    println!("in all: {total:?}");
    if total.unsound == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
