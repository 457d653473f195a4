//! What a function of the program may do beyond its own frame: whatever it calls may do it, too.

use opswap_bpf::insn::{CallTarget, Imm64};
use opswap_bpf::proto::{HelperEffects, Intrinsic, KfuncFlags};
use opswap_bpf::{Insn, InsnIdx, Program};

use super::{RcuSections, Throws};
use crate::cfg::Cfg;
use crate::host::Host;

/// What a function may do.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(super) struct Effects {
    sleeps: bool,
    moves_packet: bool,
    enters_rcu: bool,
    throws: Throws,
}

impl Effects {
    pub(super) fn flags(self) -> KfuncFlags {
        if self.sleeps { KfuncFlags::SLEEPABLE } else { KfuncFlags::empty() }
    }

    pub(super) fn effects(self) -> HelperEffects {
        // A function that may move the packet is not lent a part of it.
        if self.moves_packet { HelperEffects::CHANGES_PACKET } else { HelperEffects::PACKET_MEMORY }
    }

    pub(super) fn rcu(self) -> RcuSections {
        if self.enters_rcu { RcuSections::Entered } else { RcuSections::None }
    }

    pub(super) fn throws(self) -> Throws {
        self.throws
    }

    fn and(self, other: Self) -> Self {
        Self {
            sleeps: self.sleeps || other.sleeps,
            moves_packet: self.moves_packet || other.moves_packet,
            enters_rcu: self.enters_rcu || other.enters_rcu,
            throws: if self.throws == Throws::Never { other.throws } else { Throws::Possibly },
        }
    }
}

/// Effects of every function, in their order.
pub(super) fn of_functions(program: &Program, host: &dyn Host, cfg: &Cfg) -> Vec<Effects> {
    let functions = cfg.functions();
    let mut effects = vec![Effects::default(); functions.len()];
    // From the called to the caller; an address that is taken counts as a call.
    let mut calls: Vec<(usize, usize)> = Vec::new();
    for (index, insn) in (0u32..).zip(&program.insns) {
        let at = InsnIdx(index);
        let caller = cfg.function_of(at).index();
        if let Insn::Call { target: CallTarget::Subprog(offset) }
        | Insn::LoadImm64 { imm: Imm64::Func(offset), .. } = insn
        {
            let callee = at.jump(*offset).and_then(|to| cfg.function_at(to));
            calls.extend(callee.map(|callee| (callee.index(), caller)));
        }
        if let Some(effects) = effects.get_mut(caller) {
            *effects = effects.and(of_call(program, host, insn));
        }
    }
    let mut grown = true;
    // Each round lets a flag climb at least one call; there are four.
    while std::mem::take(&mut grown) {
        for &(callee, caller) in &calls {
            let joined = effects[caller].and(effects[callee]);
            grown |= joined != std::mem::replace(&mut effects[caller], joined);
        }
    }
    effects
}

fn of_call(program: &Program, host: &dyn Host, insn: &Insn) -> Effects {
    let Insn::Call { target } = insn else { return Effects::default() };
    let (flags, effects, intrinsic) = match target {
        CallTarget::Subprog(_) => return Effects::default(),
        CallTarget::Kfunc { id, module } => match host.kfunc(*id, *module, &program.kind) {
            Ok(proto) => (proto.flags, HelperEffects::empty(), proto.intrinsic),
            // It cannot be called.
            Err(_) => return Effects::default(),
        },
        CallTarget::Helper(id) => match host.helper(*id, &program.kind) {
            Ok(proto) => (proto.flags, proto.effects, proto.intrinsic),
            Err(_) => return Effects::default(),
        },
    };
    Effects {
        sleeps: flags.contains(KfuncFlags::SLEEPABLE),
        // Another program may run, and the call then comes back; a dynptr may reach the packet.
        moves_packet: effects.contains(HelperEffects::CHANGES_PACKET)
            || matches!(
                intrinsic,
                Some(Intrinsic::TailCall | Intrinsic::DynptrWrite | Intrinsic::MovesPacket)
            ),
        enters_rcu: intrinsic == Some(Intrinsic::RcuReadLock),
        throws: if intrinsic == Some(Intrinsic::Throw) { Throws::Possibly } else { Throws::Never },
    }
}
