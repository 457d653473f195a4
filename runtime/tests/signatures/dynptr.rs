//! `Dynptr`: memory of a size that is known at run time.

use std::sync::LazyLock;

use opswap::{BpfCell, Dynptr, DynptrError, Errno, RunError, Uninit, kfunc};

use crate::lab::{load, refusal, value, with_map};

static CELLS: LazyLock<[BpfCell<u8>; 8]> = LazyLock::new(Default::default);
static CONSTANT: [u8; 4] = *b"read";

#[kfunc]
fn dynptr_static(d: Uninit<Dynptr>) -> Result<(), Errno> {
    d.to_static(&*CELLS).map_err(|_| Errno::EINVAL)
}

#[kfunc]
fn dynptr_constant(d: Uninit<Dynptr>) -> Result<(), Errno> {
    d.to_constant(&CONSTANT).map_err(|_| Errno::EINVAL)
}

#[kfunc]
fn dynptr_forgotten(d: Uninit<Dynptr>) {
    let _ = d;
}

#[kfunc]
fn dynptr_len(d: &Dynptr) -> u64 {
    assert_eq!(d.is_empty(), d.is_null());
    d.len() as u64
}

#[kfunc]
fn dynptr_sum(d: &Dynptr) -> u64 {
    let mut bytes = vec![0; d.len()];
    d.read(0, &mut bytes).expect("all of it");
    let seen = d.with_cells(|cells| cells.iter().map(BpfCell::get).collect::<Vec<_>>());
    assert!(seen.is_none_or(|seen| seen == bytes));
    assert!(matches!(d.read(d.len(), &mut [0]), Err(DynptrError::OutOfBounds { .. })));
    assert!(matches!(d.read(usize::MAX, &mut [0; 2]), Err(DynptrError::OutOfBounds { .. })));
    bytes.into_iter().map(u64::from).sum()
}

#[kfunc]
fn dynptr_set(d: &mut Dynptr, offset: u32, byte: u8) -> Result<u32, Errno> {
    d.write(offset as usize, &[byte]).map(|()| 0).map_err(|_| Errno::EINVAL)
}

#[kfunc]
fn dynptr_maybe(d: Option<&Dynptr>) -> u64 {
    d.map_or(99, |d| d.len() as u64)
}

/// A host that exchanges what two dynptrs reach: both are the program's.
#[kfunc]
fn dynptr_swap(one: &mut Dynptr, two: &mut Dynptr) {
    std::mem::swap(one, two);
}

#[kfunc]
fn dynptr_beside(d: &mut Dynptr, bytes: &mut [u8]) {
    bytes.fill(1);
    let _ = d.write(0, &[2]);
    assert!(bytes.iter().all(|byte| *byte == 1), "nobody else changes what is behind a `&mut`");
}

const MAKE: &str = "r1 = r10\nr1 += -16\ncall dynptr_static";
const D: &str = "r1 = r10\nr1 += -16";

/// Eight bytes from R1 on become the dynptr.
const FROM_MEMORY: &str = "r2 = 8\nr3 = 0\nr4 = r10\nr4 += -16\ncall helper#197";

#[test]
fn memory_of_the_host() {
    let text = format!("{MAKE}\n{D}\nr2 = 3\nr3 = 42\ncall dynptr_set\n{D}\ncall dynptr_sum\nexit");
    assert_eq!(value(&text), 42);
    assert_eq!(CELLS[3].get(), 42);
    let outside = format!("{MAKE}\n{D}\nr2 = 8\nr3 = 42\ncall dynptr_set\nexit");
    assert_eq!(value(&outside).cast_signed(), -22);
    CELLS[3].set(0);
}

#[test]
fn constant_memory_is_not_written() {
    let make = MAKE.replace("dynptr_static", "dynptr_constant");
    assert_eq!(
        value(&format!("{make}\n{D}\ncall dynptr_sum\nexit")),
        CONSTANT.iter().map(|byte| u64::from(*byte)).sum()
    );
    let write = format!("{make}\n{D}\nr2 = 0\nr3 = 42\ncall dynptr_set\nexit");
    assert_eq!(value(&write).cast_signed(), -22);
}

#[test]
fn a_dynptr_that_was_not_made_is_one_to_nothing() {
    let make = MAKE.replace("dynptr_static", "dynptr_forgotten");
    assert_eq!(value(&format!("{make}\n{D}\ncall dynptr_len\nexit")), 0);
    assert_eq!(value(&format!("{make}\n{D}\ncall dynptr_sum\nexit")), 0);
}

#[test]
fn an_optional_dynptr() {
    assert_eq!(value("r1 = 0\ncall dynptr_maybe\nexit"), 99);
    assert_eq!(value(&format!("{MAKE}\n{D}\ncall dynptr_maybe\nexit")), 8);
}

