//! The tables of operations, each with the slot that it is registered in.

use std::sync::LazyLock;

use opswap::bpf::insn::Reg;
use opswap::bpf::proto::{StructOpsMember, StructOpsMemberKind};
use opswap::bpf::{Insn, assemble};
use opswap::struct_ops::Instrument;
use opswap::{AttachError, Link, Member, Prepared, Refusal, Slot, StructOps, TableView, kfunc, struct_ops};

use crate::sets::bpf_testmod_check_kfunc_ids;
use crate::types::{BpfDummyOpsState, KernelModule, StOpsArgs, TaskStruct, UnsupportedMember};

/// The table of the test module: every kind of member.
#[struct_ops(name = "bpf_testmod_ops")]
#[derive(Clone, Default)]
pub struct BpfTestmodOps {
    /// Called when the table is registered.
    pub test_1: Option<fn() -> i32>,
    /// Called after it, with 4 and the table's `data`.
    pub test_2: Option<fn(a: i32, b: i32)>,
    /// Given a task, or none.
    pub test_maybe_null: Option<fn(dummy: i32, task: Option<&TaskStruct>) -> i32>,
    /// Not for programs.
    #[op(unsupported)]
    pub unsupported_ops: Option<fn() -> i32>,
    /// One byte.
    pub onebyte: i8,
    /// Must be zero.
    pub unsupported: UnsupportedMember,
    /// The one member that the module takes.
    pub data: i32,
    /// Returns a number.
    pub tramp_1: Option<fn(value: i32) -> i32>,
    /// Returns a number.
    pub tramp_2: Option<fn(value: i32) -> i32>,
    /// Returns a number.
    pub tramp_3: Option<fn(value: i32) -> i32>,
    /// Returns a number.
    pub tramp_4: Option<fn(value: i32) -> i32>,
    /// Returns a number.
    pub tramp_5: Option<fn(value: i32) -> i32>,
    /// Returns a number.
    pub tramp_6: Option<fn(value: i32) -> i32>,
    /// Returns a number.
    pub tramp_7: Option<fn(value: i32) -> i32>,
    /// Returns a number.
    pub tramp_8: Option<fn(value: i32) -> i32>,
    /// Returns a number.
    pub tramp_9: Option<fn(value: i32) -> i32>,
    /// Returns a number.
    pub tramp_10: Option<fn(value: i32) -> i32>,
    /// Returns a number.
    pub tramp_11: Option<fn(value: i32) -> i32>,
    /// Returns a number.
    pub tramp_12: Option<fn(value: i32) -> i32>,
    /// Returns a number.
    pub tramp_13: Option<fn(value: i32) -> i32>,
    /// Returns a number.
    pub tramp_14: Option<fn(value: i32) -> i32>,
    /// Returns a number.
    pub tramp_15: Option<fn(value: i32) -> i32>,
    /// Returns a number.
    pub tramp_16: Option<fn(value: i32) -> i32>,
    /// Returns a number.
    pub tramp_17: Option<fn(value: i32) -> i32>,
    /// Returns a number.
    pub tramp_18: Option<fn(value: i32) -> i32>,
    /// Returns a number.
    pub tramp_19: Option<fn(value: i32) -> i32>,
    /// Returns a number.
    pub tramp_20: Option<fn(value: i32) -> i32>,
    /// Returns a number.
    pub tramp_21: Option<fn(value: i32) -> i32>,
    /// Returns a number.
    pub tramp_22: Option<fn(value: i32) -> i32>,
    /// Returns a number.
    pub tramp_23: Option<fn(value: i32) -> i32>,
    /// Returns a number.
    pub tramp_24: Option<fn(value: i32) -> i32>,
    /// Returns a number.
    pub tramp_25: Option<fn(value: i32) -> i32>,
    /// Returns a number.
    pub tramp_26: Option<fn(value: i32) -> i32>,
    /// Returns a number.
    pub tramp_27: Option<fn(value: i32) -> i32>,
    /// Returns a number.
    pub tramp_28: Option<fn(value: i32) -> i32>,
    /// Returns a number.
    pub tramp_29: Option<fn(value: i32) -> i32>,
    /// Returns a number.
    pub tramp_30: Option<fn(value: i32) -> i32>,
    /// Returns a number.
    pub tramp_31: Option<fn(value: i32) -> i32>,
    /// Returns a number.
    pub tramp_32: Option<fn(value: i32) -> i32>,
    /// Returns a number.
    pub tramp_33: Option<fn(value: i32) -> i32>,
    /// Returns a number.
    pub tramp_34: Option<fn(value: i32) -> i32>,
    /// Returns a number.
    pub tramp_35: Option<fn(value: i32) -> i32>,
    /// Returns a number.
    pub tramp_36: Option<fn(value: i32) -> i32>,
    /// Returns a number.
    pub tramp_37: Option<fn(value: i32) -> i32>,
    /// Returns a number.
    pub tramp_38: Option<fn(value: i32) -> i32>,
    /// Returns a number.
    pub tramp_39: Option<fn(value: i32) -> i32>,
    /// Returns a number.
    pub tramp_40: Option<fn(value: i32) -> i32>,
}

