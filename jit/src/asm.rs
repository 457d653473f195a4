//! [`Asm`]: machine code under construction. iced-x86 encodes the instructions; jumps, calls and addresses inside the image
//! become *patches*, whose size and distance are settled once everything is known (`layout`).
//!
//! The first instruction that cannot be encoded is remembered and comes back from [`Asm::finish`], so that lowering code
//! reads like a listing.

mod layout;

use iced_x86::{Code, Encoder, IcedError, Instruction, MemoryOperand, Register};

use crate::error::JitError;
use crate::linker::CodeAddr;
use crate::regs::Gpr;

pub(crate) use layout::{Layout, Unplaced};

/// A place in the code, bound once.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Label(u32);

/// Condition of a jump, as the low four bits of its opcode.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub(crate) enum Cond {
    Below = 2,
    AboveEqual = 3,
    Equal = 4,
    NotEqual = 5,
    BelowEqual = 6,
    Above = 7,
    Less = 12,
    GreaterEqual = 13,
    LessEqual = 14,
    Greater = 15,
}

impl Cond {
    /// Holds exactly when this does not.
    pub(crate) const fn inverse(self) -> Self {
        match self {
            Self::Below => Self::AboveEqual,
            Self::AboveEqual => Self::Below,
            Self::Equal => Self::NotEqual,
            Self::NotEqual => Self::Equal,
            Self::BelowEqual => Self::Above,
            Self::Above => Self::BelowEqual,
            Self::Less => Self::GreaterEqual,
            Self::GreaterEqual => Self::Less,
            Self::LessEqual => Self::Greater,
            Self::Greater => Self::LessEqual,
        }
    }
}

/// An operand in memory: `[base + index * scale + offset]`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Mem {
    base: Register,
    index: Register,
    scale: u32,
    offset: i32,
}

impl Mem {
    /// `[base + offset]`.
    pub(crate) fn new(base: Gpr, offset: i32) -> Self {
        Self::at(base.r64(), offset)
    }

    /// `[base + offset]`, with a register that has no BPF name, or none.
    pub(crate) fn at(base: Register, offset: i32) -> Self {
        Self { base, index: Register::None, scale: 1, offset }
    }

    /// The same with `index * scale` added; `scale` is 1, 2, 4 or 8.
    pub(crate) fn indexed(self, index: Gpr, scale: u32) -> Self {
        Self { index: index.r64(), scale, ..self }
    }

    fn operand(self) -> MemoryOperand {
        // Without a base there are always four bytes of offset; else the encoder chooses one or four.
        let displ_size = if self.base == Register::None { 4 } else { u32::from(self.offset != 0) };
        MemoryOperand::with_base_index_scale_displ_size(
            self.base,
            self.index,
            self.scale,
            i64::from(self.offset),
            displ_size,
        )
    }
}

/// Something whose bytes depend on where the code ends up.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum PatchKind {
    /// `jmp label`.
    Jump(Label),
    /// `jcc label`.
    Branch(Cond, Label),
    /// `call label`.
    CallLabel(Label),
    /// `call` of a host function, direct if it is near enough, else through `r11`.
    CallHost(CodeAddr),
    /// `lea register, [rip + label]`.
    Address(Gpr, Label),
    /// `nop`s up to the next multiple of [`LOOP_ALIGNMENT`].
    Align,
}

/// Where loops begin: the machine fetches 16 bytes at a time, 32 from its cache of decoded instructions.
const LOOP_ALIGNMENT: u32 = 32;

#[derive(Clone, Copy, Debug)]
struct Patch {
    /// Bytes emitted before it, other patches not counted.
    at: u32,
    kind: PatchKind,
}

/// Where a label is bound: so many plain bytes and so many patches lie before it.
#[derive(Clone, Copy, Debug)]
struct Place {
    at: u32,
    patches: u32,
}

impl Place {
    const UNBOUND: Self = Self { at: u32::MAX, patches: u32::MAX };
}

/// Machine code under construction.
pub(crate) struct Asm {
    encoder: Encoder,
    len: u32,
    places: Vec<Place>,
    patches: Vec<Patch>,
    failure: Option<JitError>,
}

impl Asm {
    /// Empty, with room for a program of so many slots; labels 0 to `slots - 1` are the slots'.
    pub(crate) fn new(slots: usize) -> Result<Self, JitError> {
        let encoder = Encoder::try_with_capacity(64, slots * 4 + 64).map_err(encoding)?;
        let places = vec![Place::UNBOUND; slots];
        Ok(Self { encoder, len: 0, places, patches: Vec::with_capacity(slots / 4 + 16), failure: None })
    }

    /// The label of a slot.
    pub(crate) fn slot(&self, slot: usize) -> Label {
        debug_assert!(slot < self.places.len(), "slot {slot} of {}", self.places.len());
        Label(u32::try_from(slot).unwrap_or(u32::MAX))
    }

