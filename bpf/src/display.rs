//! Instructions as text, in two forms.
//!
//! | form | example | for |
//! |---|---|---|
//! | plain, `Display` | `r1 = *(u64 *)(r10 - 8)`, `if r1 == 5 goto +3` | people; [`crate::asm`] reads it back |
//! | kernel, [`Insn::kernel_text`] | `(79) r1 = *(u64 *)(r10 -8)`, `(15) if r1 == 0x5 goto pc+3` | logs that tools parse |

use std::fmt::{self, Formatter};

use crate::encode::operation_code;
use crate::insn::{
    AddressSpace, AluOp, AtomicOp, CallTarget, Extend, Fetch, Imm64, Insn, JmpOp, JumpForm, MapRef,
    PacketMode, Reg, Size, Src, SwapKind, Width,
};

impl fmt::Display for Insn {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        Text { insn: self, style: Style::Plain }.fmt(f)
    }
}

impl fmt::Display for Reg {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "r{}", self.index())
    }
}

impl Insn {
    /// The kernel's form, as its verifier logs an instruction: operation code in front, targets as `pc+3`.
    /// `callee` names what a call calls; the kernel shows a helper without a name as `unknown`.
    pub fn kernel_text<'a>(&'a self, callee: Option<&'a str>) -> impl fmt::Display + 'a {
        Text { insn: self, style: Style::Kernel { callee } }
    }
}

/// A whole program in the plain form, one instruction a line with its slot number in front.
#[derive(Clone, Copy, Debug)]
pub struct Listing<'a>(pub &'a [Insn]);

impl fmt::Display for Listing<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let lines = self.0.iter().enumerate().filter(|(_, insn)| **insn != Insn::LoadImm64Tail);
        lines.into_iter().try_for_each(|(at, insn)| writeln!(f, "{at:4}: {insn}"))
    }
}

#[derive(Clone, Copy)]
enum Style<'a> {
    Plain,
    Kernel { callee: Option<&'a str> },
}

struct Text<'a> {
    insn: &'a Insn,
    style: Style<'a>,
}

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if let Style::Kernel { .. } = self.style {
            write!(f, "({:02x}) ", operation_code(self.insn))?;
        }
        match *self.insn {
            Insn::Alu { op, width, dst, src } => {
                write!(f, "{} {} {}", Named(dst, width), alu_symbol(op), Operand(src, width))
            }
            Insn::Mov { width, dst, src } => write!(f, "{} = {}", Named(dst, width), Operand(src, width)),
            Insn::MovSx { width, bits, dst, src } => {
                write!(f, "{} = (s{}){}", Named(dst, width), bits.bits(), Named(src, width))
            }
            Insn::AddressCast { dst, src, to } => {
                let (to, from) = match to {
                    AddressSpace::Program => (0, 1),
                    AddressSpace::Arena => (1, 0),
                };
                write!(f, "{dst} = addr_space_cast({src}, {to}, {from})")
            }
            Insn::Neg { width, dst } => write!(f, "{0} = -{0}", Named(dst, width)),
            Insn::ByteSwap { kind, bits, dst } => {
                write!(f, "{dst} = {}{} {dst}", swap_word(kind), bits.bits())
            }
            Insn::LoadImm64 { dst, imm } => self.load_imm64(f, dst, imm),
            Insn::LoadImm64Tail => f.write_str("(second slot)"),
            Insn::Load { size, extend, dst, base, offset } => {
                let sign = match extend {
                    Extend::Zero => 'u',
                    Extend::Sign => 's',
                };
                write!(f, "{dst} = *({sign}{} *){}", size.bits(), self.address(base, offset))
            }
            Insn::Store { size, base, offset, src } => {
                write!(
                    f,
                    "*(u{} *){} = {}",
                    size.bits(),
                    self.address(base, offset),
                    Operand(src, Width::W64)
                )
            }
            Insn::Atomic { op, width, base, offset, src } => self.atomic(f, op, width, base, offset, src),
            Insn::LoadAcquire { size, dst, base, offset } => {
                write!(f, "{dst} = load_acquire((u{} *){})", size.bits(), self.address(base, offset))
            }
            Insn::StoreRelease { size, base, offset, src } => {
                write!(f, "store_release((u{} *){}, {src})", size.bits(), self.address(base, offset))
            }
            Insn::LoadPacket { size, mode: PacketMode::Abs, imm } => {
                write!(f, "r0 = *(u{} *)skb[{imm}]", size.bits())
            }
            Insn::LoadPacket { size, mode: PacketMode::Ind(reg), imm } => {
                write!(f, "r0 = *(u{} *)skb[{reg} + {imm}]", size.bits())
            }
            Insn::Jump { form: JumpForm::Short, offset } => write!(f, "goto {}", self.target(offset)),
            Insn::Jump { form: JumpForm::Long, offset } => write!(f, "gotol {}", self.target(offset)),
            Insn::Branch { op, width, dst, src, offset } => self.branch(f, op, width, dst, src, offset),
            Insn::MayGoto { offset } => write!(f, "may_goto {}", self.target(offset.into())),
            Insn::Call { target } => self.call(f, target),
            Insn::CallReg { reg } => write!(f, "callx {reg}"),
            Insn::Exit => f.write_str("exit"),
        }
    }
}

