//! For each cause a program that is refused for it, and the same program repaired.
//!
//! The programs are text in the form that [`opswap_bpf::asm`] reads. They are for a small host: an operation is given a flow as an
//! exclusive reference (slot 0), a number (8), a peer that may be NULL (16) and a signed 16-bit number (24); packets are acquired
//! and freed; maps are called `counts` (8 values of 16 bytes), `flows`, `bss` and `rodata`. `host.txt` declares its functions.
//! Comments of the form `; limits: …`, `; license: …`, `; global: …` say what instructions cannot.

/// A refused program and a repaired one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Example {
    /// What the refused program is for, where it is not the operation.
    pub entry: Option<&'static str>,
    /// Refused.
    pub rejected: &'static str,
    /// What the repaired program is for, where it is not the operation.
    pub repaired_entry: Option<&'static str>,
    /// Accepted.
    pub repaired: &'static str,
}

/// One text a theme, each a sequence of `==== CODE [ENTRY]`, a program, `==== repaired [ENTRY]`, a program.
const TEXTS: [&str; 10] = [
    include_str!("examples/memory.bpf"),
    include_str!("examples/registers.bpf"),
    include_str!("examples/lifetime.bpf"),
    include_str!("examples/calls.bpf"),
    include_str!("examples/structure.bpf"),
    include_str!("examples/execution.bpf"),
    include_str!("examples/fields.bpf"),
    include_str!("examples/globals.bpf"),
    include_str!("examples/network.bpf"),
    include_str!("examples/objects.bpf"),
];

/// The example of a code, if there is one.
pub fn example(code: &str) -> Option<Example> {
    examples().find(|(known, _)| *known == code).map(|(_, example)| example)
}

/// All examples with their codes.
pub fn examples() -> impl Iterator<Item = (&'static str, Example)> {
    TEXTS.iter().flat_map(|text| {
        let mut parts = text.split("==== ").skip(1);
        std::iter::from_fn(move || {
            let (code, entry, rejected) = part(parts.next()?)?;
            let (_, repaired_entry, repaired) = part(parts.next()?)?;
            Some((code, Example { entry, rejected, repaired_entry, repaired }))
        })
    })
}

/// Title, entry and program.
fn part(text: &'static str) -> Option<(&'static str, Option<&'static str>, &'static str)> {
    let (head, program) = text.split_once('\n')?;
    let mut words = head.split_whitespace();
    Some((words.next()?, words.next(), program))
}

/// What the host of the examples declares, one function or entry point a line.
const DECLARATIONS: &str = include_str!("examples/host.txt");

/// The declarations of what an example is for and of what it calls, in Rust's words.
pub fn declarations(example: &Example) -> impl Iterator<Item = &'static str> {
    let entries = [example.entry.unwrap_or("op"), example.repaired_entry.unwrap_or("op")];
    let lines = example.rejected.lines().chain(example.repaired.lines());
    let called = lines.filter_map(|line| line.trim().strip_prefix("call ")?.split_whitespace().next());
    let named: Vec<&str> = entries.into_iter().chain(called).collect();
    let name = |line: &'static str| line.split('(').next().unwrap_or(line);
    DECLARATIONS.lines().filter(move |line| !line.is_empty() && named.contains(&name(line)))
}
