//! The application: a packet filter, with kfuncs that hand out tokens and can be told to panic.

use std::cell::Cell;
use std::path::PathBuf;
use std::sync::atomic::{AtomicI64, Ordering};

use opswap::{
    Btf, KRef, Member, Object, Prepared, Refusal, Runtime, Slot, StructOps, TableView, kfunc, struct_ops,
};

/// What operations work on.
#[derive(Btf, Clone, PartialEq, Eq, Default, Debug)]
#[repr(C)]
pub(crate) struct Packet {
    pub(crate) len: u32,
    pub(crate) mark: u32,
    pub(crate) budget: u64,
}

/// An object that programs count references to.
#[derive(Btf, Debug)]
#[repr(C)]
pub(crate) struct Token {
    pub(crate) value: u32,
}

/// Tokens that exist, in the whole process.
static TOKENS: AtomicI64 = AtomicI64::new(0);

thread_local! {
    /// Tokens that exist on this thread.
    static MINE: Cell<i64> = const { Cell::new(0) };
    /// Kfunc calls until one panics; below 0: never.
    static PANIC_IN: Cell<i32> = const { Cell::new(-1) };
    /// Kfunc calls since `count_calls`.
    static CALLS: Cell<u32> = const { Cell::new(0) };
}

impl Token {
    pub(crate) fn new(value: u32) -> KRef<Self> {
        TOKENS.fetch_add(1, Ordering::Relaxed);
        MINE.set(MINE.get() + 1);
        KRef::new(Self { value })
    }
}

impl Drop for Token {
    fn drop(&mut self) {
        TOKENS.fetch_sub(1, Ordering::Relaxed);
        MINE.set(MINE.get() - 1);
    }
}

/// Tokens made on this thread and not yet dropped.
pub(crate) fn tokens() -> i64 {
    MINE.get()
}

/// The `nth` kfunc call from now on panics, counted from 0.
pub(crate) fn panic_in(nth: i32) {
    PANIC_IN.set(nth);
}

/// Kfunc calls on this thread since this was last asked.
pub(crate) fn take_calls() -> u32 {
    CALLS.replace(0)
}

fn called() {
    CALLS.set(CALLS.get() + 1);
    let left = PANIC_IN.get();
    if left >= 0 {
        PANIC_IN.set(left - 1);
    }
    assert!(left != 0, "as asked");
}

/// A token, unless the packet is empty.
#[kfunc(acquire, ret_null)]
fn token_get(packet: &Packet) -> Option<KRef<Token>> {
    called();
    (packet.len > 0).then(|| Token::new(packet.len))
}

/// Gives a token back.
#[kfunc(release)]
fn token_put(token: KRef<Token>) {
    called();
    drop(token);
}

#[kfunc]
fn token_value(token: &Token) -> u32 {
    called();
    token.value
}

#[kfunc]
fn step(packet: &Packet, at: u32) -> u32 {
    called();
    packet.len + at
}

#[kfunc]
fn count_entry(by: u32) {
    ENTERED.set(ENTERED.get() + by);
}

thread_local! {
    /// What `count_entry` counted on this thread.
    pub(crate) static ENTERED: Cell<u32> = const { Cell::new(0) };
}

/// What a filter does.
#[struct_ops(name = "filter_ops")]
pub(crate) struct FilterOps {
    #[op(required)]
    pub(crate) classify: fn(packet: &mut Packet, weight: u32) -> u32,
    pub(crate) begin: Option<fn(packet: &mut Packet)>,
    pub(crate) exchange: fn(token: KRef<Token>) -> Option<KRef<Token>>,
    #[op(unsupported)]
    pub(crate) undo: fn(packet: &mut Packet) -> u32,
    pub(crate) name: [u8; 16],
    pub(crate) flags: u32,
}

impl StructOps for FilterOps {
    fn init_member(
        member: &opswap_bpf::proto::StructOpsMember,
        table: &TableView<'_>,
    ) -> Result<Member, Refusal> {
        match (member.name.as_str(), table.number("flags")) {
            ("flags", Some(flags)) if flags > 0xff => Err(format!("flags {flags:#x} are not known").into()),
            _ => Ok(Member::Taken),
        }
    }
}

/// What the native implementation answers.
pub(crate) const NATIVE: u32 = 7;

pub(crate) fn slot() -> Slot<FilterOps> {
    Slot::new(FilterOps {
        classify: |packet, _| {
            packet.mark = 99;
            NATIVE
        },
        begin: None,
        exchange: |token| (token.value > 5).then_some(token),
        undo: |_| 0,
        name: [0; 16],
        flags: 0,
    })
}

pub(crate) fn packet(len: u32) -> Packet {
    Packet { len, mark: 0, budget: 0 }
}

pub(crate) fn path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/objects").join(name)
}

pub(crate) fn runtime() -> Runtime {
    Runtime::new().expect("the declarations agree")
}

pub(crate) fn filter() -> Object {
    match runtime().load(path("filter.bpf.o")) {
        Ok(object) => object,
        Err(error) => panic!("{}", chain(&error)),
    }
}

pub(crate) fn table(object: &Object, name: &str) -> Prepared<FilterOps> {
    object.struct_ops::<FilterOps>(name).unwrap_or_else(|error| panic!("{}", chain(&error)))
}

/// An error and what caused it.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
