//! [`TypeExpr`]: a C type as a short list of steps, outermost first, built in constants.
//!
//! Named types appear by key. Were they addresses of records, a struct with a pointer to itself would be a constant that needs its
//! own value.

use super::kernel::KernelType;

/// Name of a type that holds in every crate of the program: a hash of module path and name.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[repr(transparent)]
pub struct TypeKey(pub u64);

impl TypeKey {
    /// The key of a path such as `app::net::Flow` (64-bit FNV-1a).
    pub const fn of(path: &str) -> Self {
        let bytes = path.as_bytes();
        let mut hash = 0xcbf2_9ce4_8422_2325_u64;
        let mut at = 0;
        while at < bytes.len() {
            hash = (hash ^ bytes[at] as u64).wrapping_mul(0x0000_0100_0000_01b3);
            at += 1;
        }
        Self(hash)
    }

    /// The key of `module::name`, as the derive macro asks for it.
    pub const fn in_module(module: &str, name: &str) -> Self {
        let mut hash = Self::of(module).0;
        let bytes = name.as_bytes();
        hash = (hash ^ b':' as u64).wrapping_mul(0x0000_0100_0000_01b3);
        let mut at = 0;
        while at < bytes.len() {
            hash = (hash ^ bytes[at] as u64).wrapping_mul(0x0000_0100_0000_01b3);
            at += 1;
        }
        Self(hash)
    }
}

/// How a number is read.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[repr(u8)]
pub enum IntForm {
    /// Unsigned.
    Unsigned = 0,
    /// Signed.
    Signed = 1,
    /// `char`.
    Char = 2,
    /// `_Bool`.
    Bool = 3,
}

/// What a step says.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[repr(u8)]
pub enum StepKind {
    /// `void`.
    Void = 0,
    /// A number of `count` bytes, read as `int`.
    Int = 1,
    /// A floating-point number of `count` bytes.
    Float = 2,
    /// Pointer to what follows.
    Ptr = 3,
    /// `const` what follows.
    Const = 4,
    /// Array of `count` of what follows.
    Array = 5,
    /// The type with this key.
    Named = 6,
    /// A struct that programs know by name only: the type with this key need not be declared.
    Opaque = 7,
    /// The kernel's type with this number ([`KernelType`]), in `count`.
    Kernel = 8,
}

/// One step.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[repr(C)]
pub struct Step {
    /// What it says.
    pub kind: StepKind,
    /// For [`StepKind::Int`].
    pub int: IntForm,
    /// Bytes or elements.
    pub count: u32,
}

/// Most steps of a type.
const STEPS: usize = 6;

/// A type.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[repr(C)]
pub struct TypeExpr {
    len: u32,
    steps: [Step; STEPS],
    /// INVARIANT 1: only the last step names a type, this one; 0 where it names none.
    key: TypeKey,
}

const NO_STEP: Step = Step { kind: StepKind::Void, int: IntForm::Unsigned, count: 0 };

impl TypeExpr {
    /// `void`.
    pub const VOID: Self = Self::single(NO_STEP);

    const fn single(step: Step) -> Self {
        let mut steps = [NO_STEP; STEPS];
        steps[0] = step;
        Self { len: 1, steps, key: TypeKey(0) }
    }

    /// A number.
    pub const fn int(bytes: u32, int: IntForm) -> Self {
        Self::single(Step { kind: StepKind::Int, int, count: bytes })
    }

    /// A floating-point number.
    pub const fn float(bytes: u32) -> Self {
        Self::single(Step { kind: StepKind::Float, count: bytes, ..NO_STEP })
    }

    /// A declared type.
    pub const fn named(key: TypeKey) -> Self {
        Self { key, ..Self::single(Step { kind: StepKind::Named, ..NO_STEP }) }
    }

    /// One of the kernel's types.
    pub const fn kernel(ty: KernelType) -> Self {
        Self::single(Step { kind: StepKind::Kernel, count: ty as u32, ..NO_STEP })
    }

    /// Pointer to `self`.
    #[must_use]
    pub const fn ptr(self) -> Self {
        self.after(Step { kind: StepKind::Ptr, ..NO_STEP })
    }

    /// `const` self.
    #[must_use]
    pub const fn constant(self) -> Self {
        self.after(Step { kind: StepKind::Const, ..NO_STEP })
    }

    /// `count` times `self`.
    #[must_use]
    pub const fn array(self, count: usize) -> Self {
        assert!(count <= u32::MAX as usize, "an array of a BTF type has at most 2^32 - 1 elements");
        #[expect(clippy::cast_possible_truncation, reason = "checked on the line above")]
        self.after(Step { kind: StepKind::Array, count: count as u32, ..NO_STEP })
    }

    const fn after(self, step: Step) -> Self {
        let len = self.len as usize;
        assert!(len < STEPS, "a BTF type nests pointers and arrays at most five deep");
        let mut steps = [NO_STEP; STEPS];
        steps[0] = step;
        let mut at = 0;
        while at < len {
            steps[at + 1] = self.steps[at];
            at += 1;
        }
        Self { len: self.len + 1, steps, key: self.key }
    }

    /// Where the number of steps lies in a record on disk.
    pub(crate) const LEN_OFFSET: usize = std::mem::offset_of!(Self, len);
    /// Where the steps lie in a record on disk.
    pub(crate) const STEPS_OFFSET: usize = std::mem::offset_of!(Self, steps);
    /// Where the key lies in a record on disk.
    pub(crate) const KEY_OFFSET: usize = std::mem::offset_of!(Self, key);

    /// A type of these steps, outermost first, the last of which may name a type; `None` when there are none or too many.
    pub(crate) fn from_steps(given: &[Step], key: TypeKey) -> Option<Self> {
        let mut steps = [NO_STEP; STEPS];
        steps.get_mut(..given.len())?.copy_from_slice(given);
        let len = u32::try_from(given.len()).ok().filter(|len| *len != 0)?;
        Some(Self { len, steps, key })
    }

    /// The type that the last step names, if it is [`StepKind::Named`] or [`StepKind::Opaque`].
    pub const fn key(&self) -> TypeKey {
        self.key
    }

    /// The steps, outermost first.
    pub const fn steps(&self) -> &[Step] {
        self.steps.split_at(self.len as usize).0
    }
}
