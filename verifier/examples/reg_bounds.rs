//! What a comparison teaches about two 64-bit registers, over a grid of 113,758,560 cases, against an exact model.
//!
//! A case is: a domain in which both operands have a range (u64, s64, u32, s32), a domain in which they are compared, one of six
//! comparisons, and the two ranges, one of them possibly a constant. The ends of the ranges are the corner numbers of both
//! widths. For both sides of the branch the model works out the exact set of what each operand can still be, and the least
//! range around it in each domain. Prints how often the domain is equal, looser, or wrong (misses a possible number); fails on
//! the latter.
//!
//! `cargo run --release -p opswap-verifier --example reg_bounds [threads]`

#[path = "reg_bounds/model.rs"]
mod model;

use std::process::ExitCode;
use std::time::Instant;

use model::{Bounds, Domain, Set};
use opswap_bpf::insn::{JmpOp, Width};
use opswap_verifier::domain::Scalar;

#[derive(Clone, Copy, Default, Debug)]
struct Tally {
    cases: u64,
    /// Operands on a side, of which both must be judged.
    judged: u64,
    equal: u64,
    looser: u64,
    unsound: u64,
}

/// An operand: as the domain holds it, and exactly.
#[derive(Clone)]
struct Operand {
    scalar: Scalar,
    exact: Set,
}

/// The corner numbers of both widths.
fn seeds() -> (Vec<u64>, Vec<u32>) {
    let upper = [0u32, 1, u32::MAX, u32::MAX - 1, i32::MAX as u32, i32::MIN as u32];
    let mut lower =
        vec![0u32, 1, 2, -2i32 as u32, 255, -255i32 as u32, u32::MAX, i32::MAX as u32, i32::MIN as u32];
    lower.sort_unstable();
    let mut wide: Vec<u64> = upper
        .iter()
        .flat_map(|&hi| lower.iter().map(move |&lo| u64::from(hi) << 32 | u64::from(lo)))
        .collect();
    wide.sort_unstable();
    (wide, lower)
}

/// The operand with a range in one domain; the ends are given as numbers of that domain in its order.
fn operand(domain: Domain, lo: u64, hi: u64) -> Operand {
    let scalar = match domain {
        Domain::U64 => Scalar::unsigned_range(lo, hi),
        Domain::S64 => Scalar::signed_range(lo as i64, hi as i64),
        Domain::U32 => half_range(JmpOp::Ge, JmpOp::Le, lo, hi),
        Domain::S32 => half_range(JmpOp::Sge, JmpOp::Sle, lo, hi),
    };
    Operand { scalar, exact: Set::range(domain, lo, hi) }
}

fn half_range(at_least: JmpOp, at_most: JmpOp, lo: u64, hi: u64) -> Scalar {
    let lo = Scalar::refine(at_least, Width::W32, &Scalar::unknown(), &Scalar::constant(lo));
    let lo = lo.taken.expect("a range has a least number").0;
    Scalar::refine(at_most, Width::W32, &lo, &Scalar::constant(hi)).taken.expect("a range is not empty").0
}

/// All ranges and all constants of a domain.
fn operands(domain: Domain) -> (Vec<Operand>, Vec<Operand>) {
    let (wide, narrow) = seeds();
    let mut ends: Vec<u64> = match domain {
        Domain::U64 | Domain::S64 => wide,
        Domain::U32 | Domain::S32 => narrow.into_iter().map(u64::from).collect(),
    };
    match domain {
        Domain::U64 | Domain::U32 => {}
        Domain::S64 => ends.sort_by_key(|&end| end as i64),
        Domain::S32 => ends.sort_by_key(|&end| end as i32),
    }
    let mut ranges = Vec::new();
    for (at, &lo) in ends.iter().enumerate() {
        ranges.extend(ends[at..].iter().map(|&hi| operand(domain, lo, hi)));
    }
    let constants = ends.iter().map(|&end| operand(domain, end, end)).collect();
    (ranges, constants)
}

fn bounds(scalar: &Scalar) -> Bounds {
    Bounds {
        u64: (scalar.umin(), scalar.umax()),
        s64: (scalar.smin(), scalar.smax()),
        u32: (scalar.u32_min(), scalar.u32_max()),
        s32: (scalar.s32_min(), scalar.s32_max()),
    }
}

fn judge(found: Option<&Scalar>, exact: &Set, tally: &mut Tally) {
    tally.judged += 1;
    match (found.map(bounds), exact.bounds()) {
        (None, None) => tally.equal += 1,
        (None, Some(_)) => tally.unsound += 1,
        (Some(_), None) => tally.looser += 1,
        (Some(found), Some(exact)) if found == exact => tally.equal += 1,
        (Some(found), Some(exact)) if found.covers(&exact) => tally.looser += 1,
        (Some(_), Some(_)) => tally.unsound += 1,
    }
}

fn case(domain: Domain, comparison: usize, x: &Operand, y: &Operand, tally: &mut Tally) {
    tally.cases += 1;
    let (op, width) = domain.comparison(comparison);
    let refined = Scalar::refine(op, width, &x.scalar, &y.scalar);
    for (side, op) in [(refined.taken, op), (refined.not_taken, model::negation(op))] {
        let (left, right) = Set::assume(domain, op, &x.exact, &y.exact);
        // Where one operand has nothing left, neither has: the model must say the same of both.
        assert_eq!(left.bounds().is_none(), right.bounds().is_none(), "the model contradicts itself");
        judge(side.as_ref().map(|side| &side.0), &left, tally);
        judge(side.as_ref().map(|side| &side.1), &right, tally);
    }
}

fn run(init: Domain, part: usize, parts: usize) -> Tally {
    let (ranges, constants) = operands(init);
    let mut tally = Tally::default();
    for (at, x) in ranges.iter().enumerate().filter(|(at, _)| at % parts == part) {
        for compared in Domain::ALL {
            for comparison in 0..6 {
                for y in constants.iter().chain(&ranges[at..]) {
                    case(compared, comparison, x, y, &mut tally);
                    case(compared, comparison, y, x, &mut tally);
                }
            }
        }
    }
    tally
}

fn main() -> ExitCode {
    let threads = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(2);
    let start = Instant::now();
    let mut total = Tally::default();
    for init in Domain::ALL {
        let tallies: Vec<Tally> = std::thread::scope(|scope| {
            let workers: Vec<_> =
                (0..threads).map(|part| scope.spawn(move || run(init, part, threads))).collect();
            workers
                .into_iter()
                .map(|worker| worker.join().expect("a checking thread does not panic"))
                .collect()
        });
        for tally in tallies {
            total.cases += tally.cases;
            total.judged += tally.judged;
            total.equal += tally.equal;
            total.looser += tally.looser;
            total.unsound += tally.unsound;
        }
        println!("ranges in {init:?}: so far {total:?}, {:.1} s", start.elapsed().as_secs_f64());
    }
    if total.unsound == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