impl StructOps for BpfTestmodOps {
    fn init_member(member: &StructOpsMember, _table: &TableView<'_>) -> Result<Member, Refusal> {
        Ok(if member.name == "data" { Member::Taken } else { Member::Unhandled })
    }
}

/// Where [`BpfTestmodOps`] is registered.
pub static TESTMOD_OPS: LazyLock<Slot<BpfTestmodOps>> = LazyLock::new(|| Slot::new(BpfTestmodOps::default()));

/// Registers a table as the module does: attaches it, calls `test_1`, then `test_2` with 4 and the table's `data`.
///
/// # Errors
/// As for [`Prepared::attach`].
pub fn register(table: &Prepared<BpfTestmodOps>) -> Result<Link<BpfTestmodOps>, AttachError> {
    let link = table.attach(&TESTMOD_OPS)?;
    let data = table.table().number("data").unwrap_or_default();
    let ops = TESTMOD_OPS.pin();
    ops.test_1();
    ops.test_2(4, u32::try_from(data).unwrap_or_default().cast_signed());
    drop(ops);
    Ok(link)
}

/// A second table, of one operation.
#[struct_ops(name = "bpf_testmod_ops2")]
#[derive(Clone, Default)]
pub struct BpfTestmodOps2 {
    /// Called when the table is registered.
    pub test_1: Option<fn() -> i32>,
}

impl StructOps for BpfTestmodOps2 {}

/// Where [`BpfTestmodOps2`] is registered.
pub static TESTMOD_OPS2: LazyLock<Slot<BpfTestmodOps2>> =
    LazyLock::new(|| Slot::new(BpfTestmodOps2::default()));

/// The table whose programs get prologues and epilogues.
#[struct_ops(name = "bpf_testmod_st_ops")]
#[derive(Clone, Default)]
pub struct BpfTestmodStOps {
    /// A prologue adds 1000 to the number.
    pub test_prologue: Option<fn(args: &mut StOpsArgs) -> i32>,
    /// An epilogue adds 10000 to the number and returns it twofold.
    pub test_epilogue: Option<fn(args: &mut StOpsArgs) -> i32>,
    /// Both.
    pub test_pro_epilogue: Option<fn(args: &mut StOpsArgs) -> i32>,
    /// Never set by programs.
    pub owner: Option<&'static KernelModule>,
}

/// What an operation of [`BpfTestmodStOps`] gets around it.
fn wraps(member: &StructOpsMember, word: &str) -> bool {
    matches!(member.kind, StructOpsMemberKind::Op(_)) && member.name.contains(word)
}

fn write(code: &mut Instrument<'_>, text: &str) -> Result<(), Refusal> {
    let insns: Vec<Insn> = assemble(text).map_err(|error| Refusal::new(error.to_string()))?;
    insns.into_iter().for_each(|insn| code.push(insn));
    Ok(())
}

impl StructOps for BpfTestmodStOps {
    fn gen_prologue(member: &StructOpsMember, code: &mut Instrument<'_>) -> Result<(), Refusal> {
        // "prologue" is also the end of "test_pro_epilogue" but for one letter.
        if !wraps(member, "prologue") && !wraps(member, "pro_epilogue") {
            return Ok(());
        }
        write(
            code,
            "r6 = *(u64 *)(r1 + 0)\n\
             r7 = *(u64 *)(r6 + 0)\n\
             r7 += 1000\n\
             *(u64 *)(r6 + 0) = r7",
        )
    }

