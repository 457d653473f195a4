//! The register that a cause is about.

use opswap_bpf::insn::Reg;

use super::Reason;

impl Reason {
    /// The register that it is about.
    #[expect(clippy::wildcard_enum_match_arm, reason = "the others are about no register")]
    pub(crate) fn register(&self) -> Option<Reg> {
        match self {
            Self::OutOfBounds { reg, .. }
            | Self::MinNegative { reg }
            | Self::InvalidMemAccess { reg, .. }
            | Self::NullAccess { reg, .. }
            | Self::UnboundedAccess { reg }
            | Self::WriteToReadOnly { reg, .. }
            | Self::ReadOfWriteOnly { reg, .. }
            | Self::UnboundedStack { reg, .. }
            | Self::StackOutOfBounds { reg, .. }
            | Self::VariableStackOutOfBounds { reg, .. }
            | Self::NegativeOffset { reg, .. }
            | Self::ModifiedPointer { reg, .. }
            | Self::ObjectNegative { reg, .. }
            | Self::ObjectVariable { reg, .. }
            | Self::ObjectReadOnly { reg, .. }
            | Self::NotReadable { reg }
            | Self::NullablePointerArithmetic { reg, .. }
            | Self::PointerArithmetic { reg, .. }
            | Self::PointerAsNumber { reg, .. }
            | Self::PointerComparison { reg }
            | Self::ReleaseAtOffset { reg }
            | Self::Field { reg, .. }
            | Self::NotOwned { reg, .. }
            | Self::NotExclusive { reg, .. }
            | Self::PossiblyNull { reg, .. }
            | Self::NotTrusted { reg }
            | Self::SharedMemory { reg, .. }
            | Self::GlobalSharedMemory { reg, .. }
            | Self::NotRcu { reg }
            | Self::WrongObject { reg, .. }
            | Self::NotAnObject { reg, .. }
            | Self::NotANumber { reg }
            | Self::NotConstant { reg }
            | Self::NegativeSize { reg }
            | Self::ZeroSize { reg, .. }
            | Self::UnboundedSize { reg }
            | Self::WrongArgument { reg, .. } => Some(*reg),
            Self::InvalidMemoryPair { cause, .. } | Self::GlobalCall { cause, .. } => cause.register(),
            Self::AddressReturned | Self::ReturnValue { .. } | Self::GlobalReturn { .. } => Some(Reg::R0),
            _ => None,
        }
    }
}
