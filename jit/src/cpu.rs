//! [`Cpu`]: which optional instructions the machine has.

/// Shifts by a register other than `cl`, without touching the flags.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Bmi2 {
    Absent,
    Present,
}

/// What code may use beyond the x86-64 baseline.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Cpu {
    pub(crate) bmi2: Bmi2,
}

impl Cpu {
    /// This machine.
    pub(crate) fn detect() -> Self {
        let bmi2 = if std::arch::is_x86_feature_detected!("bmi2") { Bmi2::Present } else { Bmi2::Absent };
        Self { bmi2 }
    }
}
