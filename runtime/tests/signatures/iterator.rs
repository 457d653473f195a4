//! Iterators: by hand, and made of Rust iterators.

use std::cell::Cell;

use opswap::{Btf, Errno, Iter, KRef, RunError, Uninit, kfunc, kfunc_iter};

use crate::lab::{load, refusal, run, value};

thread_local! {
    /// Objects and iterators that were made and not dropped.
    static ALIVE: Cell<i64> = const { Cell::new(0) };
}

/// Counts its life.
struct Life;

impl Life {
    fn new() -> Self {
        ALIVE.set(ALIVE.get() + 1);
        Self
    }
}

impl Drop for Life {
    fn drop(&mut self) {
        ALIVE.set(ALIVE.get() - 1);
    }
}

/// An object that iterators give.
#[derive(Btf)]
#[repr(C)]
struct Point {
    number: u64,
    #[btf(skip)]
    life: Life,
}

impl Point {
    fn new(number: u64) -> KRef<Self> {
        KRef::new(Self { number, life: Life::new() })
    }
}

#[kfunc]
fn iter_point_number(point: &Point) -> u64 {
    let _ = &point.life;
    point.number
}

#[kfunc(acquire)]
fn iter_point_get(number: u64) -> KRef<Point> {
    Point::new(number)
}

#[kfunc(release)]
fn iter_point_put(point: KRef<Point>) {
    drop(point);
}

/// The kernel's test iterator: a value, a number of times.
#[derive(Btf, Debug, Default)]
#[repr(C)]
#[btf(name = "bpf_iter_testmod_seq")]
struct Seq {
    value: i64,
    count: i32,
}

#[kfunc(iter_new)]
fn bpf_iter_testmod_seq_new(it: Uninit<Iter<Seq>>, value: i64, count: i32) -> Result<(), Errno> {
    if count < 0 {
        return Err(Errno::EINVAL);
    }
    it.write(Iter::new(Seq { value, count }));
    Ok(())
}

#[kfunc(iter_next)]
fn bpf_iter_testmod_seq_next(it: &mut Iter<Seq>) -> Option<&i64> {
    if it.count <= 0 {
        return None;
    }
    it.count -= 1;
    Some(&it.value)
}

#[kfunc(iter_destroy)]
fn bpf_iter_testmod_seq_destroy(it: &mut Iter<Seq>) {
    it.count = 0;
}

#[kfunc]
fn bpf_iter_testmod_seq_value(value: i32, it: &Iter<Seq>) -> i64 {
    if it.count < 0 { 0 } else { i64::from(value) + it.value }
}

/// Both at once: a program could pass the same state twice.
#[kfunc]
fn iter_two(one: &mut Iter<Seq>, two: &mut Iter<Seq>) {
    std::mem::swap(&mut **one, &mut **two);
}

/// A state with an object in it.
#[derive(Btf, Debug, Default)]
#[repr(C)]
#[btf(name = "bpf_iter_nest")]
struct Nest {
    part: Part,
}

#[derive(Btf, Debug, Default)]
#[repr(C)]
struct Part {
    number: u64,
}

#[kfunc(iter_new)]
fn bpf_iter_nest_new(it: Uninit<Iter<Nest>>) -> i32 {
    it.write(Iter::new(Nest { part: Part { number: 7 } }));
    0
}

#[kfunc(iter_next)]
fn bpf_iter_nest_next(it: &mut Iter<Nest>) -> Option<&u64> {
    let _ = it;
    None
}

#[kfunc(iter_destroy)]
fn bpf_iter_nest_destroy(it: &mut Iter<Nest>) {
    it.part.number = 0;
}

#[kfunc]
fn nest_part(it: &Iter<Nest>) -> &Part {
    &it.part
}

#[kfunc]
fn part_number(part: &Part) -> u64 {
    part.number
}

/// `part` must not be the state's own.
#[kfunc]
fn nest_beside(it: &mut Iter<Nest>, part: &Part) {
    it.part.number += part.number;
}

/// Numbers, below a bound.
#[kfunc_iter]
fn numbers(from: i64, to: i64) -> impl Iterator<Item = i64> {
    let life = Life::new();
    (from..to).inspect(move |_| {
        let _ = &life;
    })
}

