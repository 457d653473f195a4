//! Calls of the host, by contract: what each argument must be, what the call ends, what `R0` holds afterwards.
//!
//! | file | owns |
//! |---|---|
//! | `argument` | one argument against its [`ArgKind`] |
//! | `global` | what differs for global functions of the program |
//! | `aliasing` | arguments of one call against each other |
//! | `field` | special fields of map values as arguments |
//! | `lock` | locks, and calls while one is held |
//! | `graph` | allocated objects, lists and trees |
//! | `found` | what a lookup in a map gives |
//! | `record` | records, reserved memory and the stack as arguments |
//! | `objects` | iterators, dynptrs and saved interrupt states as arguments |
//! | `deeds` | what calls do to these |
//! | `callback` | subprograms that the callee runs |
//! | `effect` | what the call ends and what it returns |
//! | `cast` | pointers that are seen as another type |
//!
//! kfuncs and helpers differ in who may call them and in the kernel's wording; everything else is shared.

mod aliasing;
mod argument;
pub(super) mod callback;
mod cast;
mod deeds;
mod effect;
mod field;
mod found;
mod global;
mod graph;
mod lock;
mod objects;
mod record;

use opswap_bpf::insn::Reg;
use opswap_bpf::map::MapKind;
use opswap_bpf::program::License;
use opswap_bpf::proto::{ArgKind, ArgProto, HelperEffects, Intrinsic, KfuncFlags, RetProto, Sleepable};
use opswap_bpf::{HelperId, InsnIdx, KfuncId, SubprogId};

use crate::demand::Touched;
use crate::reject::{Reason, Section};
use crate::state::{Role, VerifierState};
use crate::subject::Subject;

use argument::Argument;
pub(super) use effect::{Checked, apply};

/// What is called.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Callee {
    Kfunc(KfuncId),
    Helper(HelperId),
    Global(SubprogId),
}

/// A contract, of a kfunc or a helper.
#[derive(Clone, Copy)]
pub(super) struct Contract<'a> {
    pub(super) callee: Callee,
    pub(super) name: &'a str,
    pub(super) args: &'a [ArgProto],
    pub(super) ret: &'a RetProto,
    pub(super) flags: KfuncFlags,
    pub(super) intrinsic: Option<Intrinsic>,
    pub(super) effects: HelperEffects,
    pub(super) maps: Option<&'a [MapKind]>,
}

impl Contract<'_> {
    /// The name as the kernel writes it; helpers carry their number.
    fn title(&self) -> String {
        match self.callee {
            Callee::Helper(id) => format!("{}#{}", self.name, id.0),
            Callee::Kfunc(_) | Callee::Global(_) => self.name.to_owned(),
        }
    }

    /// The registers of the arguments, in their order; `None` for those that programs do not see.
    fn registers(&self) -> Result<Vec<Option<Reg>>, Reason> {
        let mut free = Reg::ARGS.into_iter();
        let seen = self.args.iter().filter(|arg| arg.kind != ArgKind::Implicit).count();
        let register = |arg: &ArgProto| {
            if arg.kind == ArgKind::Implicit {
                return Ok(None);
            }
            free.next().map(Some).ok_or(Reason::TooManyArguments {
                name: self.name.to_owned(),
                args: seen,
                limit: Reg::ARGS.len(),
            })
        };
        self.args.iter().map(register).collect()
    }
}

/// Judges a call.
pub(super) fn check(
    subject: &Subject<'_>,
    state: &VerifierState,
    contract: &Contract<'_>,
    at: InsnIdx,
) -> Result<Checked, Reason> {
    let registers = contract.registers()?;
    if contract.effects.contains(HelperEffects::GPL_ONLY) && subject.program.license != License::Gpl {
        return Err(Reason::CallNeedsGpl { name: contract.name.to_owned() });
    }
    lock::check_call(state, contract)?;
    // What a global function may do to sections is judged before.
    if !matches!(contract.callee, Callee::Global(_)) {
        check_sections(subject, state, contract)?;
    }
    let mut arguments = Vec::with_capacity(contract.args.len());
    for index in 0..contract.args.len() {
        let call = argument::Call { subject, state, contract, registers: &registers };
        arguments.push(argument::check(&call, index)?);
    }
    let call = argument::Call { subject, state, contract, registers: &registers };
    field::check_map(&call, &arguments)?;
    field::check_exchange(&call, &arguments)?;
    match contract.callee {
        Callee::Global(_) => global::check_aliasing(subject, state, contract, &arguments)?,
        Callee::Kfunc(_) | Callee::Helper(_) => aliasing::check(subject, state, contract, &arguments)?,
    }
    deeds::check(subject, state, contract, &registers, &arguments)?;
    let graph = graph::check(&call, &arguments)?;
    let lock = lock::check(state, contract, &arguments)?;
    let touched = touched(subject, state, contract, &registers, &arguments);
    let callback = callback::check(&call, &arguments, graph.as_ref(), at)?;
    let checked = effect::check(&call, arguments, graph.as_ref())?;
    Ok(checked.running(callback).locking(lock).touching(touched))
}

