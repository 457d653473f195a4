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

/// Sums up an iterator of numbers with a state of so many bytes.
fn sum(name: &str, new: &str, load: &str, bytes: u32) -> String {
    format!(
        "
        r6 = 0
        r1 = r10
        r1 += -{bytes}
        {new}
        call bpf_iter_{name}_new
    again:
        r1 = r10
        r1 += -{bytes}
        call bpf_iter_{name}_next
        if r0 == 0 goto done
        {load}
        r6 += r1
        goto again
    done:
        r1 = r10
        r1 += -{bytes}
        call bpf_iter_{name}_destroy
        r0 = r6
        exit"
    )
}

const WORD: &str = "r1 = *(u64 *)(r0 + 0)";
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
    let text = "
        r1 = r10
        r1 += -16
        r2 = 40
        r3 = 1
        call bpf_iter_testmod_seq_new
        r1 = 2
        r2 = r10
        r2 += -16
        call bpf_iter_testmod_seq_value
        r6 = r0
        r1 = r10
        r1 += -16
        call bpf_iter_testmod_seq_destroy
        r0 = r6
        exit";
    assert_eq!(value(text), 42);
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
fn a_panic_in_next_ends_the_run_and_drops_the_iterator() {
    for result in run(&sum("panics", "r2 = 1", "r1 = 1", 8)) {
        let Err(RunError::KfuncPanicked { kfunc, message }) = result else { panic!("{result:?}") };
        assert_eq!((kfunc.as_str(), message.as_str()), ("bpf_iter_panics_next", "at the third"));
    }
    assert_eq!(ALIVE.get(), 0);
}

#[test]
fn a_panic_in_drop_ends_the_run() {
    for result in run(&sum("panics", "r2 = 2", "r1 = 1", 8)) {
        let Err(RunError::KfuncPanicked { kfunc, message }) = result else { panic!("{result:?}") };
        assert_eq!((kfunc.as_str(), message.as_str()), ("bpf_iter_panics_destroy", "dropped"));
    }
    assert_eq!(ALIVE.get(), 0);
}

#[test]
fn a_run_that_ends_early_drops_its_iterators() {
    // The second iterator panics while the first is under way, and an object is owned.
    let text = "
        r1 = 5
        call iter_point_get
        r7 = r0
        r1 = r10
        r1 += -8
        r2 = 0
        r3 = 9
        call bpf_iter_numbers_new
        r1 = r10
        r1 += -8
        call bpf_iter_numbers_next
        r1 = r10
        r1 += -16
        r2 = 1
        call bpf_iter_panics_new
    again:
        r1 = r10
        r1 += -16
        call bpf_iter_panics_next
        if r0 != 0 goto again
        r1 = r10
        r1 += -16
        call bpf_iter_panics_destroy
        r1 = r10
        r1 += -8
        call bpf_iter_numbers_destroy
        r1 = r7
        call iter_point_put
        r0 = 0
        exit";
    for result in run(text) {
        assert!(matches!(result, Err(RunError::KfuncPanicked { .. })), "{result:?}");
    }
    assert_eq!(ALIVE.get(), 0);
}

#[test]
fn an_iterator_without_an_end_ends_the_run() {
    let program = load(&sum("endless", "", "r1 = 1", 8)).expect("the verifier counts on an end");
    let result = program.run(&mut [0; crate::lab::SIZE]);
    assert!(matches!(result, Err(RunError::EndlessIterator { .. })), "{result:?}");
}

#[test]
fn a_state_passed_twice_ends_the_run() {
    let text = "
        r1 = r10
        r1 += -16
        r2 = 40
        r3 = 1
        call bpf_iter_testmod_seq_new
        r1 = r10
        r1 += -16
        r2 = r1
        call iter_two
        r1 = r10
        r1 += -16
        call bpf_iter_testmod_seq_destroy
        r0 = 0
        exit";
    // Either proof will do: the verifier's, or the shim's.
    if let Ok(program) = load(text) {
        let result = program.run(&mut [0; crate::lab::SIZE]);
        assert!(matches!(result, Err(RunError::BadArgument { .. })), "{result:?}");
    }
}

#[test]
fn a_state_is_the_hosts_alone() {
    let between = |attack: &str| {
        format!(
            "
            r1 = r10
            r1 += -16
            r2 = 40
            r3 = 1
            call bpf_iter_testmod_seq_new
            {attack}
            r1 = r10
            r1 += -16
            call bpf_iter_testmod_seq_destroy
            r0 = 0
            exit"
        )
    };
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
    let leak = "
        r1 = r10
        r1 += -8
        r2 = 0
        r3 = 3
        call bpf_iter_numbers_new
        r0 = 0
        exit";
    assert!(refusal(leak).contains("Unreleased reference"), "{}", refusal(leak));
    let unmade = "
        *(u64 *)(r10 - 8) = 0
        r1 = r10
        r1 += -8
        call bpf_iter_numbers_next
        r0 = 0
        exit";
    assert!(refusal(unmade).contains("initialized"), "{}", refusal(unmade));
}

#[test]
fn an_item_is_the_iterators_until_it_goes_on() {
    let around = |last: &str| {
        format!(
            "
            r1 = r10
            r1 += -8
            r2 = 4
            call bpf_iter_points_new
            r1 = r10
            r1 += -8
            call bpf_iter_points_next
            if r0 == 0 goto done
            r7 = r0
            {last}
        done:
            r1 = r10
            r1 += -8
            call bpf_iter_points_destroy
            r0 = 0
            exit"
        )
    };
    assert!(
        load(&around("r1 = r7\ncall iter_point_number")).is_ok(),
        "{}",
        refusal(&around("r1 = r7\ncall iter_point_number"))
    );
    // `next` drops the item before, `destroy` the last one.
    let next = "r1 = r10\nr1 += -8\ncall bpf_iter_points_next\nr1 = r7\ncall iter_point_number";
    refusal(&around(next));
    let destroyed = "
        r1 = r10
        r1 += -8
        r2 = 4
        call bpf_iter_points_new
        r1 = r10
        r1 += -8
        call bpf_iter_points_next
        r7 = r0
        r1 = r10
        r1 += -8
        call bpf_iter_points_destroy
        r0 = 0
        if r7 == 0 goto done
        r1 = r7
        call iter_point_number
    done:
        exit";
    refusal(destroyed);
}