    /// A new label, not yet bound.
    pub(crate) fn label(&mut self) -> Label {
        let label = Label(u32::try_from(self.places.len()).unwrap_or(u32::MAX));
        self.places.push(Place::UNBOUND);
        label
    }

    /// Binds a label to this point.
    pub(crate) fn bind(&mut self, label: Label) {
        let patches = u32::try_from(self.patches.len()).unwrap_or(u32::MAX);
        match self.places.get_mut(label.0 as usize) {
            Some(place) => *place = Place { at: self.len, patches },
            None => self.fail(JitError::Internal(format!("label {} does not exist", label.0))),
        }
    }

    /// Remembers the first failure.
    pub(crate) fn fail(&mut self, failure: JitError) {
        self.failure.get_or_insert(failure);
    }

    /// Ends the construction.
    pub(crate) fn finish(mut self) -> Result<Unplaced, JitError> {
        match self.failure {
            Some(failure) => Err(failure),
            None => Ok(Unplaced::new(self.encoder.take_buffer(), self.places, self.patches)),
        }
    }

    fn push(&mut self, instruction: Result<Instruction, IcedError>) {
        match instruction.and_then(|instruction| self.encoder.encode(&instruction, 0)) {
            // One instruction has at most 15 bytes.
            Ok(len) => self.len += len as u32,
            Err(error) => self.fail(encoding(error)),
        }
    }

    fn patch(&mut self, kind: PatchKind) {
        self.patches.push(Patch { at: self.len, kind });
    }

    /// A byte as it is.
    pub(crate) fn byte(&mut self, byte: u8) {
        self.encoder.write_u8(byte);
        self.len += 1;
    }

    /// An instruction without operands.
    pub(crate) fn op(&mut self, code: Code) {
        self.push(Ok(Instruction::with(code)));
    }

    /// One register.
    pub(crate) fn r(&mut self, code: Code, register: Register) {
        self.push(Instruction::with1(code, register));
    }

    /// Register, register.
    pub(crate) fn rr(&mut self, code: Code, dst: Register, src: Register) {
        self.push(Instruction::with2(code, dst, src));
    }

    /// Register, immediate.
    pub(crate) fn ri(&mut self, code: Code, dst: Register, imm: i32) {
        self.push(Instruction::with2(code, dst, imm));
    }

    /// Register, immediate of 32 bits without a sign.
    pub(crate) fn ru(&mut self, code: Code, dst: Register, imm: u32) {
        self.push(Instruction::with2(code, dst, imm));
    }

    /// Register, immediate of 64 bits.
    pub(crate) fn rq(&mut self, code: Code, dst: Register, imm: u64) {
        self.push(Instruction::with2(code, dst, imm));
    }

    /// Register, memory.
    pub(crate) fn rm(&mut self, code: Code, dst: Register, src: Mem) {
        self.push(Instruction::with2(code, dst, src.operand()));
    }

    /// Memory, register.
    pub(crate) fn mr(&mut self, code: Code, dst: Mem, src: Register) {
        self.push(Instruction::with2(code, dst.operand(), src));
    }

    /// Memory, register, with the `lock` prefix.
    pub(crate) fn lock_mr(&mut self, code: Code, dst: Mem, src: Register) {
        let mut instruction = Instruction::with2(code, dst.operand(), src);
        if let Ok(instruction) = &mut instruction {
            instruction.set_has_lock_prefix(true);
        }
        self.push(instruction);
    }

    /// Memory, immediate.
    pub(crate) fn mi(&mut self, code: Code, dst: Mem, imm: i32) {
        self.push(Instruction::with2(code, dst.operand(), imm));
    }

    /// Three registers.
    pub(crate) fn rrr(&mut self, code: Code, dst: Register, first: Register, second: Register) {
        self.push(Instruction::with3(code, dst, first, second));
    }

    /// Register, register, immediate.
    pub(crate) fn rri(&mut self, code: Code, dst: Register, src: Register, imm: i32) {
        self.push(Instruction::with3(code, dst, src, imm));
    }

    /// `jmp`.
    pub(crate) fn jump(&mut self, to: Label) {
        self.patch(PatchKind::Jump(to));
    }

    /// `jcc`.
    pub(crate) fn branch(&mut self, condition: Cond, to: Label) {
        self.patch(PatchKind::Branch(condition, to));
    }

    /// `call` within the image.
    pub(crate) fn call(&mut self, to: Label) {
        self.patch(PatchKind::CallLabel(to));
    }

    /// `call` of a host function; clobbers `r11` when it is far.
    pub(crate) fn call_host(&mut self, to: CodeAddr) {
        self.patch(PatchKind::CallHost(to));
    }

    /// Makes what follows begin at a multiple of 16.
    pub(crate) fn align(&mut self) {
        self.patch(PatchKind::Align);
    }

    /// `lea` of a place in the image.
    pub(crate) fn address(&mut self, dst: Gpr, of: Label) {
        self.patch(PatchKind::Address(dst, of));
    }
}

fn encoding(error: IcedError) -> JitError {
    JitError::Internal(format!("cannot encode an instruction: {error}"))
}