/// What a call relies on: numbers where the contract does not take any number, and the program's stack.
fn touched(
    subject: &Subject<'_>,
    state: &VerifierState,
    contract: &Contract<'_>,
    registers: &[Option<Reg>],
    arguments: &[Argument],
) -> Touched {
    let mut touched = Touched::default();
    for ((arg, reg), given) in contract.args.iter().zip(registers).zip(arguments) {
        let Some(reg) = *reg else { continue };
        // The number of rounds decides whether there is another.
        let counts = callback::is_counted(contract) && reg == Reg::R1;
        if counts || !takes_any_number(contract, &arg.kind) {
            touched.relies(state, reg);
        }
        match given {
            Argument::Memory(extent) => touched.access.extend(extent.stack_access(subject)),
            Argument::Plain
            | Argument::Constant(_)
            | Argument::Map(_)
            | Argument::Field(_)
            | Argument::Node(_)
            | Argument::Callback(_)
            | Argument::OnStack(_)
            | Argument::Object { .. } => touched.lends(state, reg),
        }
    }
    touched
}

/// Whether an argument may be any number; what is passed on to a callback is judged there.
#[expect(clippy::wildcard_enum_match_arm, reason = "all others are relied on")]
fn takes_any_number(contract: &Contract<'_>, kind: &ArgKind) -> bool {
    match kind {
        ArgKind::Implicit | ArgKind::Ignored | ArgKind::Any | ArgKind::Scalar { .. } => true,
        // The shim of a kfunc checks it.
        ArgKind::Checked { .. } => matches!(contract.callee, Callee::Kfunc(_)),
        _ => false,
    }
}

/// Calls that sleep, and calls that need an RCU section.
fn check_sections(
    subject: &Subject<'_>,
    state: &VerifierState,
    contract: &Contract<'_>,
) -> Result<(), Reason> {
    let name = || contract.name.to_owned();
    if contract.flags.contains(KfuncFlags::SLEEPABLE) {
        if super::sleepable(subject, state) == Sleepable::No {
            return Err(Reason::SleepsInAtomicProgram { name: name() });
        }
        if state.sections.rcu > 0 {
            return Err(Reason::SleepsInSection { name: name(), section: Section::Rcu });
        }
        if state.sections.preempt > 0 {
            return Err(Reason::SleepsInSection { name: name(), section: Section::PreemptDisabled });
        }
        if state.refs().saved_irq().is_some() {
            return Err(Reason::SleepsInSection { name: name(), section: Section::IrqDisabled });
        }
    }
    if contract.flags.contains(KfuncFlags::RCU_PROTECTED) && !super::in_rcu_section(subject, state) {
        return Err(Reason::NeedsRcuSection { name: name() });
    }
    check_supported(contract)?;
    match contract.intrinsic {
        Some(Intrinsic::RcuReadLock) if state.sections.rcu > 0 => {
            Err(Reason::NestedRcuSection { name: name() })
        }
        Some(Intrinsic::RcuReadUnlock) if state.sections.rcu == 0 => {
            Err(Reason::UnmatchedLeave { name: name(), section: Section::Rcu })
        }
        Some(Intrinsic::PreemptEnable) if state.sections.preempt == 0 => {
            Err(Reason::UnmatchedLeave { name: name(), section: Section::PreemptDisabled })
        }
        Some(Intrinsic::TailCall) if later(state) => {
            Err(Reason::Unsupported { what: "tail calls in functions that run later" })
        }
        Some(Intrinsic::TailCall) => match state.refs().leak().or_else(|| state.refs().saved_irq()) {
            Some(leak) => Err(Reason::TailCallLeaks { id: leak.id, at: leak.at }),
            None => Ok(()),
        },
        Some(Intrinsic::PreemptDisable) if state.sections.preempt == u8::MAX => {
            Err(Reason::Unsupported { what: "more than 255 nested sections" })
        }
        _ => Ok(()),
    }
}

/// Whether the program has ended by now.
fn later(state: &VerifierState) -> bool {
    state.frames().first().is_some_and(|frame| matches!(frame.role, Role::Later { .. }))
}

/// Meanings that this verifier does not know yet would be lost: such calls are refused.
fn check_supported(contract: &Contract<'_>) -> Result<(), Reason> {
    match contract.intrinsic {
        None
        | Some(
            Intrinsic::RcuReadLock
            | Intrinsic::RcuReadUnlock
            | Intrinsic::PreemptDisable
            | Intrinsic::PreemptEnable
            | Intrinsic::MapLookup
            | Intrinsic::MapUpdate
            | Intrinsic::Loop
            | Intrinsic::ForEach
            | Intrinsic::CallOnce
            | Intrinsic::TailCall
            | Intrinsic::Reserve
            | Intrinsic::DynptrFromMem
            | Intrinsic::DynptrReserve
            | Intrinsic::DynptrRelease
            | Intrinsic::DynptrData
            | Intrinsic::DynptrSlice
            | Intrinsic::DynptrWrite
            | Intrinsic::SpinLock
            | Intrinsic::SpinUnlock
            | Intrinsic::KptrXchg
            | Intrinsic::CallLater
            | Intrinsic::Throw
            | Intrinsic::MovesPacket,
        ) => Ok(()),
        Some(_) => Err(Reason::Unsupported { what: "calls with this meaning" }),
    }
}
