//! What each instruction means: tables and programs under `tests/isa`, run by the interpreter.

use std::fmt::Write as _;

use opswap_bpf::insn::{AluOp, Imm64, Insn, JmpOp, Reg, Size, Src, Width};
use opswap_bpf::interp::{
    Args, Budget, Calls, Machine, NoCalls, Observer, Protection, Regions, Registers, Stop, arith, run,
};
use opswap_bpf::{HelperId, InsnIdx, KfuncId, assemble};

const MEMORY: u64 = 0x1000_0000;

/// Lines of a table that are no comments, as `width a operator b => result`.
fn rows(table: &str) -> Vec<(Width, u64, &str, u64, &str)> {
    let number = |text: &str| u64::from_str_radix(text.trim_start_matches("0x"), 16).expect("a number");
    let lines = table.lines().filter(|line| !line.starts_with(';'));
    let rows = lines.map(|line| {
        let [width, a, symbol, b, "=>", result] = line.split(' ').collect::<Vec<_>>()[..] else {
            panic!("{line}")
        };
        let width = if width == "32" { Width::W32 } else { Width::W64 };
        (width, number(a), symbol, number(b), result)
    });
    rows.collect()
}

fn result_of(text: &str) -> u64 {
    let insns = assemble(text).unwrap_or_else(|error| panic!("{text}: {error}"));
    let outcome = run(&insns, [0; 5], &mut Regions::new(), &mut NoCalls, Budget::default());
    outcome.unwrap_or_else(|trap| panic!("{text}: {trap}")).r0()
}

const fn letter(width: Width) -> char {
    match width {
        Width::W32 => 'w',
        Width::W64 => 'r',
    }
}

#[test]
fn arithmetic_gives_the_results_of_the_table() {
    let rows = rows(include_str!("isa/arithmetic.txt"));
    for (width, a, symbol, b, result) in &rows {
        let (l, shown) = (letter(*width), format!("{width:?} {a:#x} {symbol} {b:#x}"));
        let text = format!("r0 = {a} ll\nr1 = {b} ll\n{l}0 {symbol} {l}1\nexit");
        assert_eq!(format!("{:#x}", result_of(&text)), *result, "{shown}");
        if let Ok(imm) = i32::try_from(b.cast_signed()) {
            let text = format!("r0 = {a} ll\n{l}0 {symbol} {imm}\nexit");
            assert_eq!(format!("{:#x}", result_of(&text)), *result, "{shown} (immediate)");
        }
    }
    assert_eq!(
        rows.iter().map(|row| row.2).collect::<std::collections::BTreeSet<_>>().len(),
        AluOp::ALL.len()
    );
}

#[test]
fn conditions_hold_as_the_table_says() {
    let rows = rows(include_str!("isa/conditions.txt"));
    for (width, a, symbol, b, result) in &rows {
        let l = letter(*width);
        let text = format!("r1 = {a} ll\nr2 = {b} ll\nr0 = 1\nif {l}1 {symbol} {l}2 goto +1\nr0 = 0\nexit");
        assert_eq!(result_of(&text), u64::from(*result == "yes"), "{width:?} {a:#x} {symbol} {b:#x}");
    }
    assert_eq!(
        rows.iter().map(|row| row.2).collect::<std::collections::BTreeSet<_>>().len(),
        JmpOp::ALL.len()
    );
}

/// `helper#1` and `kfunc#7` sum their arguments, weighted by place; `helper#2` calls its first argument with the second.
struct TestCalls;

fn weighted(args: Args) -> u64 {
    args.iter().fold(0, |sum, arg| sum << 4 | arg)
}

impl Calls for TestCalls {
    fn helper(&mut self, id: HelperId, args: Args, machine: &mut Machine<'_>) -> Result<u64, Stop> {
        match id.0 {
            1 => Ok(weighted(args)),
            2 => {
                let inner = if args[1] < 1_000 { args[1] } else { 0 };
                machine.call_back(args[0], [inner, 0, 0, 0, 0], self)
            }
            _ => Err(Stop::abort(format!("{id} does not exist"))),
        }
    }

    fn kfunc(&mut self, id: KfuncId, module: i16, args: Args, _: &mut Machine<'_>) -> Result<u64, Stop> {
        Ok(weighted(args) + u64::from(id.0) * 16 + u64::from(module.unsigned_abs()))
    }