/// Small, and nothing to drop: lies on the program's stack.
#[kfunc_iter]
fn range(to: u32) -> std::ops::Range<u32> {
    0..to
}

/// Numbers from 1; none but below a hundred, and not 13.
#[kfunc_iter(name = "few")]
fn few_numbers(to: u64) -> Result<std::vec::IntoIter<u64>, Errno> {
    assert_ne!(to, 13, "thirteen");
    let _life = Life::new();
    if to > 100 { Err(Errno::EINVAL) } else { Ok((1..=to).collect::<Vec<_>>().into_iter()) }
}

/// The same behind a closed type, with something to drop on the way.
#[kfunc_iter]
fn some_numbers(to: u64) -> Result<impl Iterator<Item = u64>, Errno> {
    let life = Life::new();
    if to > 100 {
        return Err(Errno::new(34).expect("ERANGE"));
    }
    Ok((1..=to).inspect(move |_| {
        let _ = &life;
    }))
}

/// Owned objects.
#[kfunc_iter(name = "points")]
fn all_points(count: u64) -> std::vec::IntoIter<KRef<Point>> {
    (0..count).map(Point::new).collect::<Vec<_>>().into_iter()
}

/// Panics at the third item, and when it is dropped, if it is asked to.
struct Panics {
    turn: u32,
    how: u32,
    life: Life,
}

impl Panics {
    fn new(how: u32) -> Self {
        Self { turn: 0, how, life: Life::new() }
    }
}

#[kfunc_iter(new(how: u32))]
impl Iterator for Panics {
    type Item = u32;

    fn next(&mut self) -> Option<u32> {
        let _ = &self.life;
        self.turn += 1;
        assert!(self.how != 1 || self.turn < 3, "at the third");
        (self.turn < 5).then_some(self.turn)
    }
}

impl Drop for Panics {
    fn drop(&mut self) {
        assert!(self.how != 2, "dropped");
    }
}

/// Has no end.
#[kfunc_iter]
fn endless() -> impl Iterator<Item = u8> {
    std::iter::repeat(1)
}

/// A function of the iterator `name` with the state of so many bytes at the end of the stack; `also` fills in what else it is given.
fn on(name: &str, function: &str, bytes: u32, also: &str) -> String {
    format!("r1 = r10\nr1 += -{bytes}\n{also}\ncall bpf_iter_{name}_{function}")
}

/// Sums up an iterator of numbers with a state of so many bytes.
fn sum(name: &str, new: &str, load: &str, bytes: u32) -> String {
    let [new, next, destroy] =
        [("new", new), ("next", ""), ("destroy", "")].map(|(function, also)| on(name, function, bytes, also));
    format!(
        "
        r6 = 0
        {new}
        r7 = r0
    again:
        {next}
        if r0 == 0 goto done
        {load}
        r6 += r1
        goto again
    done:
        {destroy}
        r0 = r6
        exit"
    )
}

/// The same, and the result is what `new` gave.
fn made(name: &str, new: &str) -> String {
    sum(name, new, WORD, 8).replace("r0 = r6", "r0 = r7")
}

/// The kernel's test iterator (40, once) is made, something is done, and it is destroyed.
fn with_seq(between: &str, result: &str) -> String {
    let new = on("testmod_seq", "new", 16, "r2 = 40\nr3 = 1");
    let destroy = on("testmod_seq", "destroy", 16, "");
    format!("{new}\n{between}\n{destroy}\n{result}\nexit")
}

/// Both engines end with this panic, and nothing is left alive.
fn panics(text: &str, expected: (&str, &str)) {
    for result in run(text) {
        let Err(RunError::KfuncPanicked { kfunc, message }) = result else { panic!("{result:?}") };
        assert_eq!((kfunc.as_str(), message.as_str()), expected);
        assert_eq!(ALIVE.get(), 0);
    }
}

const WORD: &str = "r1 = *(u64 *)(r0 + 0)";
/// What `assert_ne!` says.
const FEW_PANIC: &str = "assertion `left != right` failed: thirteen\n  left: 13\n right: 13";
const HALF: &str = "r1 = *(u32 *)(r0 + 0)";