impl Text<'_> {
    fn address(&self, base: Reg, offset: i16) -> Address {
        match self.style {
            Style::Plain => Address::Spaced(base, offset),
            Style::Kernel { .. } => Address::Signed(base, offset),
        }
    }

    fn target(&self, offset: i32) -> Target {
        match self.style {
            Style::Plain => Target { prefix: "", offset },
            Style::Kernel { .. } => Target { prefix: "pc", offset },
        }
    }

    fn load_imm64(&self, f: &mut Formatter<'_>, dst: Reg, imm: Imm64) -> fmt::Result {
        write!(f, "{dst} = ")?;
        match (imm, self.style) {
            (Imm64::Value(value), Style::Plain) => write!(f, "{value:#x} ll"),
            (Imm64::Value(value), Style::Kernel { .. }) => write!(f, "{value:#x}"),
            (Imm64::Map(MapRef::Fd(fd)), _) => write!(f, "map_fd[{fd}]"),
            (Imm64::Map(MapRef::Idx(map)), _) => write!(f, "map[{}]", map.0),
            (Imm64::MapValue { map: MapRef::Fd(fd), offset }, _) => {
                write!(f, "map_value_fd[{fd}] + {offset}")
            }
            (Imm64::MapValue { map: MapRef::Idx(map), offset }, _) => {
                write!(f, "map_value[{}] + {offset}", map.0)
            }
            (Imm64::HostVar { id, module: 0 }, _) => write!(f, "host_var[{}]", id.0),
            (Imm64::HostVar { id, module }, _) => write!(f, "host_var[{}] module {module}", id.0),
            (Imm64::Func(offset), _) => write!(f, "func {}", self.target(offset)),
        }
    }

    fn atomic(
        &self,
        f: &mut Formatter<'_>,
        op: AtomicOp,
        width: Width,
        base: Reg,
        offset: i16,
        src: Reg,
    ) -> fmt::Result {
        let bits = width.bits();
        let address = self.address(base, offset);
        let (old, reg, infix) = match self.style {
            Style::Plain => (Named(src, width), Named(src, width), ""),
            Style::Kernel { .. } => (
                Named(src, Width::W64),
                Named(src, Width::W64),
                match width {
                    Width::W32 => "",
                    Width::W64 => "64",
                },
            ),
        };
        let plain = |f: &mut Formatter<'_>, symbol| write!(f, "lock *(u{bits} *){address} {symbol} {reg}");
        let fetch = |f: &mut Formatter<'_>, name| {
            write!(f, "{old} = atomic{infix}_{name}((u{bits} *){address}, {reg})")
        };
        match op {
            AtomicOp::Add(Fetch::No) => plain(f, "+="),
            AtomicOp::Or(Fetch::No) => plain(f, "|="),
            AtomicOp::And(Fetch::No) => plain(f, "&="),
            AtomicOp::Xor(Fetch::No) => plain(f, "^="),
            AtomicOp::Add(Fetch::Yes) => fetch(f, "fetch_add"),
            AtomicOp::Or(Fetch::Yes) => fetch(f, "fetch_or"),
            AtomicOp::And(Fetch::Yes) => fetch(f, "fetch_and"),
            AtomicOp::Xor(Fetch::Yes) => fetch(f, "fetch_xor"),
            AtomicOp::Xchg => fetch(f, "xchg"),
            AtomicOp::Cmpxchg => {
                let r0 = Named(Reg::R0, reg.1);
                write!(f, "{r0} = atomic{infix}_cmpxchg((u{bits} *){address}, {r0}, {reg})")
            }
        }
    }

    fn branch(
        &self,
        f: &mut Formatter<'_>,
        op: JmpOp,
        width: Width,
        dst: Reg,
        src: Src,
        offset: i16,
    ) -> fmt::Result {
        write!(f, "if {} {} ", Named(dst, width), jmp_symbol(op))?;
        match (self.style, src) {
            (Style::Kernel { .. }, Src::Imm(imm)) => write!(f, "{imm:#x}")?,
            (Style::Plain, Src::Imm(_)) | (_, Src::Reg(_)) => write!(f, "{}", Operand(src, width))?,
        }
        write!(f, " goto {}", self.target(offset.into()))
    }

    fn call(&self, f: &mut Formatter<'_>, target: CallTarget) -> fmt::Result {
        match (target, self.style) {
            (CallTarget::Subprog(offset), _) => write!(f, "call {}", self.target(offset)),
            (CallTarget::Helper(id), Style::Plain) => write!(f, "call helper#{}", id.0),
            (CallTarget::Kfunc { id, module: 0 }, Style::Plain) => write!(f, "call kfunc#{}", id.0),
            (CallTarget::Kfunc { id, module }, Style::Plain) => {
                write!(f, "call kfunc#{} module {module}", id.0)
            }
            (CallTarget::Helper(id), Style::Kernel { callee }) => {
                write!(f, "call {}#{}", callee.unwrap_or("unknown"), id.0)
            }
            (CallTarget::Kfunc { id, .. }, Style::Kernel { callee }) => {
                write!(f, "call {}#{}", callee.unwrap_or("kernel-function"), id.0)
            }
        }
    }
}