    fn packet(
        &mut self,
        packet: u64,
        at: u64,
        size: Size,
        machine: &mut Machine<'_>,
    ) -> Result<Option<u64>, Stop> {
        let loaded = machine.memory().load(packet.wrapping_add(at), size);
        Ok(loaded.ok().map(|value| value.swap_bytes() >> (64 - size.bits())))
    }

    fn address(&mut self, _: Imm64) -> Option<u64> {
        None
    }
}

fn bytes(hex: &str) -> Vec<u8> {
    let digit = |c: u8| u8::try_from(char::from(c).to_digit(16).expect("a digit")).expect("small");
    hex.trim().as_bytes().chunks(2).map(|pair| digit(pair[0]) << 4 | digit(pair[1])).collect()
}

#[test]
fn programs_end_as_they_say() {
    let mut count = 0;
    for case in include_str!("isa/programs.bpf").split("\n== ").skip(1) {
        let (name, body) = case.split_once('\n').expect("a name and a body");
        let (text, fields) = body.split_once("\n-- ").unwrap_or_else(|| panic!("{name}: no expectation"));
        let fields: Vec<_> =
            fields.split("\n-- ").map(|field| field.trim().split_once(' ').expect("a value")).collect();
        let field = |key| fields.iter().find(|(name, _)| *name == key).map(|(_, value)| *value);

        let insns = assemble(text).unwrap_or_else(|error| panic!("{name}: {error}"));
        let content = bytes(field("mem").unwrap_or(""));
        let args = [MEMORY, content.len() as u64, 0, 0, 0];
        let mut memory = Regions::new().with("mem", MEMORY, content, Protection::ReadWrite);
        let budget = Budget { instructions: 20_000, may_goto: 1_000, ..Budget::default() };
        let outcome = run(&insns, args, &mut memory, &mut TestCalls, budget);
        match (outcome, field("result"), field("trap")) {
            (Ok(outcome), Some(result), None) => {
                let expected = result
                    .strip_prefix("0x")
                    .map_or_else(|| result.parse(), |hex| u64::from_str_radix(hex, 16))
                    .expect("a number");
                assert_eq!(outcome.r0(), expected, "{name}: {:#x}", outcome.r0());
            }
            (Err(trap), None, Some(expected)) => {
                assert!(trap.to_string().starts_with(expected), "{name}: {trap}")
            }
            (outcome, ..) => panic!("{name}: {outcome:?}"),
        }
        if let Some(after) = field("after") {
            assert_eq!(memory.bytes("mem"), bytes(after), "{name}");
        }
        // Nothing of the run is left: the next one has its frames where this one had them.
        assert!(memory.read(opswap_bpf::interp::STACK_TOP - 8, 8).is_err(), "{name}");
        count += 1;
    }
    assert!(count > 30, "only {count} cases were found");
}

struct Trace(String);

impl Observer for Trace {
    fn before(&mut self, at: InsnIdx, frame: u32, registers: &Registers) -> Result<(), String> {
        let _ = write!(self.0, "{}/{frame}:{} ", at.0, registers[0]);
        if registers[0] == 99 { Err("seen enough".to_owned()) } else { Ok(()) }
    }
}

#[test]
fn an_observer_sees_every_step_and_may_end_the_run() {
    let insns = assemble("r0 = 7\nr6 = 0\ncall +1\nexit\nr0 = 99\nexit").expect("assembles");
    let (mut trace, mut memory) = (Trace(String::new()), Regions::new());
    let machine = Machine::new(&insns, &mut memory, Budget::default()).observed_by(&mut trace);
    let trap = machine.run([0; 5], &mut NoCalls).expect_err("the observer ends it");
    assert_eq!(trap.to_string(), "insn5: the run was aborted: seen enough");
    let poison = opswap_bpf::interp::POISON;
    assert_eq!(trace.0, format!("0/0:{poison} 1/0:7 2/0:7 4/1:{poison} 5/1:99 "));
}

#[test]
fn immediates_reach_the_interpreter_as_written() {
    assert_eq!(arith::immediate(i32::MIN), 0xffff_ffff_8000_0000);
    let insns = [Insn::Mov { width: Width::W64, dst: Reg::R0, src: Src::Imm(i32::MIN) }, Insn::Exit];
    let outcome = run(&insns, [0; 5], &mut Regions::new(), &mut NoCalls, Budget::default()).expect("runs");
    assert_eq!(outcome.r0(), 0xffff_ffff_8000_0000);
    assert_eq!(outcome.instructions, 2);
}