/// The interpreter reads nothing but the program's own memory.
fn jit(text: &str) -> Result<u64, RunError> {
    load(text).unwrap_or_else(|error| panic!("{error}\n{text}")).run(&mut [0; crate::lab::SIZE])
}

#[test]
fn an_iterator_by_hand() {
    assert_eq!(value(&sum("testmod_seq", "r2 = 7\nr3 = 3", WORD, 16)), 21);
    // A state that could not be made is empty, and must be destroyed all the same.
    assert_eq!(value(&sum("testmod_seq", "r2 = 7\nr3 = -1", WORD, 16)), 0);
}

#[test]
fn other_functions_look_at_a_state() {
    let look = "r1 = 2\nr2 = r10\nr2 += -16\ncall bpf_iter_testmod_seq_value\nr6 = r0";
    assert_eq!(value(&with_seq(look, "r0 = r6")), 42);
}

#[test]
fn rust_iterators() {
    assert_eq!(jit(&sum("numbers", "r2 = 1\nr3 = 5", WORD, 8)), Ok(1 + 2 + 3 + 4));
    assert_eq!(ALIVE.get(), 0);
    let words = 8 * opswap::__private::iter_words::<std::ops::Range<u32>>();
    assert_eq!(jit(&sum("range", "r2 = 5", HALF, words as u32)), Ok(1 + 2 + 3 + 4));
    let number = "r1 = r0\ncall iter_point_number\nr1 = r0";
    assert_eq!(value(&sum("points", "r2 = 4", number, 8)), 1 + 2 + 3);
    assert_eq!(ALIVE.get(), 0);
}

#[test]
fn an_iterator_that_may_not_begin() {
    let result = |text: &str| jit(text).map(u64::cast_signed);
    assert_eq!(result(&sum("few", "r2 = 4", WORD, 8)), Ok(1 + 2 + 3 + 4));
    assert_eq!(result(&made("few", "r2 = 4")), Ok(0));
    assert_eq!(jit(&sum("some_numbers", "r2 = 4", WORD, 8)), Ok(1 + 2 + 3 + 4));
    // It could not begin: the state is empty, and is destroyed all the same. Nothing is read, so both engines run it.
    assert_eq!(value(&sum("few", "r2 = 101", WORD, 8)), 0);
    assert_eq!(value(&made("few", "r2 = 101")).cast_signed(), -i64::from(Errno::EINVAL.number()));
    assert_eq!(value(&made("some_numbers", "r2 = 101")).cast_signed(), -34);
    assert_eq!(ALIVE.get(), 0);
    // Nor may it forget that: a program that leaves the state as it is leaks nothing, and is refused like any other.
    let forgets = format!("{}\nr0 = 0\nexit", on("few", "new", 8, "r2 = 101"));
    assert!(refusal(&forgets).contains("Unreleased reference"), "{}", refusal(&forgets));
}

#[test]
fn a_panic_in_an_iterators_function_ends_the_run_and_drops_the_iterator() {
    panics(&sum("few", "r2 = 13", WORD, 8), ("bpf_iter_few_new", FEW_PANIC));
    panics(&sum("panics", "r2 = 1", "r1 = 1", 8), ("bpf_iter_panics_next", "at the third"));
    panics(&sum("panics", "r2 = 2", "r1 = 1", 8), ("bpf_iter_panics_destroy", "dropped"));
}

#[test]
fn a_run_that_ends_early_drops_its_iterators() {
    // The second iterator panics while the first is under way, and an object is owned.
    let numbers = |function, also| on("numbers", function, 8, also);
    let failing = |function, also| on("panics", function, 16, also);
    let text = [
        "r1 = 5\ncall iter_point_get\nr7 = r0",
        &numbers("new", "r2 = 0\nr3 = 9"),
        &numbers("next", ""),
        &failing("new", "r2 = 1"),
        "again:",
        &failing("next", ""),
        "if r0 != 0 goto again",
        &failing("destroy", ""),
        &numbers("destroy", ""),
        "r1 = r7\ncall iter_point_put\nr0 = 0\nexit",
    ];
    panics(&text.join("\n"), ("bpf_iter_panics_next", "at the third"));
}