/// A register by the name of the part that an operation of this width sees: `r1` or `w1`.
#[derive(Clone, Copy)]
struct Named(Reg, Width);

impl fmt::Display for Named {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let letter = match self.1 {
            Width::W32 => 'w',
            Width::W64 => 'r',
        };
        write!(f, "{letter}{}", self.0.index())
    }
}

struct Operand(Src, Width);

impl fmt::Display for Operand {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self.0 {
            Src::Reg(reg) => Named(reg, self.1).fmt(f),
            Src::Imm(imm) => imm.fmt(f),
        }
    }
}

enum Address {
    /// `(r10 - 8)`
    Spaced(Reg, i16),
    /// `(r10 -8)`
    Signed(Reg, i16),
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Spaced(base, offset) if offset < 0 => write!(f, "({base} - {})", offset.unsigned_abs()),
            Self::Spaced(base, offset) => write!(f, "({base} + {offset})"),
            Self::Signed(base, offset) => write!(f, "({base} {offset:+})"),
        }
    }
}

struct Target {
    prefix: &'static str,
    offset: i32,
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}{:+}", self.prefix, self.offset)
    }
}

/// The assignment operator of an arithmetic operation.
pub(crate) const fn alu_symbol(op: AluOp) -> &'static str {
    match op {
        AluOp::Add => "+=",
        AluOp::Sub => "-=",
        AluOp::Mul => "*=",
        AluOp::Div => "/=",
        AluOp::Sdiv => "s/=",
        AluOp::Or => "|=",
        AluOp::And => "&=",
        AluOp::Lsh => "<<=",
        AluOp::Rsh => ">>=",
        AluOp::Mod => "%=",
        AluOp::Smod => "s%=",
        AluOp::Xor => "^=",
        AluOp::Arsh => "s>>=",
    }
}

/// The comparison operator of a branch.
pub(crate) const fn jmp_symbol(op: JmpOp) -> &'static str {
    match op {
        JmpOp::Eq => "==",
        JmpOp::Ne => "!=",
        JmpOp::Set => "&",
        JmpOp::Gt => ">",
        JmpOp::Ge => ">=",
        JmpOp::Lt => "<",
        JmpOp::Le => "<=",
        JmpOp::Sgt => "s>",
        JmpOp::Sge => "s>=",
        JmpOp::Slt => "s<",
        JmpOp::Sle => "s<=",
    }
}

const fn swap_word(kind: SwapKind) -> &'static str {
    match kind {
        SwapKind::ToLe => "le",
        SwapKind::ToBe => "be",
        SwapKind::Bswap => "bswap",
    }
}

impl Size {
    /// `u8`, `u16`, `u32` or `u64`, as the text form writes it.
    pub(crate) fn from_bits(bits: u32) -> Option<Self> {
        Self::ALL.into_iter().find(|size| size.bits() == bits)
    }
}
