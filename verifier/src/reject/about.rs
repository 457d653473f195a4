//! The register or reference that a cause is about.

use opswap_bpf::RefId;
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
            | Self::FieldNotShared { reg, .. }
            | Self::MapShape { reg, .. }
            | Self::NotAMap { reg }
            | Self::StringInWritableMap { reg }
            | Self::StringAtVariableOffset { reg }
            | Self::StringWithoutEnd { reg }
            | Self::NotReferenced { reg }
            | Self::PacketArgument { reg }
            | Self::OutsidePacket { reg, .. }
            | Self::InvalidRecordAccess { reg, .. }
            | Self::MapObjectNegative { reg, .. }
            | Self::MapKeyWrite { reg }
            | Self::AddressRead { reg, .. }
            | Self::AddressInAtomic { reg }
            | Self::AtomicTarget { reg, .. }
            | Self::PointerWithPointer { reg, .. }
            | Self::PointerFromScalar { reg }
            | Self::StackPointerSubtraction { reg }
            | Self::BitwiseOnPointer { reg, .. }
            | Self::PointerOperator { reg, .. }
            | Self::UninitialisedVariableStack { reg, .. }
            | Self::UninitialisedArgument { reg, .. }
            | Self::NotANumber { reg }
            | Self::NotConstant { reg }
            | Self::NegativeSize { reg }
            | Self::ZeroSize { reg, .. }
            | Self::UnboundedSize { reg }
            | Self::WrongArgument { reg, .. } => Some(*reg),
            Self::NotContext { arg, .. }
            | Self::NotAString { arg }
            | Self::NotAFunction { arg }
            | Self::IllegalFlags { arg, .. }
            | Self::NotOnStack { arg, .. } => Reg::ARGS.get(*arg).copied(),
            Self::InvalidMemoryPair { cause, .. } | Self::GlobalCall { cause, .. } => cause.register(),
            Self::AddressReturned
            | Self::ReturnValue { .. }
            | Self::CallbackReturn { .. }
            | Self::GlobalReturn { .. } => Some(Reg::R0),
            _ => None,
        }
    }

    /// The reference that it is about.
    #[expect(clippy::wildcard_enum_match_arm, reason = "the others are about no reference")]
    pub(crate) fn reference(&self) -> Option<RefId> {
        match self {
            Self::UnreleasedReference { id, .. }
            | Self::TailCallLeaks { id, .. }
            | Self::LegacyLoadLeaks { id, .. }
            | Self::IrqOutOfOrder { id, .. } => Some(*id),
            _ => None,
        }
    }
}
