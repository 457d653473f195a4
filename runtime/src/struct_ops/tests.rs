//! Slots and links, with entries written by hand in place of compiled programs.

mod life;
mod model;
mod storm;

use std::cell::{Cell, RefCell};
use std::ptr::NonNull;
use std::sync::Arc;

use opswap_bpf::OpIdx;
use opswap_bpf::proto::{
    ContextLayout, EntryProto, OpPresence, OpProto, ReturnRule, Sleepable, StructOpsMember,
    StructOpsMemberKind, StructOpsProto,
};
use opswap_bpf::{BtfId, TypeRef};
use opswap_jit::RunHeader;

use super::image::Image;
use super::pin::PinGuard;
use super::table::{Refusal, StructOps, StructOpsType, TableView};
use super::{Link, PinnedTable, Prepared, Slot};
use crate::declare::{DeclHeader, DeclKind, Linked, StructOpsDecl, TypeKey};
use crate::enter::EntryAddr;
use crate::loader::LinkKind;
use crate::program::ProgramCore;
use crate::run::shim;

/// The hash in front of the entries below.
const HASH: u32 = 0x1234_abcd;

std::arch::global_asm!(
    ".p2align 4",
    ".long 0x1234abcd",
    "opswap_test_one: mov eax, 1",
    "ret",
    ".p2align 4",
    ".long 0x1234abcd",
    "opswap_test_two: mov eax, 2",
    "ret",
    ".p2align 4",
    ".long 0x0badc0de",
    "opswap_test_other_hash: ud2",
    ".p2align 4",
    ".long 0x1234abcd",
    "opswap_test_action: jmp {action}",
    action = sym action,
);

unsafe extern "C" {
    fn opswap_test_one();
    fn opswap_test_two();
    fn opswap_test_other_hash();
    fn opswap_test_action();
}

type Action = Box<dyn Fn(&crate::run::Run<'_>) -> u64>;

thread_local! {
    /// What [`Code::Action`] does on this thread.
    static ACTION: RefCell<Option<Action>> = const { RefCell::new(None) };
    /// Which callback of the table's type refuses on this thread.
    static REFUSES: Cell<&'static str> = const { Cell::new("") };
    /// The callbacks that were called on this thread.
    static CALLED: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

/// A "program" that runs the thread's action as if it were a kfunc.
unsafe extern "C" fn action(_context: *mut u8, run: *mut RunHeader) -> u64 {
    let body = |run: &crate::run::Run<'_>| {
        let action = ACTION.with_borrow_mut(Option::take).expect("an action was set");
        let result = action(run);
        ACTION.set(Some(action));
        Ok(result)
    };
    // SAFETY: `run` is what `enter` passed.
    unsafe { shim(run, "test_action", body) }
}

fn on_call(action: impl Fn(&crate::run::Run<'_>) -> u64 + 'static) {
    ACTION.set(Some(Box::new(action)));
}

/// The code of a table's only operation.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Code {
    /// Returns 1.
    One,
    /// Returns 2.
    Two,
    /// Must never run.
    OtherHash,
    /// Runs the thread's action.
    Action,
    /// The table does not provide the operation.
    Absent,
}

impl Code {
    fn program(self) -> Option<Arc<ProgramCore>> {
        let entry: unsafe extern "C" fn() = match self {
            Self::One => opswap_test_one,
            Self::Two => opswap_test_two,
            Self::OtherHash => opswap_test_other_hash,
            Self::Action => opswap_test_action,
            Self::Absent => return None,
        };
        let entry = NonNull::new(entry as *mut u8).expect("a symbol");
        Some(Arc::new(ProgramCore::by_hand("program", EntryAddr::by_hand(entry))))
    }
}

/// A table with one operation.
struct Ops {
    answer: fn() -> u64,
}

// SAFETY: the table has no members of which anything could be said.
static DECL: Linked<StructOpsDecl> = unsafe { Linked::new(TABLE) };

const TABLE: StructOpsDecl = StructOpsDecl {
    header: DeclHeader::new(DeclKind::StructOps, size_of::<StructOpsDecl>()),
    place: crate::__place!(),
    key: TypeKey(1),
    name: "test_ops",
    doc: "",
    size: 16,
    align: 8,
    members: &[],
};

struct Pinned<'a>(PinGuard<'a, Ops>);

impl Pinned<'_> {
    fn answer(&self) -> u64 {
        if let Some(entry) = self.0.program(OpIdx(0))
            && let Ok(value) = entry.call(HASH, &mut [])
        {
            return value;
        }
        (self.0.native().answer)()
    }
}

impl PinnedTable for Pinned<'_> {
    type Table = Ops;

    fn guard(&self) -> &PinGuard<'_, Ops> {
        &self.0
    }
}

impl StructOpsType for Ops {
    const DECL: &'static Linked<StructOpsDecl> = &DECL;
    type Pinned<'a> = Pinned<'a>;

    fn pinned<'a>(guard: PinGuard<'a, Self>) -> Pinned<'a> {
        Pinned(guard)
    }
}

fn called(callback: &'static str, tables: &[&TableView<'_>]) -> Result<(), Refusal> {
    let names: Vec<&str> = tables.iter().map(|table| table.name()).collect();
    CALLED.with_borrow_mut(|called| called.push(format!("{callback} {}", names.join(" "))));
    if REFUSES.get() == callback { Err("not today".into()) } else { Ok(()) }
}

impl StructOps for Ops {
    fn reg(table: &TableView<'_>) -> Result<(), Refusal> {
        called("reg", &[table])
    }

    fn unreg(table: &TableView<'_>) {
        // Whether it is refused does not matter.
        let _ = called("unreg", &[table]);
    }

    fn update(old: &TableView<'_>, new: &TableView<'_>) -> Result<(), Refusal> {
        called("update", &[old, new])
    }
}

/// The native answer.
const NATIVE: u64 = 99;

fn slot() -> Slot<Ops> {
    Slot::new(Ops { answer: || NATIVE })
}

fn proto() -> StructOpsProto {
    let entry = EntryProto {
        name: "test_ops::answer".to_owned(),
        context: ContextLayout::Args(Vec::new()),
        ret: ReturnRule::Void,
        sleepable: Sleepable::No,
        declared_at: None,
    };
    let op = OpProto { op: OpIdx(0), entry, presence: OpPresence::Optional, cfi_hash: HASH };
    let member = |name: &str, offset, kind| StructOpsMember { name: name.to_owned(), offset, size: 8, kind };
    StructOpsProto {
        name: "test_ops".to_owned(),
        ty: TypeRef::host(BtfId(1)),
        size: 16,
        members: vec![
            member("answer", 0, StructOpsMemberKind::Op(op)),
            member("number", 8, StructOpsMemberKind::Data),
        ],
        declared_at: None,
    }
}

fn table_of(name: &str, code: Code, link: LinkKind) -> Prepared<Ops> {
    let mut data = vec![0; 16];
    data[8] = 7;
    Prepared::new(Arc::new(Image {
        name: name.to_owned(),
        proto: Arc::new(proto()),
        data: data.into(),
        programs: vec![code.program()],
        provided: vec![(code != Code::Absent).then(|| "program".to_owned())],
        link,
        hold: crate::module::loaded::Hold::APPLICATION,
    }))
}

fn table(name: &str, code: Code) -> Prepared<Ops> {
    table_of(name, code, LinkKind::Link)
}

fn attach(table: &Prepared<Ops>, slot: &Slot<Ops>) -> Link<Ops> {
    table.attach(slot).expect("the slot is free")
}
