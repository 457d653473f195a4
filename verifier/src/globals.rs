//! Global functions: verified on their own, for every argument that fits their prototype, and called by contract.
//!
//! What Linux takes from BTF becomes a contract as host functions have one: a number, the context (by its type or the tag
//! `arg:ctx`), memory of the pointee's size (NULL unless tagged `arg:nonnull`), an object of the host (`arg:trusted`). A function
//! that no walked path calls is not verified.
//!
//! **Why a call by contract is sound.** The function is walked from a state that includes every one in which it may be called:
//! numbers are unknown, memory is as large as the prototype says and no larger, objects are trusted but not owned, nothing is held
//! and no section is entered. The caller goes on from a state that includes every one in which the function may leave: memory
//! that it was lent holds unknown numbers, pointers into the packet have ended if the function or one that it reaches may move the
//! packet, and borrows from exclusive arguments of the entry have ended if it is given the context, from which it may take them
//! anew. What the caller owns, the function cannot name; an owned argument of the entry is not among what the context gives here.
//! Where callees hold Rust references, memory arguments count as shared inside: they may be a map's value.

mod effects;
mod prototype;

use opswap_bpf::program::Linkage;
use opswap_bpf::proto::{ArgKind, ArgProto, HelperEffects, KfuncFlags, RetProto};
use opswap_bpf::{InsnIdx, Program, SubprogId};

use crate::cfg::Cfg;
use crate::host::Host;
use crate::reject::PrototypeFault;

/// Whether a function may enter RCU sections of its own.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum RcuSections {
    /// It does not.
    None,
    /// It may.
    Entered,
}

/// Whether a function may end the program by an exception.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) enum Throws {
    /// It does not.
    #[default]
    Never,
    /// It may, or one that it calls.
    Possibly,
}

/// A global function.
#[derive(Debug)]
pub(crate) struct Global {
    pub(crate) id: SubprogId,
    pub(crate) name: String,
    pub(crate) start: InsnIdx,
    /// What its prototype says; a function with a fault may not be called.
    pub(crate) args: Result<Vec<ArgProto>, PrototypeFault>,
    pub(crate) ret: RetProto,
    /// Whether it may sleep.
    pub(crate) flags: KfuncFlags,
    /// Whether it may move the packet.
    pub(crate) effects: HelperEffects,
    /// Whether it may enter RCU sections.
    pub(crate) rcu: RcuSections,
    /// Whether it may throw.
    pub(crate) throws: Throws,
}

impl Global {
    /// Whether it is given the context.
    pub(crate) fn takes_context(&self) -> bool {
        self.args.as_ref().is_ok_and(|args| args.iter().any(|arg| arg.kind == ArgKind::Context))
    }
}

/// The global functions of a program, by number; the entry is none.
#[derive(Debug)]
pub(crate) struct Globals {
    all: Vec<Option<Global>>,
}

impl Globals {
    pub(crate) fn read(program: &Program, host: &dyn Host, cfg: &Cfg) -> Self {
        let functions = cfg.functions();
        let is_global = |at: usize| at > 0 && functions[at].linkage == Linkage::Global;
        if !(0..functions.len()).any(is_global) {
            return Self { all: Vec::new() };
        }
        let effects = effects::of_functions(program, host, cfg);
        let global = |(at, function): (usize, &crate::cfg::Function)| {
            let declared = program.subprogs.iter().find(|subprog| subprog.start == function.start)?;
            let btf = program.btf.as_deref()?;
            // A function without BTF has no prototype: it is walked where it is called, as a static one.
            btf.func(declared.func).filter(|_| is_global(at))?;
            Some(Global {
                id: SubprogId(u32::try_from(at).ok()?),
                name: function.name.clone(),
                start: function.start,
                args: prototype::arguments(btf, declared.func, host, &program.kind),
                ret: prototype::result(),
                flags: effects[at].flags(),
                effects: effects[at].effects(),
                rcu: effects[at].rcu(),
                throws: effects[at].throws(),
            })
        };
        Self { all: functions.iter().enumerate().map(global).collect() }
    }

    /// A function, if it is global.
    pub(crate) fn get(&self, id: SubprogId) -> Option<&Global> {
        self.all.get(id.index())?.as_ref()
    }

    /// The global function that begins at a slot.
    pub(crate) fn at(&self, start: InsnIdx) -> Option<&Global> {
        self.all.iter().flatten().find(|global| global.start == start)
    }
}