#[test]
fn a_dynptr_is_not_the_programs() {
    let attacks = [
        "*(u64 *)(r10 - 16) = 4096",
        "*(u8 *)(r10 - 1) = 1",
        "r1 = r10\nr1 += -8\ncall dynptr_len",
        "r1 = r10\nr1 += -15\ncall dynptr_len",
    ];
    for attack in attacks {
        let text = format!("{MAKE}\n{attack}\n{D}\ncall dynptr_len\nr0 = 0\nexit");
        assert!(load(&text).is_err(), "accepted:\n{text}");
    }
    // Reading its bytes would show an address.
    refusal(&format!("{MAKE}\nr0 = *(u64 *)(r10 - 16)\nexit"));
    let unmade = format!("*(u64 *)(r10 - 16) = 0\n*(u64 *)(r10 - 8) = 0\n{D}\ncall dynptr_len\nexit");
    assert!(refusal(&unmade).contains("initialized dynptr"), "{}", refusal(&unmade));
}

#[test]
fn the_same_dynptr_twice_ends_the_run_or_is_refused() {
    let text = format!("{MAKE}\n{D}\nr2 = r1\ncall dynptr_swap\nr0 = 0\nexit");
    if let Ok(program) = load(&text) {
        let result = program.run(&mut [0; crate::lab::SIZE]);
        assert!(matches!(result, Err(RunError::BadArgument { .. })), "{result:?}");
    }
    // Its own bytes as a buffer.
    let text = format!("{MAKE}\n{D}\nr2 = r10\nr2 += -16\nr3 = 16\ncall dynptr_beside\nr0 = 0\nexit");
    refusal(&text);
    // Room for a dynptr that is lent as a buffer in the same call.
    let two = "r1 = r10\nr1 += -16\ncall dynptr_static\nr1 = r10\nr1 += -32\ncall dynptr_static";
    assert_eq!(
        value(&format!("{two}\nr1 = r10\nr1 += -16\nr2 = r10\nr2 += -32\ncall dynptr_swap\nr0 = 5\nexit")),
        5
    );
}

#[test]
fn memory_of_a_map() {
    let text = format!(
        "
        r1 = map_value[0]
        r6 = r1
        *(u8 *)(r1 + 0) = 5
        *(u8 *)(r1 + 1) = 6
        {FROM_MEMORY}
        {D}
        call dynptr_sum
        r7 = r0
        {D}
        r2 = 1
        r3 = 100
        call dynptr_set
        r0 = *(u8 *)(r6 + 1)
        r0 += r7
        exit"
    );
    assert_eq!(with_map(&text), Ok([111, 111]));
    // The stack is no memory for a dynptr: it would outlive the frame.
    let stack = format!("*(u64 *)(r10 - 24) = 0\nr1 = r10\nr1 += -24\n{FROM_MEMORY}\nr0 = 0\nexit");
    assert!(refusal(&stack).contains("Unsupported reg type"), "{}", refusal(&stack));
}

#[test]
fn the_helpers_copy_and_lend() {
    let text = format!(
        "
        r1 = map_value[0]
        r6 = r1
        *(u64 *)(r1 + 0) = 0
        {FROM_MEMORY}
        *(u64 *)(r10 - 24) = 7
        {D}
        r2 = 2
        r3 = r10
        r3 += -24
        r4 = 1
        r5 = 0
        call helper#202
        if r0 != 0 goto wrong
        *(u64 *)(r10 - 32) = 0
        r1 = r10
        r1 += -32
        r2 = 1
        r3 = r10
        r3 += -16
        r4 = 2
        r5 = 0
        call helper#201
        if r0 != 0 goto wrong
        r7 = *(u64 *)(r10 - 32)
        {D}
        r2 = 2
        r3 = 4
        call helper#203
        if r0 == 0 goto wrong
        *(u8 *)(r0 + 3) = 9
        {D}
        r2 = 5
        r3 = 4
        call helper#203
        if r0 != 0 goto wrong
        r0 = *(u8 *)(r6 + 5)
        r7 <<= 8
        r0 |= r7
        exit
    wrong:
        r0 = 1
        exit"
    );
    assert_eq!(with_map(&text), Ok([0x709, 0x709]));
}

#[kfunc]
fn word_of(word: &u64) -> u64 {
    *word
}

#[kfunc]
fn word_to(word: &mut u64) {
    *word = 1;
}

#[test]
fn a_slice_is_not_lent_to_the_host() {
    // A map's value, which other threads write, and other dynptrs reach.
    let slice = |after: &str| {
        format!(
            "
            r1 = map_value[0]
            {FROM_MEMORY}
            {D}
            r2 = 0
            r3 = 8
            call helper#203
            if r0 == 0 goto none
            {after}
        none:
            r0 = 0
            exit"
        )
    };
    assert_eq!(with_map(&slice("*(u64 *)(r0 + 0) = 1")), Ok([0, 0]));
    for attack in
        ["r1 = r0\ncall word_of", "r1 = r0\ncall word_to", "r2 = r0\nr3 = 8\n{D}\ncall dynptr_beside"]
    {
        let refused = with_map(&slice(&attack.replace("{D}", D))).expect_err(attack);
        assert!(refused.contains("points into the memory of a dynptr"), "{attack}: {refused}");
    }
    let copy = "r1 = *(u64 *)(r0 + 0)\n*(u64 *)(r10 - 24) = r1\nr1 = r10\nr1 += -24\ncall word_of";
    assert_eq!(with_map(&slice(copy)), Ok([0, 0]));
}