#[test]
fn an_iterator_without_an_end_ends_the_run() {
    let program = load(&sum("endless", "", "r1 = 1", 8)).expect("the verifier counts on an end");
    let result = program.run(&mut [0; crate::lab::SIZE]);
    assert!(matches!(result, Err(RunError::EndlessIterator { .. })), "{result:?}");
}

#[test]
fn a_state_passed_twice_ends_the_run() {
    let text = with_seq("r1 = r10\nr1 += -16\nr2 = r1\ncall iter_two", "r0 = 0");
    // Either proof will do: the verifier's, or the shim's.
    if let Ok(program) = load(&text) {
        let result = program.run(&mut [0; crate::lab::SIZE]);
        assert!(matches!(result, Err(RunError::BadArgument { .. })), "{result:?}");
    }
}

#[test]
fn what_a_state_lends_is_not_passed_beside_it() {
    let nest = |after: &str| {
        let part = on("nest", "new", 8, "") + "\nr1 = r10\nr1 += -8\ncall nest_part";
        format!("{part}\n{after}\nr6 = r0\n{}\nr0 = r6\nexit", on("nest", "destroy", 8, ""))
    };
    assert_eq!(value(&nest("r1 = r0\ncall part_number")), 7);
    let beside = nest("r1 = r10\nr1 += -8\nr2 = r0\ncall nest_beside\nr0 = 0");
    assert!(refusal(&beside).contains("may name the same object"), "{}", refusal(&beside));
}

#[test]
fn a_state_is_the_hosts_alone() {
    let between = |attack: &str| with_seq(attack, "r0 = 0");
    assert!(load(&between("")).is_ok(), "without the attack it is accepted");
    let attacks = [
        ("a write into it", "*(u64 *)(r10 - 16) = 1"),
        ("a write into its end", "*(u8 *)(r10 - 1) = 1"),
        ("a second construction", "r1 = r10\nr1 += -16\nr2 = 1\nr3 = 1\ncall bpf_iter_testmod_seq_new"),
        ("another type's next", "r1 = r10\nr1 += -16\ncall bpf_iter_numbers_next"),
        ("another type's destroy", "r1 = r10\nr1 += -16\ncall bpf_iter_points_destroy"),
        ("half of it", "r1 = r10\nr1 += -8\ncall bpf_iter_testmod_seq_next"),
        ("a second destroy", "r1 = r10\nr1 += -16\ncall bpf_iter_testmod_seq_destroy"),
    ];
    for (what, attack) in attacks {
        refusal(&between(attack));
        assert!(load(&between(attack)).is_err(), "{what} is accepted");
    }
}

#[test]
fn states_must_be_made_and_destroyed() {
    let leak = format!("{}\nr0 = 0\nexit", on("numbers", "new", 8, "r2 = 0\nr3 = 3"));
    assert!(refusal(&leak).contains("Unreleased reference"), "{}", refusal(&leak));
    let unmade = format!("*(u64 *)(r10 - 8) = 0\n{}\nr0 = 0\nexit", on("numbers", "next", 8, ""));
    assert!(refusal(&unmade).contains("initialized"), "{}", refusal(&unmade));
}

#[test]
fn an_item_is_the_iterators_until_it_goes_on() {
    let points = |function, also| on("points", function, 8, also);
    let around = |last: &str| {
        let (new, next) = (points("new", "r2 = 4"), points("next", ""));
        format!(
            "{new}\n{next}\nif r0 == 0 goto done\nr7 = r0\n{last}\ndone:\n{}\nr0 = 0\nexit",
            points("destroy", "")
        )
    };
    let look = "r1 = r7\ncall iter_point_number";
    assert!(load(&around(look)).is_ok(), "{}", refusal(&around(look)));
    // `next` drops the item before, `destroy` the last one.
    refusal(&around(&format!("{}\n{look}", points("next", ""))));
    let destroyed = [
        &points("new", "r2 = 4"),
        &points("next", ""),
        "r7 = r0",
        &points("destroy", ""),
        "r0 = 0\nif r7 == 0 goto done",
        look,
        "done:\nexit",
    ];
    refusal(&destroyed.join("\n"));
}
