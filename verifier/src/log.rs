//! The walk as the kernel's verifier logs it at level 2, for people and tools that read that format:
//!
//! ```text
//! 0: R1=ctx() R10=fp0
//! 0: (b7) r6 = 4                        ; R6_w=4
//! 1: (15) if r1 == 0x0 goto pc+2        ; R1=ctx()
//! from 1 to 4: R1=ctx() R6=4 R10=fp0
//! ```
//!
//! `values` owns how registers are written.

mod values;

use std::fmt::Write as _;

use opswap_bpf::insn::Reg;
use opswap_bpf::{Insn, InsnIdx, Program};

use crate::explore::Observer;
use crate::host::Host;
use crate::state::{RegState, VerifierState};
use crate::transfer::host_name;
use crate::verified::Stats;

/// Longer logs are cut, and say so.
const MAX_BYTES: usize = 16 << 20;

/// Column of the comment behind an instruction.
const COMMENT: usize = 40;

/// Writes the log while the walk goes on.
pub(crate) struct Log<'a> {
    program: &'a Program,
    host: &'a dyn Host,
    text: String,
    /// The instruction that is being simulated, its line, and the state before it.
    pending: Option<(InsnIdx, String, VerifierState)>,
}

impl<'a> Log<'a> {
    pub(crate) fn new(program: &'a Program, host: &'a dyn Host) -> Self {
        Self { program, host, text: String::new(), pending: None }
    }

    /// The whole log: `end` is the classic line of a rejection.
    pub(crate) fn finish(mut self, end: Option<String>, stats: Stats) -> String {
        self.flush(None);
        if let Some(end) = end {
            for line in end.split("; ") {
                let _ = writeln!(self.text, "{line}");
            }
        }
        let Stats { insns_processed, total_states, peak_states, .. } = stats;
        let _ = writeln!(
            self.text,
            "processed {insns_processed} insns (limit 1000000) total_states {total_states} peak_states {peak_states}"
        );
        self.text
    }

    fn full(&self) -> bool {
        self.text.len() >= MAX_BYTES
    }

    /// Writes the pending instruction, with what it changed when the path went on to `after`.
    fn flush(&mut self, after: Option<&VerifierState>) {
        let Some((_, line, before)) = self.pending.take() else { return };
        let changes = after.map(|after| self.changes(&before, after)).unwrap_or_default();
        if changes.is_empty() {
            let _ = writeln!(self.text, "{line}");
        } else {
            let _ = writeln!(self.text, "{line:COMMENT$}; {changes}");
        }
    }

    /// The registers of the running frame that are not what they were.
    fn changes(&self, before: &VerifierState, after: &VerifierState) -> String {
        if before.frames().len() != after.frames().len() {
            return self.whole(after);
        }
        let changed =
            |reg: &Reg| before.reg(*reg) != after.reg(*reg) && *after.reg(*reg) != RegState::NotInit;
        let written = Reg::ALL.into_iter().filter(changed);
        let text = written.map(|reg| format!("R{}_w={}", reg.index(), self.value(after.reg(reg))));
        text.collect::<Vec<_>>().join(" ")
    }

    /// Every register of the running frame that holds something.
    fn whole(&self, state: &VerifierState) -> String {
        let frame = state.depth();
        let prefix = if frame == 0 { String::new() } else { format!("frame{frame}: ") };
        let held = Reg::ALL.into_iter().filter(|reg| *state.reg(*reg) != RegState::NotInit);
        let text = held.map(|reg| format!("R{}={}", reg.index(), self.value(state.reg(reg))));
        prefix + &text.collect::<Vec<_>>().join(" ")
    }

    fn value(&self, value: &RegState) -> String {
        values::value(self.program, self.host, value)
    }
}

impl Observer for Log<'_> {
    fn before(&mut self, at: InsnIdx, state: &VerifierState) {
        if self.full() {
            if self.pending.take().is_some() {
                self.text.push_str("(the log is longer than 16 MiB; the rest was left out)\n");
            }
            return;
        }
        // The path goes on from the instruction before, or a waiting one is taken up.
        let from = self.pending.as_ref().map(|(from, ..)| *from);
        let goes_on = from.is_some_and(|from| self.follows(from, at));
        self.flush(goes_on.then_some(state));
        match from {
            None => {
                let _ = writeln!(self.text, "{}: {}", at.0, self.whole(state));
            }
            Some(from) if !goes_on => {
                let _ = writeln!(self.text, "from {} to {}: {}", from.0, at.0, self.whole(state));
            }
            Some(_) => {}
        }
        let Some(insn) = self.program.insns.get(at.index()) else { return };
        let callee = host_name(self.host, &self.program.kind, insn);
        let line = format!("{}: {}", at.0, insn.kernel_text(callee.as_deref()));
        self.pending = Some((at, line, state.clone()));
    }

    fn remark(&mut self, text: &str) {
        if self.full() {
            return;
        }
        self.flush(None);
        let _ = writeln!(self.text, "{text}");
    }

    fn pruned(&mut self, at: InsnIdx, state: &VerifierState) {
        if self.full() {
            return;
        }
        let from = self.pending.as_ref().map_or(at, |(from, ..)| *from);
        self.flush(Some(state));
        let _ = writeln!(self.text, "from {} to {}: safe", from.0, at.0);
        self.pending = None;
    }
}

impl Log<'_> {
    /// Whether a path may go from one instruction to the other without waiting: calls and returns included.
    fn follows(&self, from: InsnIdx, to: InsnIdx) -> bool {
        let Some(insn) = self.program.insns.get(from.index()) else { return false };
        if matches!(insn, Insn::Call { .. } | Insn::Exit) {
            return true;
        }
        let successors = crate::cfg::successors(insn, from);
        successors.next == Some(to) || successors.jump == Some(to)
    }
}
