//! [`Reason`]: every cause of a rejection in one table: fields, code, category, errno, advice.

use opswap_bpf::insn::{AluOp, Reg};
use opswap_bpf::proto::{FieldAccess, IrqClass};
use opswap_bpf::{HelperId, InsnIdx, KfuncId, MapId, RefId, SubprogId, TypeRef};

use super::cause::Cause;
use super::{
    Bounded, Category, ContextFault, Direction, ExceptionFault, FieldFault, GraphFault, KptrFault, LockFault,
    Misplaced, ObjectFault, OnStack, PointerUse, PrototypeFault, ReturnFault, Section, Side, StackUse,
};
use crate::host::Unavailable;

macro_rules! reasons {
    ($(
        #[doc = $doc:literal]
        $name:ident $({ $($field:ident : $ty:ty),* $(,)? })? = $category:ident $number:literal $errno:ident $hint:literal;
    )*) => {
        /// Why an instruction could not be proved safe. `Display` writes the classic one-line text.
        #[derive(Clone, PartialEq, Debug)]
        #[non_exhaustive]
        #[expect(missing_docs, reason = "fields are named after what they hold")]
        pub enum Reason {
            $( #[doc = $doc] $name $({ $($field: $ty),* })?, )*
        }

        impl Reason {
            /// What kind of safety is at stake.
            pub const fn category(&self) -> Category {
                match self { $( Self::$name { .. } => Category::$category, )* }
            }

            /// Its number within the category.
            const fn number(&self) -> u16 {
                match self { $( Self::$name { .. } => $number, )* }
            }

            /// Name of the error number that Linux's `bpf()` fails with.
            pub const fn errno(&self) -> &'static str {
                match self { $( Self::$name { .. } => stringify!($errno), )* }
            }

            /// What is wrong, in a few words.
            pub const fn title(&self) -> &'static str {
                match self { $( Self::$name { .. } => $doc.trim_ascii(), )* }
            }

            /// What to do about it.
            pub const fn hint(&self) -> &'static str {
                match self { $( Self::$name { .. } => $hint, )* }
            }

            /// Name of the cause, for machines and tests.
            pub const fn name(&self) -> &'static str {
                match self { $( Self::$name { .. } => stringify!($name), )* }
            }
        }

        /// Every cause, in no particular order.
        pub const CAUSES: &[Cause] = &[
            $( Cause {
                name: stringify!($name),
                category: Category::$category,
                number: $number,
                errno: stringify!($errno),
                title: $doc.trim_ascii(),
                hint: $hint,
            }, )*
        ];
    };
}

impl Reason {
    /// The stable code (`OSW0103`).
    pub fn code(&self) -> String {
        self.category().code(self.number())
    }
}

