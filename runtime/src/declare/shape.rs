//! [`ArgShape`] and [`RetShape`]: what a Rust type means in a signature. Constants of the traits on the type, never of its spelling.

use super::type_expr::{IntForm, TypeExpr};

/// What an argument is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[repr(u8)]
pub enum ArgForm {
    /// A number of `bytes` bytes.
    Scalar = 0,
    /// A number whose legal values are listed.
    Checked = 1,
    /// A known constant of `bytes` bytes.
    Constant = 2,
    /// A pointer to a host object of type `ty`.
    Object = 3,
    /// A pointer to a kptr of type `ty` inside a map value.
    KptrSlot = 4,
    /// A pointer to `bytes` bytes of plain memory.
    Memory = 5,
    /// A pointer and, in the next register, how many bytes lie behind it.
    Slice = 6,
    /// A constant string.
    Str = 7,
    /// A map with keys of `bytes` and values of `bytes2` bytes; 0 and 0 for any map.
    Map = 8,
    /// A dynptr.
    Dynptr = 9,
    /// An iterator's state.
    Iter = 10,
    /// A subprogram with the arguments in `callback`.
    Callback = 11,
    /// Filled in by the runtime; takes no register.
    Implicit = 12,
    /// Not looked at.
    Ignored = 13,
    /// A raw pointer to a described type: an object, or memory where the type holds plain numbers only.
    Raw = 14,
    /// A saved interrupt flag.
    IrqFlag = 15,
    /// A special field of the kernel type in `ty`, inside a map value or an allocated object.
    Field = 16,
    /// An allocated object that the call takes (`__alloc`).
    Allocated = 17,
    /// An object with a reference count of its own (`__refcounted_kptr`).
    Refcounted = 18,
    /// The calling program: programs pass anything, the runtime fills it in (`__prog`).
    Caller = 19,
    /// A struct of `bytes` bytes by value (operations only).
    Value = 20,
    /// A reference to a `ty` that a raw function takes.
    RawOwned = 21,
    /// The same, and C sees a `void *`: destructors, as the kernel has them.
    RawErased = 22,
    /// A raw pointer to memory of which nothing tells the size: no call can pass one.
    Unsized = 23,
}

/// What a pointer to a host object must be.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[repr(u8)]
pub enum DemandDecl {
    /// Valid for the whole call.
    Trusted = 0,
    /// Valid, or protected by RCU.
    Rcu = 1,
    /// The only way to the object.
    Exclusive = 2,
    /// A reference that the call consumes.
    Owned = 3,
}

/// May it be NULL?
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[repr(u8)]
pub enum NullDecl {
    /// Never.
    NonNull = 0,
    /// It may.
    Nullable = 1,
}

/// How memory is used, and what state it must be in.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[repr(u8)]
pub enum MemRule {
    /// Read; must be initialised.
    Read = 0,
    /// Read and written; must be initialised.
    ReadWrite = 1,
    /// Written; need not be initialised, is afterwards.
    Uninit = 2,
}

/// What the size of a slice may be.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[repr(u8)]
pub enum SizeDecl {
    /// Any bounded value.
    Bounded = 0,
    /// A constant.
    Constant = 1,
}

/// What a type means as an argument.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(C)]
pub struct ArgShape {
    /// What it is.
    pub form: ArgForm,
    /// May it be NULL?
    pub null: NullDecl,
    /// For objects.
    pub demand: DemandDecl,
    /// For memory, dynptrs and iterators.
    pub mem: MemRule,
    /// For slices.
    pub size: SizeDecl,
    /// For numbers.
    pub int: IntForm,
    /// Registers taken: 0, 1 or 2.
    pub regs: u8,
    /// Width of a number, bytes of memory, bytes of a slice's element, bytes of a map's key.
    pub bytes: u32,
    /// Bytes of a map's value; alignment of memory.
    pub bytes2: u32,
    /// The C type of the (first) register; the pointee for pointers.
    pub ty: TypeExpr,
    /// For [`ArgForm::Checked`]: the legal values, ascending.
    pub legal: &'static [u64],
    /// For [`ArgForm::Callback`].
    pub callback: &'static [ArgShape],
}

impl ArgShape {
    /// A shape with everything but `form` and `ty` at its usual value.
    pub const fn new(form: ArgForm, ty: TypeExpr) -> Self {
        Self {
            form,
            null: NullDecl::NonNull,
            demand: DemandDecl::Trusted,
            mem: MemRule::Read,
            size: SizeDecl::Bounded,
            int: IntForm::Unsigned,
            regs: 1,
            bytes: 0,
            bytes2: 0,
            ty,
            legal: &[],
            callback: &[],
        }
    }

    /// The same, and NULL is legal.
    #[must_use]
    pub const fn nullable(mut self) -> Self {
        self.null = NullDecl::Nullable;
        self
    }
}

/// What a result is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[repr(u8)]
pub enum RetForm {
    /// Nothing.
    Void = 0,
    /// A number of `bytes` bytes.
    Scalar = 1,
    /// A signed 64-bit number, a negated error number on failure.
    ErrnoOr = 2,
    /// A pointer to a host object.
    Object = 3,
    /// A pointer to memory whose size another argument tells.
    Memory = 4,
    /// A pointer to `bytes` bytes of memory.
    Fixed = 5,
}

/// Who owns what a returned pointer points to.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[repr(u8)]
pub enum TrustDecl {
    /// The program.
    Owned = 0,
    /// An argument, or nobody (`'static`): the lifetime tells which.
    Borrowed = 1,
    /// An RCU read-side section.
    Rcu = 2,
    /// Unknown: checked reads only (raw mode).
    Untrusted = 3,
    /// The program, as [`TrustDecl::Owned`], from a raw function: a run that ends early gives it to the type's raw destructor.
    Handed = 4,
}

/// What a type means as a result.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(C)]
pub struct RetShape {
    /// What it is.
    pub form: RetForm,
    /// May it be NULL?
    pub null: NullDecl,
    /// For objects.
    pub trust: TrustDecl,
    /// For memory.
    pub mem: MemRule,
    /// For numbers.
    pub int: IntForm,
    /// Width of a number; bytes of an element of memory.
    pub bytes: u32,
    /// The C type; the pointee for pointers.
    pub ty: TypeExpr,
}

impl RetShape {
    /// A shape with everything but `form` and `ty` at its usual value.
    pub const fn new(form: RetForm, ty: TypeExpr) -> Self {
        Self {
            form,
            null: NullDecl::NonNull,
            trust: TrustDecl::Borrowed,
            mem: MemRule::Read,
            int: IntForm::Unsigned,
            bytes: 0,
            ty,
        }
    }

    /// The same, and NULL is legal.
    #[must_use]
    pub const fn nullable(mut self) -> Self {
        self.null = NullDecl::Nullable;
        self
    }
}
