//! Jump distances at the edges of their encodings, backward jumps to the first instruction, huge programs, the loop budget.

use std::fmt::Write as _;

use crate::tests::harness::machine::call;
use crate::tests::harness::{Assumed, TestLinker, compiled};
use crate::{Executable, RunHeader};

/// Runs with a buffer that holds 1: a number that the verifier does not know.
fn result(executable: &Executable) -> u64 {
    call(executable, &mut 1_u64.to_le_bytes(), &RunHeader::default())
}

/// `count` instructions of `size` bytes of code each, all on R2.
fn filler(size: usize, count: usize) -> String {
    // add r2d,r2d-like forms: `w2 += w3` is 2 bytes, `r2 += r3` 3, `r2 += 1` 4, `r2 += 1000` 7.
    let insn = match size {
        2 => "w2 += w3\n",
        3 => "r2 += r3\n",
        4 => "r2 += 1\n",
        7 => "r2 += 1000\n",
        _ => unreachable!("no such filler"),
    };
    insn.repeat(count)
}

/// A block of exactly so many bytes.
fn block(bytes: usize) -> String {
    let odd = bytes % 2;
    filler(3, odd) + &filler(2, (bytes - 3 * odd) / 2)
}

#[test]
fn forward_jumps_over_blocks_of_every_size_around_the_edge() {
    for bytes in 100..150 {
        let over = block(bytes);
        let text =
            format!("r2 = 0\nr3 = *(u64 *)(r1 + 0)\nr0 = 7\nif r3 == 1 goto end\n{over}r0 = 8\nend:\nexit");
        assert_eq!(result(&compiled(&text, 8, &TestLinker::default())), 7, "{bytes} bytes");
        let text = format!(
            "r2 = 0\nr3 = *(u64 *)(r1 + 0)\nr0 = 7\nif r3 == 2 goto over\ngoto end\nover:\n{over}r0 = 8\nend:\nexit"
        );
        assert_eq!(result(&compiled(&text, 8, &TestLinker::default())), 7, "{bytes} bytes");
    }
}

#[test]
fn backward_jumps_over_blocks_of_every_size_around_the_edge() {
    for bytes in 100..150 {
        let over = block(bytes);
        let text = format!("r0 = 0\nr2 = 0\nr3 = 1\nagain:\nr0 += 1\n{over}if r0 != 3 goto again\nexit");
        assert_eq!(result(&compiled(&text, 8, &TestLinker::default())), 3, "{bytes} bytes");
    }
}

#[test]
fn jumps_to_the_first_instruction_do_not_repeat_the_prologue() {
    let text = "
    first:
        r6 = *(u64 *)(r1 + 0)
        r6 += 1
        *(u64 *)(r1 + 0) = r6
        *(u64 *)(r10 - 8) = r6
        if r6 != 1000 goto first
        r0 = *(u64 *)(r10 - 8)
        exit";
    let executable = Assumed::new(text, 8).compile(&TestLinker::default());
    assert_eq!(call(&executable, &mut [0; 8], &RunHeader::default()), 1000);
}

/// Each jump's length depends on that of the next: shortening one late must not break an earlier one.
#[test]
fn jumps_whose_lengths_depend_on_each_other_settle() {
    for shift in 0..12 {
        let mut text = String::from("r0 = 0\nr2 = 0\nr3 = *(u64 *)(r1 + 0)\n");
        for link in 0..60 {
            let bytes = 100 + (link + shift) % 8;
            let _ = write!(text, "if r3 == 0 goto l{}\n{}l{link}:\nr0 += 1\n", link + 1, block(bytes));
        }
        text.push_str("l60:\nexit");
        assert_eq!(result(&compiled(&text, 8, &TestLinker::default())), 60, "shift {shift}");
    }
}

#[test]
fn a_program_of_forty_thousand_instructions() {
    let mut text =
        String::from("r0 = 0\nr3 = 1\nr2 = 0\nr1 = 0\ngoto start\nback:\nr0 += 1\ngotol end\nstart:\n");
    for block in 0..4_000 {
        let _ = write!(text, "if r2 == 1 goto l{block}\nr0 += 1\nl{block}:\n{}", filler(7, 2));
        text.push_str("w4 = w0\nr4 += 1\nr4 -= 1\nr1 += r4\nr1 -= r4\nr1 ^= 0\n");
    }
    text.push_str("gotol back\nend:\nexit");
    let executable = compiled(&text, 8, &TestLinker::default());
    assert!(executable.len() > 1 << 17, "{}", executable.len());
    assert_eq!(result(&executable), 4_001);
}

#[test]
fn the_loop_budget_is_that_of_linux() {
    let text = "
        r0 = 0
    again:
        may_goto end
        r0 += 1
        goto again
    end:
        may_goto out
        r0 = 0
    out:
        exit";
    assert_eq!(
        call(&Assumed::new(text, 0).compile(&TestLinker::default()), &mut [], &RunHeader::default()),
        8 << 20,
        "once used up, it stays used up"
    );
}

#[test]
fn every_call_of_a_function_has_a_loop_budget_of_its_own_and_the_run_one_for_all() {
    let text = "
        r6 = *(u64 *)(r1 + 0)
        r7 = 0
    calls:
        if r6 == 0 goto done
        r6 += -1
        call inner
        r7 += r0
        goto calls
    done:
        r0 = r7
        exit
    inner:
        r0 = 0
    again:
        may_goto end
        r0 += 1
        goto again
    end:
        exit";
    let executable = Assumed::new(text, 8).compile(&TestLinker::default());
    for (calls, turns) in [(2_u64, 16 << 20), (8, 64 << 20), (1_000_000, 64 << 20)] {
        let found = call(&executable, &mut calls.to_le_bytes(), &RunHeader::default());
        assert_eq!(found, turns, "{calls} calls");
    }
}