    fn gen_epilogue(member: &StructOpsMember, code: &mut Instrument<'_>) -> Result<(), Refusal> {
        if !wraps(member, "epilogue") {
            return Ok(());
        }
        code.load_context(Reg::R1);
        write(
            code,
            "r1 = *(u64 *)(r1 + 0)\n\
             r6 = *(u64 *)(r1 + 0)\n\
             r6 += 10000\n\
             *(u64 *)(r1 + 0) = r6\n\
             r0 = r6\n\
             r0 *= 2",
        )
    }

    fn init_member(_member: &StructOpsMember, _table: &TableView<'_>) -> Result<Member, Refusal> {
        Ok(Member::Unhandled)
    }
}

/// Where [`BpfTestmodStOps`] is registered: one table at a time.
pub static TESTMOD_ST_OPS: LazyLock<Slot<BpfTestmodStOps>> =
    LazyLock::new(|| Slot::new(BpfTestmodStOps::default()));

/// Calls the registered operation; -1 when there is none.
#[kfunc(trusted_args, sleepable, set = bpf_testmod_check_kfunc_ids)]
pub fn bpf_kfunc_st_ops_test_prologue(args: &mut StOpsArgs) -> i32 {
    TESTMOD_ST_OPS.pin().test_prologue(args).unwrap_or(-1)
}

/// Calls the registered operation; -1 when there is none.
#[kfunc(trusted_args, sleepable, set = bpf_testmod_check_kfunc_ids)]
pub fn bpf_kfunc_st_ops_test_epilogue(args: &mut StOpsArgs) -> i32 {
    TESTMOD_ST_OPS.pin().test_epilogue(args).unwrap_or(-1)
}

/// Calls the registered operation; -1 when there is none.
#[kfunc(trusted_args, sleepable, set = bpf_testmod_check_kfunc_ids)]
pub fn bpf_kfunc_st_ops_test_pro_epilogue(args: &mut StOpsArgs) -> i32 {
    TESTMOD_ST_OPS.pin().test_pro_epilogue(args).unwrap_or(-1)
}

/// Adds 10.
#[kfunc(trusted_args, set = bpf_testmod_check_kfunc_ids)]
pub fn bpf_kfunc_st_ops_inc10(args: &mut StOpsArgs) -> i32 {
    args.a = args.a.wrapping_add(10);
    // Linux returns an `int` as well.
    #[expect(clippy::cast_possible_truncation, reason = "the prototype says so")]
    let low = args.a as i32;
    low
}

/// The table that `BPF_PROG_TEST_RUN` calls.
#[struct_ops(name = "bpf_dummy_ops")]
#[derive(Clone, Default)]
pub struct BpfDummyOps {
    /// Given a state, or none.
    pub test_1: Option<fn(cb: Option<&mut BpfDummyOpsState>) -> i32>,
    /// Numbers of all widths.
    pub test_2: Option<fn(cb: &mut BpfDummyOpsState, a1: i32, a2: u16, a3: i8, a4: u64) -> i32>,
    /// May sleep.
    #[op(sleepable)]
    pub test_sleepable: Option<fn(cb: &mut BpfDummyOpsState) -> i32>,
}

impl StructOps for BpfDummyOps {}

/// Where [`BpfDummyOps`] is registered.
pub static DUMMY_OPS: LazyLock<Slot<BpfDummyOps>> = LazyLock::new(|| Slot::new(BpfDummyOps::default()));

/// The table that Linux first registers without stubs, which must fail. Here every operation has its stub: the macro makes it.
#[struct_ops(name = "bpf_test_no_cfi_ops")]
#[derive(Clone, Default)]
pub struct BpfTestNoCfiOps {
    /// Does nothing.
    pub fn_1: Option<fn()>,
    /// Does nothing.
    pub fn_2: Option<fn()>,
}

impl StructOps for BpfTestNoCfiOps {}
