//! Every number that bounds the verifier, with its origin.

/// Which immediates of shifts and divisions a program may contain.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ImmediateRules {
    /// As Linux: a shift by the width or more, and a division by a constant 0, are refused.
    Kernel,
    /// As RFC 9669 defines them: shifts are masked, a division by 0 gives 0.
    Rfc9669,
}

/// Whether a program may contain instructions that no chain of jumps reaches.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum UnreachableCode {
    /// It may not, as in Linux.
    Refused,
    /// It may; the JIT emits traps.
    Allowed,
}

/// Whether a path ends where an explored state covers it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Pruning {
    /// It does.
    On,
    /// It does not: every path is walked to its end. Only for tests of pruning itself.
    Off,
}

/// Budgets of one verification.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Limits {
    /// Instructions that may be walked over all paths (Linux: `BPF_COMPLEXITY_LIMIT_INSNS`, 1,000,000).
    pub insns_processed: u32,
    /// Pending branches (Linux: `BPF_COMPLEXITY_LIMIT_JMP_SEQ`, 8,192).
    pub jump_sequence: u32,
    /// Bytes of stack per frame (Linux: `MAX_BPF_STACK`, 512), and per call chain.
    pub stack_bytes: u32,
    /// Nested calls (Linux: `MAX_CALL_FRAMES`, 8); more than [`Limits::MAX_CALL_FRAMES`] count as that many.
    pub call_frames: u32,
    /// Slots of a program (Linux: `BPF_COMPLEXITY_LIMIT_INSNS`).
    pub program_slots: u32,
    /// Subprograms (Linux: `BPF_MAX_SUBPROGS`, 256).
    pub subprogs: u32,
    /// Rules for immediates.
    pub immediates: ImmediateRules,
    /// Rules for unreachable code.
    pub unreachable: UnreachableCode,
    /// Whether paths are pruned.
    pub pruning: Pruning,
}

impl Limits {
    /// Most nested calls that frames can be numbered for.
    pub const MAX_CALL_FRAMES: u32 = u8::MAX as u32;

    /// The same budgets, none beyond what the verifier's own numbers can express.
    #[must_use]
    pub(crate) fn expressible(&self) -> Self {
        Self { call_frames: self.call_frames.min(Self::MAX_CALL_FRAMES), ..self.clone() }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            insns_processed: 1_000_000,
            jump_sequence: 8_192,
            stack_bytes: 512,
            call_frames: 8,
            program_slots: 1_000_000,
            subprogs: 256,
            immediates: ImmediateRules::Kernel,
            unreachable: UnreachableCode::Refused,
            pruning: Pruning::On,
        }
    }
}
