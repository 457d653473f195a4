//! [`RunHeader`]: what compiled code sees of the run it belongs to.

use std::cell::Cell;

/// How often the loops of one run that have no bound of their own may go round, all together: eight times what Linux allows each
/// (`BPF_MAX_LOOPS`), so that calls and nested loops do not multiply it.
pub const LOOP_TURNS: u64 = 64 << 20;

/// First part of every run's context; the runtime puts its own behind it.
#[derive(Debug)]
#[repr(C)]
pub struct RunHeader {
    /// Not 0: the run is over, compiled code returns as soon as it sees it. At offset 0.
    pub abort: Cell<u32>,
    /// Set by a host function, not 0: the function of the program that called it returns what it gave, now. Compiled code
    /// clears it. At offset 4.
    pub leave: Cell<u32>,
    /// How often loops may still go round: `may_goto` jumps when there is none left. At offset 8.
    pub turns: Cell<u64>,
}

impl RunHeader {
    /// [`RunHeader::abort`]: a host function recorded why.
    pub const ABORTED: u32 = 1;
    /// [`RunHeader::abort`]: the program came to an access that compiled code does not make
    /// ([`Access::Refused`](opswap_verifier::verified::Access::Refused)).
    pub const REFUSED: u32 = 2;

    /// Takes a turn of a loop; `false` when there is none left.
    pub fn take_turn(&self) -> bool {
        let left = self.turns.get().checked_sub(1);
        if let Some(left) = left {
            self.turns.set(left);
        }
        left.is_some()
    }
}

impl Default for RunHeader {
    fn default() -> Self {
        Self { abort: Cell::new(0), leave: Cell::new(0), turns: Cell::new(LOOP_TURNS) }
    }
}