reasons! {
    // Memory.
    /// The access may lie outside the memory that the pointer points to
    OutOfBounds { reg: Reg, kind: Bounded, limit: u32, offset: i64, size: u32, side: Side } = Memory 1 EACCES
        "compare the index with the size on every path before the access";
    /// The offset may be negative
    MinNegative { reg: Reg } = Memory 2 EACCES
        "use an unsigned index, or test that it is not negative before the access";
    /// The register does not hold memory that may be accessed
    InvalidMemAccess { reg: Reg, kind: String } = Memory 3 EACCES
        "access memory only through pointers, and compare those that may be NULL with NULL first";
    /// A pointer that may be NULL is followed
    NullAccess { reg: Reg, kind: String } = Memory 31 EACCES
        "compare the pointer with NULL first, and follow it only where it is not";
    /// Nothing bounds the offset of the access
    UnboundedAccess { reg: Reg } = Memory 4 EACCES
        "bound the offset: compare it with a constant, or mask it";
    /// The memory may only be read
    WriteToReadOnly { reg: Reg, kind: String } = Memory 5 EACCES
        "copy what must change to the stack or into a map";
    /// The memory may only be written
    ReadOfWriteOnly { reg: Reg, kind: String } = Memory 6 EACCES
        "keep a copy of what you wrote";
    /// An address that is not a multiple of the size
    Misaligned { what: &'static str, var: String, fixed: i32, offset: i16, size: u32 } = Memory 7 EACCES
        "align the access to its size";
    /// A stack offset that nothing bounds
    UnboundedStack { reg: Reg, usage: StackUse } = Memory 8 EACCES
        "bound the index into the array on the stack";
    /// The access lies outside the stack frame
    StackOutOfBounds { reg: Reg, usage: StackUse, offset: i64, size: u32 } = Memory 9 EACCES
        "a frame has 512 bytes below the frame pointer (R10)";
    /// Possibly outside the stack frame
    VariableStackOutOfBounds { reg: Reg, usage: StackUse, var: String, offset: i64, size: u32 } = Memory 10 EACCES
        "bound the index into the array on the stack";
    /// The stack is read where it was not written
    UninitialisedStack { offset: i64, at: i64, size: u32 } = Memory 11 EACCES
        "initialise the variable on every path before it is read";
    /// Stack that was not written, at a variable offset
    UninitialisedVariableStack { reg: Reg, usage: StackUse, var: String, at: i64, size: u32 } = Memory 12 EACCES
        "initialise the whole array before it is indexed";
    /// Stack that was not written, handed to a call
    UninitialisedArgument { reg: Reg, offset: i64, at: i64, size: u32 } = Memory 13 EACCES
        "initialise all of the buffer, padding included, before the call";
    /// Part of a spilled pointer is read
    PartialFill = Memory 14 EACCES
        "read a pointer with a load of 8 bytes";
    /// Part of a pointer is spilled
    PartialSpill = Memory 15 EACCES
        "store a pointer with a store of 8 bytes at a multiple of 8";
    /// Part of a spilled pointer is overwritten
    CorruptsSpill = Memory 16 EACCES
        "overwrite a stored pointer only as a whole";
    /// Keys are read-only
    MapKeyWrite { reg: Reg } = Memory 17 EACCES
        "copy the key to the stack before changing it";
    /// The map's flags forbid the access
    MapAccessForbidden { direction: Direction, value_size: u32, offset: i64, size: u32 } = Memory 18 EACCES
        "use another map, or create this one without `BPF_F_RDONLY_PROG` or `BPF_F_WRONLY_PROG`";
    /// A field with a meaning of its own
    SpecialFieldAccess { field: &'static str } = Memory 19 EACCES
        "use the functions that were made for the field";
    /// Not a legal part of the context
    InvalidContextAccess { offset: i64, size: u32, fault: ContextFault } = Memory 20 EACCES
        "read context arguments and fields whole, at their own offset";
    /// A pointer that must not be moved has a negative offset
    NegativeOffset { reg: Reg, kind: String, offset: i32 } = Memory 21 EACCES
        "pass or follow the pointer as it was given";
    /// A pointer that must not be moved was moved
    ModifiedPointer { reg: Reg, kind: String, offset: i32 } = Memory 22 EACCES
        "pass or follow the pointer as it was given";
    /// A pointer that must not be moved has a variable offset
    VariableAccess { kind: String, var: String } = Memory 23 EACCES
        "use a constant offset";
    /// No legal part of a host object
    ObjectAccess { owner: String, offset: u32, size: u32, fault: ObjectFault } = Memory 24 EACCES
        "compile the program against the header of this host";
    /// A host object at a negative offset
    ObjectNegative { reg: Reg, ty: String, offset: i64 } = Memory 25 EACCES
        "access fields by their names";
    /// A host object at a variable offset
    ObjectVariable { reg: Reg, ty: String, offset: i64, var: String } = Memory 26 EACCES
        "access fields by their names";
    /// The field may not be written through this pointer
    ObjectReadOnly { reg: Reg, ty: String, member_rule: FieldAccess } = Memory 27 EACCES
        "plain fields are written only through an exclusive (`&mut`) argument; others through the host's functions";
    /// The constant offset lies outside the value
    DirectValueOutOfBounds { value_size: u32, offset: u32 } = Memory 28 EINVAL
        "the offset of the variable must lie within its section";
    /// A map without addressable values
    NoDirectValues { map: String } = Memory 29 EINVAL
        "look the value up with a helper";
    /// Atomic access to memory that has none
    AtomicTarget { reg: Reg, kind: String } = Memory 30 EACCES
        "use atomic operations on map values, shared fields or the stack";

    // Registers.
    /// The register has no value on this path
    NotReadable { reg: Reg } = Registers 1 EACCES
        "give the register a value on every path that comes here; calls clear R1 to R5";
    /// `R10` is read-only
    FramePointerWrite = Registers 2 EACCES
        "copy R10 to another register and change that";
    /// Arithmetic on a pointer that may be NULL
    NullablePointerArithmetic { reg: Reg, kind: String } = Registers 3 EACCES
        "compare the pointer with NULL before moving it";
    /// A pointer that cannot be moved
    PointerArithmetic { reg: Reg, kind: String } = Registers 4 EACCES
        "use the pointer as it was given";
    /// An operation that only numbers have
    PointerAsNumber { reg: Reg, usage: PointerUse } = Registers 5 EACCES
        "programs must not compute with addresses";
    /// Arithmetic on two pointers
    PointerWithPointer { reg: Reg, op: AluOp } = Registers 6 EACCES
        "programs must not compute with addresses";
    /// A number minus a pointer
    PointerFromScalar { reg: Reg } = Registers 7 EACCES
        "programs must not compute with addresses";
    /// The frame pointer minus something
    StackPointerSubtraction { reg: Reg } = Registers 8 EACCES
        "add a negative number instead";
    /// A bitwise operation on a pointer
    BitwiseOnPointer { reg: Reg, op: AluOp } = Registers 9 EACCES
        "mask the index instead of the address";
    /// Another operation on a pointer
    PointerOperator { reg: Reg, op: AluOp } = Registers 10 EACCES
        "programs must not compute with addresses";
    /// A constant that moves a pointer too far
    FarOffset { kind: String, by: i64 } = Registers 11 EACCES
        "pointers may be moved by less than 2^29";
    /// A pointer that is too far from its origin
    FarPointer { kind: String, offset: i64 } = Registers 12 EACCES
        "pointers may be moved by less than 2^29";
    /// A number without a lower bound moves a pointer
    UnboundedOffset { kind: String } = Registers 13 EACCES
        "bound the index from below before adding it: use an unsigned type or test it";
    /// A number with a far bound moves a pointer
    OffsetOutOfBounds { kind: String, least: i64 } = Registers 14 EACCES
        "bound the index before adding it";
    /// A comparison that would tell something of an address
    PointerComparison { reg: Reg } = Registers 15 EACCES
        "compare pointers only for equality, with each other or with NULL";
    /// An address is stored where others read it
    AddressStored { base: Reg, into: &'static str, what: String } = Registers 16 EACCES
        "store a number that stands for the object instead";
    /// A field that holds an address is read as a number
    AddressRead { reg: Reg, ty: String } = Registers 17 EACCES
        "read another field, or let a function of the host tell what you need";
    /// An address takes part in an atomic operation
    AddressInAtomic { reg: Reg } = Registers 18 EACCES
        "use atomic operations on numbers only";
    /// An address is returned as a number
    AddressReturned = Registers 19 EACCES
        "return a number";

    // Lifetime.
    /// A reference is still owned when the program ends
    UnreleasedReference { id: RefId, at: InsnIdx } = Lifetime 1 EINVAL
        "release or hand over the reference on every path before the program ends";
    /// The reference is released through a pointer into the object
    ReleaseAtOffset { reg: Reg } = Lifetime 2 EINVAL
        "pass the pointer as it was acquired";
    /// The argument is not a reference that the program owns
    NotOwned { name: String, reg: Reg } = Lifetime 3 EINVAL
        "pass a reference that the program acquired and has not released";
    /// The callee hands out what nobody can own
    AcquiresNoObject { name: String } = Lifetime 46 EINVAL
        "a mistake of the host: declare the function to return a pointer to a struct, or without `acquire`";
    /// The callee takes the object as `&mut`, but the program does not hold it exclusively
    NotExclusive { reg: Reg, kind: String } = Lifetime 4 EINVAL
        "only a `&mut` argument of the operation, or a part of it, may be passed as `&mut`";
    /// Two arguments of one call name the same object
    AliasedArguments { name: String, first: usize, second: usize } = Lifetime 5 EINVAL
        "an object that is passed as `&mut` or given away must appear once in the call; copy what else you need first";
    /// A pointer into the caller's frame that outlives its target
    StackPointerIntoCaller = Lifetime 6 EINVAL
        "the callee's stack ends with the call: write the data itself through the caller's pointer";
    /// A pointer to the callee's stack is returned
    ReturnsStackPointer = Lifetime 7 EINVAL
        "the callee's stack ends with the call: let the caller pass a buffer";

    // Calls.
    /// The argument may be NULL, and the callee does not expect that
    PossiblyNull { arg: usize, reg: Reg } = Calls 1 EACCES
        "compare the pointer with NULL before the call";
    /// The argument is an untrusted pointer, and the callee needs a trusted one
    NotTrusted { reg: Reg } = Calls 2 EINVAL
        "pass a pointer that the host gave as trusted, or one that the program owns";
    /// Neither trusted nor protected by RCU
    NotRcu { reg: Reg } = Calls 3 EINVAL
        "pass the pointer inside the RCU section in which it was read";
    /// The argument points to another type than the callee takes
    WrongObject { name: String, arg: usize, reg: Reg, expected: String, found: String } = Calls 4 EINVAL
        "pass an object of the type that the callee declares";
    /// The argument is no pointer to a host object
    NotAnObject { arg: usize, reg: Reg, expected: String, kind: String } = Calls 5 EINVAL
        "pass a pointer to an object that the host gave";
    /// A part of an object that the host keeps to itself
    FieldNotShared { reg: Reg, ty: String, offset: i64 } = Calls 6 EINVAL
        "pass the object itself, or a part that the host shares";
    /// Not the program's context
    NotContext { arg: usize, kind: String } = Calls 7 EINVAL
        "pass the pointer that the program was given in R1";
    /// Not a number
    NotANumber { reg: Reg } = Calls 8 EINVAL
        "pass a number";
    /// Not a known number
    NotConstant { reg: Reg } = Calls 9 EINVAL
        "pass a constant that is the same on every path";
    /// A size that may be negative
    NegativeSize { reg: Reg } = Calls 10 EACCES
        "use an unsigned size, or mask it with a constant";
    /// A size that may be 0
    ZeroSize { reg: Reg, min: u64, max: u64 } = Calls 11 EACCES
        "test that the size is not 0 before the call";
    /// A size without an upper bound
    UnboundedSize { reg: Reg } = Calls 12 EACCES
        "compare the size with that of the buffer, or mask it";
    /// A buffer that is not as large as its size says
    InvalidMemoryPair { mem: usize, len: usize, cause: Box<Reason> } = Calls 13 EACCES
        "the size must not exceed the buffer's";
    /// Another kind of value than the callee's
    WrongArgument { reg: Reg, kind: String, expected: &'static str } = Calls 14 EACCES
        "pass what the callee's declaration says";
    /// A map of another shape
    MapShape { reg: Reg, map: String, wanted: (u32, u32), found: (u32, u32) } = Calls 15 EINVAL
        "pass a map with the key and value sizes that the callee declares";
    /// Not a map
    NotAMap { reg: Reg } = Calls 16 EINVAL
        "pass the map itself, by its name";
    /// A kind of map that the callee does not serve
    WrongMapKind { kind: u32, name: String } = Calls 17 EINVAL
        "use a map of a kind that the function works on";
    /// Not a constant string
    NotAString { arg: usize } = Calls 18 EINVAL
        "pass a string literal";
    /// A string that may change
    StringInWritableMap { reg: Reg } = Calls 19 EACCES
        "pass a string literal";
    /// A string at an unknown place
    StringAtVariableOffset { reg: Reg } = Calls 20 EACCES
        "pass a string literal";
    /// A string without its terminating 0
    StringWithoutEnd { reg: Reg } = Calls 21 EINVAL
        "pass a string that ends with a 0";
    /// More arguments than registers
    TooManyArguments { name: String, args: usize, limit: usize } = Calls 22 EINVAL
        "a mistake of the host: functions for programs have five arguments at most";
    /// A size of the result that does not fit
    ResultTooLarge { name: String } = Calls 23 EINVAL
        "ask for less";
    /// No kfunc, or not for this program
    KfuncUnavailable { id: KfuncId, name: String, unavailable: Unavailable } = Calls 24 EACCES
        "register the function for this kind of program";
    /// No helper, or not for this program
    HelperUnavailable { id: HelperId, name: String, unavailable: Unavailable } = Calls 25 EINVAL
        "use a function that this host offers";
    /// The program's result breaks its contract
    ReturnValue { fault: ReturnFault, min: i64, max: i64 } = Calls 26 EINVAL
        "return what the operation declares on every path";

    /// The callee would hold a reference into memory that other threads may change meanwhile
    SharedMemory { reg: Reg, memory: String } = Lifetime 8 EACCES
        "other threads may change the value during the call: copy it to the stack first";

    /// The argument is not the address of a subprogram
    NotAFunction { arg: usize } = Calls 27 EINVAL
        "pass a static subprogram of the program";
    /// A callback returns something else than the caller understands
    CallbackReturn { fault: ReturnFault, min: i64, max: i64 } = Calls 28 EINVAL
        "return 0 to go on, or 1 to stop";

    // Structure.
    /// One instruction follows pointers that are followed differently
    MixedPointers = Registers 20 EINVAL
        "let each path read through an instruction of its own";
    /// No instruction at all
    EmptyProgram = Structure 1 EINVAL
        "a program has at least an `exit`";
    /// A jump out of its subprogram
    JumpOutOfRange { from: InsnIdx, to: Option<InsnIdx> } = Structure 2 EINVAL
        "jumps stay within their subprogram";
    /// A jump to the second half of an instruction
    JumpIntoWideLoad { to: InsnIdx } = Structure 3 EINVAL
        "a 64-bit immediate load takes two slots; jump to the first";
    /// Half an instruction
    HalfWideLoad = Structure 4 EINVAL
        "a 64-bit immediate load takes two slots";
    /// A call or address outside the program
    CallOutOfRange { offset: i32 } = Structure 5 EINVAL
        "calls go to the beginning of a subprogram";
    /// The entry as a callback
    CallbackToEntry = Structure 6 EINVAL
        "pass a static subprogram as callback";
    /// A subprogram that does not end
    FallsThrough { at: InsnIdx } = Structure 7 EINVAL
        "end every subprogram with `exit` or a jump";
    /// Nothing reaches the instruction
    UnreachableInsn { at: InsnIdx } = Structure 8 EINVAL
        "remove the instruction";
    /// A call through a register
    IndirectCall = Structure 9 EINVAL
        "call functions by name";
    /// Deeper calls than allowed
    CallTooDeep { frames: usize } = Structure 10 E2BIG
        "inline some of the functions; recursion is not allowed";
    /// More stack than there is
    StackTooLarge { calls: usize, bytes: u32 } = Structure 11 EACCES
        "all frames of a call chain share 512 bytes: move large buffers into a map";
    /// A division by a constant 0
    DivisionByZero = Structure 12 EINVAL
        "divide by something else";
    /// A shift by the width or more
    InvalidShift { imm: i32 } = Structure 13 EINVAL
        "shift by less than the width";
    /// A path comes back to where it was with nothing changed
    InfiniteLoop { at: InsnIdx } = Structure 14 EINVAL
        "let every round of the loop bring its end nearer";
    /// A map that the program's table does not have
    UnknownMap { map: MapId } = Structure 15 EINVAL
        "load the program with an object loader";
    /// A map by file descriptor
    UnlinkedMap { fd: i32 } = Structure 16 EINVAL
        "load the program with an object loader";
    /// A type that the host does not have
    UnknownType { ty: TypeRef } = Structure 17 EINVAL
        "a mistake of the host: declare the function with a struct that the host's BTF has";
    /// Fields of something that has none
    NotAStruct { ty: TypeRef } = Structure 18 EINVAL
        "a mistake of the host: declare the function with a struct that the host's BTF has";

    // Execution context.
    /// A sleeping call in a program that may not sleep
    SleepsInAtomicProgram { name: String } = Execution 1 EACCES
        "make the operation sleepable, or call a function that does not sleep";
    /// A sleeping call inside a section that forbids it
    SleepsInSection { name: String, section: Section } = Execution 2 EACCES
        "leave the section before the call";
    /// The call needs an RCU section
    NeedsRcuSection { name: String } = Execution 3 EACCES
        "enter an RCU read-side section before the call";
    /// RCU sections do not nest
    NestedRcuSection { name: String } = Execution 4 EINVAL
        "enter the section once";
    /// A section is left that was not entered
    UnmatchedLeave { name: String, section: Section } = Execution 5 EINVAL
        "enter the section first, on every path";
    /// A section is not left
    SectionNotLeft { section: Section, depth: u8 } = Execution 6 EINVAL
        "leave the section on every path before the program ends";

    // Policy.
    /// The host has no such entry point
    UnknownEntry { what: String } = Policy 1 EINVAL
        "attach the program to something that this host offers";
    /// The host refuses the entry point
    NoEntry { why: String } = Policy 60 EINVAL
        "attach the program to something else";
    /// Legacy packet loads
    LegacyPacketLoad = Policy 2 EINVAL
        "read the packet through the context";
    /// Known, but not supported
    Unsupported { what: &'static str } = Policy 3 EOPNOTSUPP
        "this version of opswap cannot prove it; do without";

    // Budget.
    /// Too many slots
    TooManySlots { slots: usize, limit: u32 } = Budget 1 E2BIG
        "split the program";
    /// Too many subprograms
    TooManySubprogs { limit: u32 } = Budget 2 E2BIG
        "inline some of the functions";
    /// The walk takes too long
    TooComplex { processed: u32 } = Budget 3 E2BIG
        "bound loops with smaller constants, or move their bodies into callbacks";
    /// Too many branches wait
    TooManyBranches { limit: u32 } = Budget 4 E2BIG
        "merge branches, or move parts into global functions";

    /// Bytes that the packet is not known to have
    OutsidePacket { reg: Reg, at: i64, size: u32, id: u32, offset: i32, range: u16 } = Memory 40 EACCES
        "compare the end of the access with the packet's end before it";
    /// The packet is read-only to programs of this kind
    PacketWrite = Memory 41 EACCES
        "only programs that may change packets can write them";
    /// A call that does not take packet memory was given some
    PacketArgument { reg: Reg } = Calls 40 EACCES
        "copy the bytes to the stack first";
    /// Not a field of the record, or not as a whole
    InvalidRecordAccess { reg: Reg, name: &'static str, offset: i64, size: u32 } = Memory 42 EACCES
        "read a field of the record in its own size";
    /// A legacy packet load needs the context in R6
    LegacyLoadWithoutContext = Policy 40 EINVAL
        "keep the context in R6";
    /// A program with a licence that is not compatible with the GPL calls a function that asks for one
    CallNeedsGpl { name: String } = Policy 41 EINVAL
        "declare a GPL-compatible licence";
    /// A legacy packet load in a function that returns nothing
    LegacyLoadInVoid = Policy 42 EINVAL
        "let the function return a number: a load that fails returns 0 from it";
    /// A helper that releases was given a pointer without a reference
    NotReferenced { reg: Reg } = Lifetime 41 EINVAL
        "release only what an acquiring call returned, once";
    /// A legacy packet load would end the program with a reference held
    LegacyLoadLeaks { id: RefId, at: InsnIdx } = Lifetime 42 EINVAL
        "release every reference before the load";
    /// A flag argument has a value that the helper does not know
    IllegalFlags { name: String, arg: usize } = Calls 41 EINVAL
        "pass 0";
    /// The program may not come back from a tail call
    TailCallLeaks { id: RefId, at: InsnIdx } = Lifetime 40 EINVAL
        "release every reference before the tail call";
    /// Nobody writes to the map itself
    MapObjectWrite { ty: String } = Memory 60 EACCES
        "look the value up, and write to that";
    /// In front of the map
    MapObjectNegative { reg: Reg, ty: String, offset: i64 } = Memory 61 EACCES
        "read a member of the map's struct";
    /// A pointer that should point to a lock, timer or another special field does not
    Field { reg: Reg, fault: FieldFault } = Calls 70 EINVAL
        "pass the address of the field in a map's value, at its own offset";
    /// A lock is taken, held or given back in a way that is not allowed
    Lock { fault: LockFault } = Execution 70 EINVAL
        "hold one lock at a time, call nothing else meanwhile, and give it back on every path";
    /// An exception is thrown, or its callback declared, in a way that is not allowed
    Exception { fault: ExceptionFault } = Execution 71 EINVAL
        "throw where nothing is held: no reference, lock or section, and not in a callback";
    /// An allocated object, a list or a tree is used in a way that is not allowed
    Graph { fault: GraphFault } = Lifetime 70 EINVAL
        "own what you put into a list, hold its lock, and release what you take out";
    /// A kptr is loaded, stored or exchanged in a way that is not allowed
    Kptr { fault: KptrFault } = Memory 70 EACCES
        "load kptrs whole; change those that own with `bpf_kptr_xchg`";
    // Global functions.
    /// A call breaks the contract that the prototype of a global function is
    GlobalCall { function: SubprogId, name: String, cause: Box<Reason> } = Calls 60 EINVAL
        "pass what the prototype says; a static function is verified with what its caller passes";
    /// The prototype of a global function says too little of it
    GlobalPrototype { called: Option<SubprogId>, name: String, fault: PrototypeFault } = Calls 61 EINVAL
        "global functions take numbers and pointers to whole types, and return a number; make the function static";
    /// A global function returns something else than a number
    GlobalReturn { kind: String } = Calls 62 EINVAL
        "return a number, or make the function static";
    /// A global function takes the context, from which it may borrow what another argument hangs on
    GlobalAliasesContext { name: String, arg: usize } = Lifetime 60 EINVAL
        "pass the context alone: the function takes from it what it needs; or make the function static";
    /// Memory that a global function was given counts as shared: its callers may pass a map's value
    GlobalSharedMemory { reg: Reg, name: String } = Lifetime 61 EACCES
        "copy it to the stack first, or make the function static";
    /// A global function that may sleep is called where nothing may
    GlobalSleeps { name: String } = Execution 60 EACCES
        "leave the section before the call, or make the program sleepable";

    // Objects on the stack.
    /// The callee takes an object on the program's stack, and the argument does not point there
    NotOnStack { arg: usize, what: OnStack } = Calls 50 EINVAL
        "pass the address of a local variable of the object's type";
    /// No such object was constructed there, or it has ended
    NotInitialised { arg: usize, what: OnStack, fault: Misplaced } = Calls 51 EINVAL
        "construct the object on every path before it is used, and do not write over it";
    /// There is such an object already, or no room for one
    AlreadyInitialised { arg: usize, what: OnStack, fault: Misplaced } = Calls 52 EINVAL
        "use a local variable of its own for each object, and end one before the next begins there";
    /// A dynptr of the host cannot be changed
    ConstDynptrChanged = Calls 53 EINVAL
        "clone the dynptr to the stack and change the clone";
    /// Memory that a dynptr cannot be made of
    DynptrOverWrongMemory { kind: String, name: String } = Calls 54 EACCES
        "make dynptrs of values of maps";
    /// The slice could be written, but programs of this kind must not write packets
    WritableSliceRefused = Calls 55 EINVAL
        "take a read-only slice";
    /// Interrupts are restored by other functions than those that disabled them
    IrqOfOtherFunctions { saved: IrqClass, used: IrqClass } = Calls 56 EINVAL
        "restore what a lock saved by its unlock function, and the other way round";
    /// The dynptr does not own what it reaches
    DynptrNotOwned { number: usize } = Lifetime 50 EINVAL
        "submit or discard each reserved dynptr once";
    /// The host owns what the dynptr reaches
    ConstDynptrReleased = Lifetime 51 EINVAL
        "release only what the program reserved";
    /// A dynptr that must be released is overwritten
    OverwritesDynptr = Lifetime 52 EINVAL
        "submit or discard what the dynptr reserved before its place is used again";
    /// Interrupt states are restored in another order than they were saved
    IrqOutOfOrder { id: RefId, at: InsnIdx } = Lifetime 53 EACCES
        "restore first what was saved last";
    /// A callee would write over a dynptr
    WritesDynptr { offset: i64 } = Memory 50 EACCES
        "pass a buffer that does not overlap with the dynptr";
    /// The RCU read-side section in which the iterator was made has been left
    IteratorWithoutRcu { name: String } = Execution 50 EPROTO
        "make, use and destroy the iterator within one RCU read-side section";

    // Internal.
    /// A bug in opswap or in a host's contract
    Internal { what: &'static str } = Internal 1 EFAULT
        "please report it";
}
