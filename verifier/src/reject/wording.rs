//! The classic one-line text of every cause: the kernel's words where the kernel knows the cause. Where the kernel logs
//! several lines, they stand in one, with `; ` between.

mod globals;
mod objects;
mod packet;

use std::fmt;

use opswap_bpf::insn::{AluOp, Reg};
use opswap_bpf::map::MapKind;
use opswap_bpf::proto::FieldAccess;

use super::{
    Bounded, ContextFault, Direction, ObjectFault, PointerUse, Reason, ReturnFault, Section, Side, StackUse,
};
use crate::host::Unavailable;

/// A register as the kernel writes it in sentences.
struct R(Reg);

impl fmt::Display for R {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "R{}", self.0.index())
    }
}

/// An operator as the kernel writes it.
fn operator(op: AluOp) -> &'static str {
    match op {
        AluOp::Add => "+=",
        AluOp::Sub => "-=",
        AluOp::Mul => "*=",
        AluOp::Div | AluOp::Sdiv => "/=",
        AluOp::Or => "|=",
        AluOp::And => "&=",
        AluOp::Lsh => "<<=",
        AluOp::Rsh => ">>=",
        AluOp::Mod | AluOp::Smod => "%=",
        AluOp::Xor => "^=",
        AluOp::Arsh => "s>>=",
    }
}

/// How the kernel names a use of the stack.
fn stack_use(usage: StackUse) -> &'static str {
    match usage {
        StackUse::Direct(Direction::Read) => " read from",
        StackUse::Direct(Direction::Write) => " write to",
        StackUse::Argument => " indirect access to",
    }
}

fn indirect(usage: StackUse) -> &'static str {
    match usage {
        StackUse::Direct(_) => "",
        StackUse::Argument => " indirect",
    }
}

fn section(section: Section) -> &'static str {
    match section {
        Section::Rcu => "rcu_read_lock",
        Section::PreemptDisabled => "non-preemptible",
        Section::IrqDisabled => "IRQ-disabled",
    }
}

fn no_helper(f: &mut fmt::Formatter<'_>, id: u32, name: &str, why: Unavailable) -> fmt::Result {
    match why {
        Unavailable::Unknown => write!(f, "invalid func unknown#{id}"),
        Unavailable::WrongProgramKind => write!(f, "program of this type cannot use helper {name}#{id}"),
        Unavailable::WrongTarget => f.write_str("helper call is not allowed in probe"),
        Unavailable::NeedsGpl => {
            f.write_str("cannot call GPL-restricted function from non-GPL compatible program")
        }
        Unavailable::Because(why) => f.write_str(why),
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(written) = self.packets(f).or_else(|| self.globals(f)).or_else(|| self.objects(f)) {
            return written;
        }
        if let Some(written) = self.fields(f) {
            return written;
        }
        match self.category() {
            super::Category::Memory => self.memory(f),
            super::Category::Registers | super::Category::Lifetime => self.registers(f),
            super::Category::Calls => self.calls(f),
            super::Category::Structure
            | super::Category::Execution
            | super::Category::Policy
            | super::Category::Budget
            | super::Category::Internal => self.rest(f),
        }
    }
}

