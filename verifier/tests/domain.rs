//! The abstract domain against the concrete meaning of the operations: all pairs of simple values at 4 bits.

#[path = "domain/check.rs"]
mod check;

use check::{ALU_OPS, JMP_OPS, Tally, Universe, WIDTHS};
use opswap_bpf::insn::Width;
use opswap_verifier::domain::ScalarOf;

fn narrow() -> Universe<4, 2> {
    Universe::new(check::simple_values())
}

fn expect_sound(what: impl std::fmt::Debug, tally: Tally) {
    assert!(tally.pairs > 0, "{what:?}: nothing was checked");
    assert_eq!(tally.unsound, 0, "{what:?}: {tally:?}");
}

#[test]
fn arithmetic_contains_every_result() {
    let universe = narrow();
    for op in ALU_OPS {
        for width in WIDTHS {
            let tally = universe.check_alu(op, width, 0..universe.values.len());
            println!("{op:?} {width:?} {tally:?}");
            expect_sound((op, width), tally);
        }
    }
}

#[test]
fn branches_keep_every_possible_operand() {
    let universe = narrow();
    for op in JMP_OPS {
        for width in WIDTHS {
            let tally = universe.check_branch(op, width, 0..universe.values.len());
            println!("{op:?} {width:?} {tally:?}");
            expect_sound((op, width), tally);
        }
    }
}

#[test]
fn casts_contain_every_result() {
    let universe: Universe<4, 2> = Universe::new(check::compound_values());
    for width in WIDTHS {
        let bits = if width == Width::W64 { 4 } else { 2 };
        let tally = universe.check_unary(|value| value.neg(width), |x| x.wrapping_neg() & ((1 << bits) - 1));
        println!("neg {width:?} {tally:?}");
        expect_sound(("neg", width), tally);
        for bits in 1..4 {
            let tally = universe.check_unary(
                |value| value.sign_extended_from(bits, width),
                |x| check::sign_extended::<4, 2>(x, bits.min(if width == Width::W64 { 4 } else { 2 }), width),
            );
            println!("sx{bits} {width:?} {tally:?}");
            expect_sound(("sx", bits, width), tally);
        }
    }
    for bits in 1..=4 {
        let tally = universe.check_unary(|value| value.zero_extended_from(bits), |x| x & ((1 << bits) - 1));
        println!("zx{bits} {tally:?}");
        expect_sound(("zx", bits), tally);
    }
}

#[test]
fn reduction_is_the_best_possible_for_pairs_of_simple_values() {
    let universe: Universe<4, 2> = Universe::new(check::compound_values());
    let loose: Vec<&ScalarOf<4, 2>> = universe
        .values
        .iter()
        .zip(&universe.sets)
        .filter(|(value, set)| **value != check::best(**set))
        .map(|(value, _)| value)
        .collect();
    println!(
        "{} of {} values are not the tightest, first {:?}",
        loose.len(),
        universe.values.len(),
        loose.first()
    );
    assert!(loose.is_empty(), "not the tightest: {:?}", loose.first());
}

#[test]
fn unions_and_intersections_agree_with_the_sets() {
    let universe = narrow();
    for (left, &a) in universe.values.iter().zip(&universe.sets) {
        for (right, &b) in universe.values.iter().zip(&universe.sets) {
            assert_eq!(check::members(&left.union(right)) & (a | b), a | b);
            assert_eq!(left.intersect(right).map_or(0, |both| check::members(&both)) & (a & b), a & b);
            if left.covers(right) {
                assert_eq!(b & !a, 0, "{left:?} covers {right:?}");
            }
        }
    }
}