impl Reason {
    #[expect(clippy::wildcard_enum_match_arm, reason = "one function for each group of categories")]
    #[expect(clippy::too_many_lines, reason = "a table")]
    fn memory(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OutOfBounds { reg, kind, limit, offset, size, side } => {
                match kind {
                    Bounded::MapValue => {
                        write!(
                            f,
                            "invalid access to map value, value_size={limit} off={offset} size={size}"
                        )?;
                    }
                    Bounded::MapKey => {
                        write!(f, "invalid access to map key, key_size={limit} off={offset} size={size}")?;
                    }
                    Bounded::Memory => {
                        write!(f, "invalid access to memory, mem_size={limit} off={offset} size={size}")?;
                    }
                    Bounded::Context => {
                        return write!(f, "invalid bpf_context access off={offset} size={size}");
                    }
                }
                let side = match side {
                    Side::Min => "min",
                    Side::Max => "max",
                };
                write!(f, "; {} {side} value is outside of the allowed memory range", R(*reg))
            }
            Self::MinNegative { reg } => write!(
                f,
                "{} min value is negative, either use unsigned index or do a if (index >=0) check.",
                R(*reg)
            ),
            Self::InvalidMemAccess { reg, kind } | Self::NullAccess { reg, kind } => {
                write!(f, "{} invalid mem access '{kind}'", R(*reg))
            }
            Self::UnboundedAccess { reg } => {
                write!(f, "{} unbounded memory access, make sure to bounds check any such access", R(*reg))
            }
            Self::WriteToReadOnly { reg, kind } => write!(f, "{} cannot write into {kind}", R(*reg)),
            Self::ReadOfWriteOnly { reg, kind } => write!(f, "{} cannot read from {kind}", R(*reg)),
            Self::Misaligned { what, var, fixed, offset, size } => {
                write!(f, "misaligned {what}access off {var}+{fixed}+{offset} size {size}")
            }
            Self::UnboundedStack { reg, usage } => {
                write!(f, "invalid unbounded variable-offset{} stack {}", stack_use(*usage), R(*reg))
            }
            Self::StackOutOfBounds { reg, usage, offset, size } => {
                write!(f, "invalid{} stack {} off={offset} size={size}", stack_use(*usage), R(*reg))
            }
            Self::VariableStackOutOfBounds { reg, usage, var, offset, size } => write!(
                f,
                "invalid variable-offset{} stack {} var_off={var} off={offset} size={size}",
                stack_use(*usage),
                R(*reg)
            ),
            Self::UninitialisedStack { offset, at, size } => {
                write!(f, "invalid read from stack off {offset}+{at} size {size}")
            }
            Self::UninitialisedVariableStack { reg, usage, var, at, size } => write!(
                f,
                "invalid{} read from stack {} var_off {var}+{at} size {size}",
                indirect(*usage),
                R(*reg)
            ),
            Self::UninitialisedArgument { reg, offset, at, size } => {
                write!(f, "invalid indirect read from stack {} off {offset}+{at} size {size}", R(*reg))
            }
            Self::PartialFill => f.write_str("invalid size of register fill"),
            Self::PartialSpill => f.write_str("invalid size of register spill"),
            Self::CorruptsSpill => f.write_str("attempt to corrupt spilled pointer on stack"),
            Self::MapKeyWrite { reg } => write!(f, "write to change key {} not allowed", R(*reg)),
            Self::MapAccessForbidden { direction, value_size, offset, size } => {
                let what = match direction {
                    Direction::Read => "read from",
                    Direction::Write => "write into",
                };
                write!(f, "{what} map forbidden, value_size={value_size} off={offset} size={size}")
            }
            Self::SpecialFieldAccess { field } => {
                write!(f, "{field} cannot be accessed directly by load/store")
            }
            Self::InvalidContextAccess { offset, size, fault } => {
                match fault {
                    ContextFault::Forbidden => {}
                    ContextFault::NotASlot { func, offset } => {
                        write!(f, "func '{func}' offset {offset} is not multiple of 8; ")?;
                    }
                    ContextFault::NoArgument { func, number } => {
                        write!(f, "func '{func}' doesn't have {number}-th argument; ")?;
                    }
                    ContextFault::PartOfPointer { func, size } => {
                        write!(f, "func '{func}' size {size} must be 8; ")?;
                    }
                    ContextFault::Released => {
                        return write!(
                            f,
                            "invalid bpf_context access off={offset}. Reference may already be released"
                        );
                    }
                }
                write!(f, "invalid bpf_context access off={offset} size={size}")
            }
            Self::NegativeOffset { reg, kind, offset } => {
                write!(f, "negative offset {kind} ptr {} off={offset} disallowed", R(*reg))
            }
            Self::ModifiedPointer { reg, kind, offset } => {
                write!(f, "dereference of modified {kind} ptr {} off={offset} disallowed", R(*reg))
            }
            Self::VariableAccess { kind, var } => {
                write!(f, "variable {kind} access var_off={var} disallowed")
            }
            Self::ObjectAccess { owner, offset, size, fault } => match fault {
                ObjectFault::BeyondStruct => {
                    write!(f, "access beyond struct {owner} at off {offset} size {size}")
                }
                ObjectFault::NoField => write!(f, "struct {owner} doesn't have field at offset {offset}"),
                ObjectFault::BeyondMember { member, end } => write!(
                    f,
                    "access beyond the end of member {member} (mend:{end}) in struct {owner} with off {offset} size {size}"
                ),
                ObjectFault::PartOfPointer { member } => write!(
                    f,
                    "cannot access ptr member {member} with moff {offset} in struct {owner} with off {offset} size {size}"
                ),
                ObjectFault::Hidden { member } => {
                    write!(
                        f,
                        "member {member} of struct {owner} is not accessible to programs (off {offset} size {size})"
                    )
                }
            },
            Self::ObjectNegative { reg, ty, offset } => {
                write!(f, "{} is ptr_{ty} invalid negative access: off={offset}", R(*reg))
            }
            Self::ObjectVariable { reg, ty, offset, var } => {
                write!(f, "{} is ptr_{ty} invalid variable offset: off={offset}, var_off={var}", R(*reg))
            }
            Self::ObjectReadOnly { reg, ty, member_rule } => match member_rule {
                FieldAccess::ReadWrite => {
                    write!(f, "only read is supported: {} is not an exclusive pointer to {ty}", R(*reg))
                }
                FieldAccess::ReadOnly | FieldAccess::Hidden | FieldAccess::Shared => {
                    f.write_str("only read is supported")
                }
            },
            Self::DirectValueOutOfBounds { value_size, offset } => {
                write!(f, "invalid access to map value pointer, value_size={value_size} off={offset}")
            }
            Self::NoDirectValues { .. } => f.write_str("no direct value access support for this map type"),
            Self::AtomicTarget { reg, kind } => {
                write!(f, "BPF_ATOMIC stores into {} {kind} is not allowed", R(*reg))
            }
            _ => self.unnamed(f),
        }
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "one function for each group of categories")]
    fn registers(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotReadable { reg } => write!(f, "{} !read_ok", R(*reg)),
            Self::FramePointerWrite => f.write_str("frame pointer is read only"),
            Self::NullablePointerArithmetic { reg, kind } => {
                write!(f, "{} pointer arithmetic on {kind} prohibited, null-check it first", R(*reg))
            }
            Self::PointerArithmetic { reg, kind } => {
                write!(f, "{} pointer arithmetic on {kind} prohibited", R(*reg))
            }
            Self::PointerAsNumber { reg, usage } => match usage {
                PointerUse::Arithmetic => write!(f, "{} pointer arithmetic prohibited", R(*reg)),
                PointerUse::Arithmetic32 => write!(f, "{} 32-bit pointer arithmetic prohibited", R(*reg)),
                PointerUse::PartialCopy => write!(f, "{} partial copy of pointer", R(*reg)),
                PointerUse::SignExtension => write!(f, "{} sign-extension part of pointer", R(*reg)),
            },
            Self::PointerWithPointer { reg, op } => {
                write!(f, "{} pointer {} pointer prohibited", R(*reg), operator(*op))
            }
            Self::PointerFromScalar { reg } => write!(f, "{} tried to subtract pointer from scalar", R(*reg)),
            Self::StackPointerSubtraction { reg } => {
                write!(f, "{} subtraction from stack pointer prohibited", R(*reg))
            }
            Self::BitwiseOnPointer { reg, op } => {
                write!(f, "{} bitwise operator {} on pointer prohibited", R(*reg), operator(*op))
            }
            Self::PointerOperator { reg, op } => {
                write!(f, "{} pointer arithmetic with {} operator prohibited", R(*reg), operator(*op))
            }
            Self::FarOffset { kind, by } => write!(f, "math between {kind} pointer and {by} is not allowed"),
            Self::FarPointer { kind, offset } => write!(f, "{kind} pointer offset {offset} is not allowed"),
            Self::UnboundedOffset { kind } => {
                write!(f, "math between {kind} pointer and register with unbounded min value is not allowed")
            }
            Self::OffsetOutOfBounds { kind, least } => {
                write!(f, "value {least} makes {kind} pointer be out of bounds")
            }
            Self::PointerComparison { reg } => write!(f, "{} pointer comparison prohibited", R(*reg)),
            Self::AddressStored { base, into, .. } => write!(f, "{} leaks addr into {into}", R(*base)),
            Self::AddressRead { reg, ty } => write!(f, "{} leaks addr out of {ty}", R(*reg)),
            Self::AddressInAtomic { reg } => write!(f, "{} leaks addr into mem", R(*reg)),
            Self::AddressReturned => f.write_str("R0 leaks addr as return value"),
            Self::UnreleasedReference { id, at } => {
                write!(f, "Unreleased reference id={} alloc_insn={}", id.0, at.0)
            }
            Self::ReleaseAtOffset { reg } => write!(
                f,
                "{} must have zero offset when passed to release func or trusted arg to kfunc",
                R(*reg)
            ),
            Self::NotOwned { name, .. } => {
                write!(f, "release kernel function {name} expects refcounted PTR_TO_BTF_ID")
            }
            Self::AcquiresNoObject { .. } => {
                f.write_str("acquire kernel function does not return PTR_TO_BTF_ID")
            }
            Self::NotExclusive { reg, kind } => {
                write!(f, "{} must be an exclusive pointer, but it is {kind}", R(*reg))
            }
            Self::AliasedArguments { name, first, second } => {
                write!(f, "arg#{first} and arg#{second} of {name} may name the same object")
            }
            Self::SharedMemory { reg, memory } => {
                write!(f, "{} points into {memory}, which may change during the call", R(*reg))
            }
            Self::MixedPointers => f.write_str("same insn cannot be used with different pointers"),
            Self::StackPointerIntoCaller => {
                f.write_str("cannot spill pointers to stack into stack frame of the caller")
            }
            Self::ReturnsStackPointer => f.write_str("cannot return stack pointer to the caller"),
            _ => self.unnamed(f),
        }
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "one function for each group of categories")]
    fn calls(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PossiblyNull { arg, .. } => write!(f, "Possibly NULL pointer passed to trusted arg{arg}"),
            Self::NotTrusted { reg } => write!(f, "{} must be referenced or trusted", R(*reg)),
            Self::NotRcu { reg } => write!(f, "{} must be a rcu pointer", R(*reg)),
            Self::WrongObject { name, arg, reg, expected, found } => write!(
                f,
                "kernel function {name} args#{arg} expected pointer to {expected} but {} has a pointer to {found}",
                R(*reg)
            ),
            Self::NotAnObject { arg, expected, .. } => {
                write!(f, "arg#{arg} pointer type {expected} must point to scalar, or struct with scalar")
            }
            Self::FieldNotShared { reg, ty, offset } => {
                write!(
                    f,
                    "{} points to a part of {ty} that is not accessible to programs (off {offset})",
                    R(*reg)
                )
            }
            Self::NotContext { arg, kind } => write!(f, "arg#{arg} expected pointer to ctx, but got {kind}"),
            Self::NotANumber { reg } => write!(f, "{} is not a scalar", R(*reg)),
            Self::NotConstant { reg } => write!(f, "{} must be a known constant", R(*reg)),
            Self::NegativeSize { reg } => {
                write!(f, "{} min value is negative, either use unsigned or 'var &= const'", R(*reg))
            }
            Self::ZeroSize { reg, min, max } => {
                write!(f, "{} invalid zero-sized read: u64=[{min},{max}]", R(*reg))
            }
            Self::UnboundedSize { reg } => {
                write!(f, "{} unbounded memory access, use 'var &= const' or 'if (var < const)'", R(*reg))
            }
            Self::InvalidMemoryPair { mem, len, cause } => {
                write!(f, "{cause}; arg#{mem} arg#{len} memory, len pair leads to invalid memory access")
            }
            Self::WrongArgument { reg, kind, expected } => {
                write!(f, "{} type={kind} expected={expected}", R(*reg))
            }
            Self::MapShape { reg, map, wanted, found } => write!(
                f,
                "{} expects a map with key_size={} value_size={}, but {map} has key_size={} value_size={}",
                R(*reg),
                wanted.0,
                wanted.1,
                found.0,
                found.1
            ),
            Self::NotAMap { reg } => write!(f, "pointer in {} isn't map pointer", R(*reg)),
            Self::WrongMapKind { kind, name } => {
                let socket_map = [MapKind::Sockmap, MapKind::Sockhash].iter().any(|map| *map as u32 == *kind);
                if socket_map && (name.contains("map_update") || name.contains("map_delete")) {
                    f.write_str("cannot update sockmap in this context; ")?;
                }
                write!(f, "cannot pass map_type {kind} into func {name}")
            }
            Self::NotAString { arg } => write!(f, "arg#{arg} doesn't point to a const string"),
            Self::StringInWritableMap { reg } => write!(f, "{} does not point to a readonly map'", R(*reg)),
            Self::StringAtVariableOffset { reg } => write!(f, "{} is not a constant address'", R(*reg)),
            Self::StringWithoutEnd { .. } => f.write_str("string is not zero-terminated"),
            Self::TooManyArguments { name, args, limit } => {
                write!(f, "Function {name} has {args} > {limit} args")
            }
            Self::ResultTooLarge { name } => write!(f, "{name} rdonly/rdwr_buf_size exceeds u32 max"),
            Self::KfuncUnavailable { id, name, unavailable } => match unavailable {
                Unavailable::Unknown => write!(f, "kernel btf_id {} is not a function", id.0),
                Unavailable::WrongProgramKind | Unavailable::WrongTarget => {
                    write!(f, "calling kernel function {name} is not allowed")
                }
                Unavailable::NeedsGpl => {
                    f.write_str("cannot call kernel function from non-GPL compatible program")
                }
                Unavailable::Because(why) => f.write_str(why),
            },
            Self::HelperUnavailable { id, name, unavailable } => no_helper(f, id.0, name, *unavailable),
            Self::NotAFunction { arg } => write!(f, "arg{arg} expected pointer to func"),
            Self::ReturnValue { fault, min, max } | Self::CallbackReturn { fault, min, max } => match fault {
                ReturnFault::NotANumber { kind } => {
                    write!(f, "{} the register R0 is not a known value ({kind})", self.leaving())
                }
                ReturnFault::Range { smin, smax } => {
                    write!(f, "{} the register R0 has", self.leaving())?;
                    if *smin > i64::MIN {
                        write!(f, " smin={smin}")?;
                    }
                    if *smax < i64::MAX {
                        write!(f, " smax={smax}")?;
                    }
                    if *smin == i64::MIN && *smax == i64::MAX {
                        f.write_str(" unknown scalar value")?;
                    }
                    write!(f, " should have been in [{min}, {max}]")
                }
            },
            _ => self.unnamed(f),
        }
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "one function for each group of categories")]
    fn rest(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::EmptyProgram => f.write_str("program has no instructions"),
            Self::JumpOutOfRange { from, to } => match to {
                Some(to) => write!(f, "jump out of range from insn {} to {}", from.0, to.0),
                None => write!(f, "jump out of range from insn {}", from.0),
            },
            Self::JumpIntoWideLoad { to } => {
                write!(f, "jump into the middle of ldimm64 insn {}", to.0.saturating_sub(1))
            }
            Self::HalfWideLoad => f.write_str("invalid bpf_ld_imm64 insn"),
            Self::CallOutOfRange { .. } => f.write_str("call to invalid destination"),
            Self::CallbackToEntry => f.write_str("callback function not static"),
            Self::FallsThrough { .. } => f.write_str("last insn is not an exit or jmp"),
            Self::UnreachableInsn { at } => write!(f, "unreachable insn {}", at.0),
            Self::IndirectCall => f.write_str("BPF_CALL uses reserved fields"),
            Self::CallTooDeep { frames } => write!(f, "the call stack of {frames} frames is too deep !"),
            Self::StackTooLarge { calls, bytes } => {
                write!(f, "combined stack size of {calls} calls is {bytes}. Too large")
            }
            Self::DivisionByZero => f.write_str("div by zero"),
            Self::InvalidShift { imm } => write!(f, "invalid shift {imm}"),
            Self::InfiniteLoop { at } => write!(f, "infinite loop detected at insn {}", at.0),
            Self::UnknownMap { map } => write!(f, "invalid map index {}", map.0),
            Self::UnlinkedMap { fd } => write!(f, "fd {fd} is not pointing to valid bpf_map"),
            Self::UnknownType { ty } => write!(f, "{ty:?} is not a type of the host"),
            Self::NotAStruct { ty } => write!(f, "{ty:?} is not a struct"),
            Self::SleepsInAtomicProgram { name } => {
                write!(f, "program must be sleepable to call sleepable kfunc {name}")
            }
            Self::SleepsInSection { name, section: inside } => {
                write!(f, "kernel func {name} is sleepable within {} region", section(*inside))
            }
            Self::NeedsRcuSection { name } => {
                write!(f, "kernel func {name} requires RCU critical section protection")
            }
            Self::NestedRcuSection { name } => write!(f, "nested rcu read lock (kernel function {name})"),
            Self::UnmatchedLeave { name, section } => match section {
                Section::Rcu => write!(f, "unmatched rcu read unlock (kernel function {name})"),
                Section::PreemptDisabled => {
                    write!(f, "unmatched attempt to enable preemption (kernel function {name})")
                }
                Section::IrqDisabled => {
                    write!(f, "unmatched attempt to enable interrupts (kernel function {name})")
                }
            },
            Self::SectionNotLeft { section, depth } => match section {
                Section::Rcu => f.write_str("bpf_rcu_read_unlock is missing"),
                Section::PreemptDisabled => {
                    let plural = if *depth == 1 { " is" } else { "(s) are" };
                    write!(f, "{depth} bpf_preempt_enable{plural} missing")
                }
                Section::IrqDisabled => f.write_str(
                    "BPF_EXIT instruction in main prog cannot be used inside bpf_local_irq_save-ed region",
                ),
            },
            Self::UnknownEntry { what } => write!(f, "attach to unsupported {what}"),
            Self::LegacyPacketLoad => {
                f.write_str("BPF_LD_[ABS|IND] instructions not allowed for this program type")
            }
            Self::Unsupported { what } => write!(f, "{what} are not supported"),
            Self::TooManySlots { slots, limit } => {
                write!(f, "program has {slots} instructions, at most {limit} are allowed")
            }
            Self::TooManySubprogs { .. } => f.write_str("too many subprograms"),
            Self::TooComplex { processed } => {
                write!(f, "BPF program is too large. Processed {processed} insn")
            }
            Self::TooManyBranches { limit } => {
                write!(f, "The sequence of {limit} jumps is too complex.")
            }
            Self::Internal { what } => write!(f, "verifier internal error: {what}"),
            _ => self.unnamed(f),
        }
    }

    /// Special fields.
    #[expect(clippy::wildcard_enum_match_arm, reason = "the others are written elsewhere")]
    fn fields(&self, f: &mut fmt::Formatter<'_>) -> Option<fmt::Result> {
        Some(match self {
            Self::Field { reg, fault } => fault.write(*reg, f),
            Self::Lock { fault } => write!(f, "{fault}"),
            Self::Exception { fault } => write!(f, "{fault}"),
            Self::Kptr { fault } => write!(f, "{fault}"),
            Self::Graph { fault } => write!(f, "{fault}"),
            _ => return None,
        })
    }

    /// What is left.
    fn leaving(&self) -> &'static str {
        if matches!(self, Self::CallbackReturn { .. }) { "At callback return" } else { "At program exit" }
    }

    /// A cause whose text stands in another group; only a mistake in this file leads here.
    fn unnamed(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
