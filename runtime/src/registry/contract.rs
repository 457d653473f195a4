//! Arguments and results of declarations as contracts, and as parameters of a C prototype.
//!
//! A Rust parameter takes no register (the runtime fills it in), one, or two (memory and its size); contracts and prototypes speak
//! of registers.

use opswap_bpf::btf::{BtfType, Param, Signedness};
use opswap_bpf::insn::Size;
use opswap_bpf::proto::{
    Allocation, ArgIdx, ArgKind, ArgProto, Demand, DynptrKind, DynptrMemory, FieldKind, IrqClass, IrqRole,
    IterRole, KfuncFlags, MemAccess, MemInit, MemSize, NodeUse, Nullness, RetKind, RetProto, RetTrust,
    SizeRule,
};
use opswap_bpf::{BtfId, Text, TypeRef};

use super::error::RegistryError;
use super::types::{Types, User, nullness};
use crate::declare::{
    ArgDecl, ArgForm, ArgShape, DemandDecl, IntForm, KernelType, MemRule, NullDecl, RetForm, RetShape,
    SizeDecl, Tie, TrustDecl,
};

/// Most bytes of an iterator's state: a program's whole stack.
const MAX_ITERATOR: u32 = 512;

/// Lowered arguments, by register.
#[derive(Default)]
pub(super) struct Lowered {
    /// Their contracts.
    pub(super) args: Vec<ArgProto>,
    /// How a C program declares them.
    pub(super) params: Vec<CParam>,
}

impl Lowered {
    fn push(&mut self, proto: ArgProto, param: CParam) {
        self.args.push(proto);
        self.params.push(param);
    }
}

/// A parameter of a C prototype.
#[derive(Clone, Copy)]
pub(super) struct CParam {
    /// Name as in Rust.
    pub(super) name: &'static str,
    /// What the kernel appends to it.
    pub(super) suffix: &'static str,
    pub(super) ty: BtfId,
}

impl CParam {
    /// Whether this is how `param` is declared.
    pub(super) fn is(&self, param: &Param) -> bool {
        self.ty == param.ty && param.name.strip_prefix(self.name) == Some(self.suffix)
    }

    /// As a prototype has it.
    pub(super) fn param(&self) -> Param {
        Param { name: [self.name, self.suffix].concat(), ty: self.ty }
    }
}

/// Everything about a signature that one argument's meaning may depend on.
#[derive(Clone, Copy)]
pub(super) struct Signature<'s> {
    pub(super) args: &'s [ArgDecl],
    pub(super) flags: KfuncFlags,
    pub(super) user: User,
}

impl Signature<'_> {
    /// All arguments by register.
    pub(super) fn lower(&self, types: &mut Types) -> Result<Lowered, RegistryError> {
        let mut lowered = Lowered::default();
        self.lower_into(types, &mut lowered)?;
        Ok(lowered)
    }

    /// The same, where there is room already.
    pub(super) fn lower_into(&self, types: &mut Types, lowered: &mut Lowered) -> Result<(), RegistryError> {
        let registers = self.args.iter().map(|arg| usize::from(arg.shape.regs)).sum();
        lowered.args.reserve_exact(registers);
        lowered.params.reserve(registers);
        self.args.iter().try_for_each(|arg| self.arg(arg, types, lowered))
    }

    /// The register of the Rust argument with this index.
    fn register(&self, index: u8) -> ArgIdx {
        ArgIdx(self.args.iter().take(usize::from(index)).map(|arg| arg.shape.regs).sum())
    }

    fn arg(&self, arg: &ArgDecl, types: &mut Types, out: &mut Lowered) -> Result<(), RegistryError> {
        let shape = &arg.shape;
        if shape.form == ArgForm::Implicit {
            return Ok(());
        }
        if shape.form == ArgForm::Slice {
            return self.slice(arg, types, out);
        }
        let id = types.expr(&shape.ty, self.user)?;
        let object = TypeRef::host(id);
        let kind = match shape.form {
            ArgForm::Implicit | ArgForm::Slice | ArgForm::Ignored => ArgKind::Ignored,
            ArgForm::Raw => raw_pointer(shape, object, types),
            ArgForm::RawOwned | ArgForm::RawErased => ArgKind::Object { ty: object, demand: Demand::Owned },
            ArgForm::Unsized => ArgKind::Unsized,
            ArgForm::IrqFlag => self.irq_flag(arg)?,
            ArgForm::Field => self.field(arg)?,
            ArgForm::Allocated => {
                let percpu = self.user.name.starts_with("bpf_percpu_obj_drop");
                let by = if percpu { Allocation::Percpu } else { Allocation::Object };
                ArgKind::Allocated { by, demand: Demand::Owned }
            }
            ArgForm::Refcounted => ArgKind::Allocated { by: Allocation::Object, demand: Demand::Trusted },
            ArgForm::Caller => ArgKind::Ignored,
            ArgForm::Value => {
                return Err(self.user.signature(format!("a kfunc takes no struct by value: `{}`", arg.name)));
            }
            ArgForm::Scalar => ArgKind::Scalar { size: self.size(arg)?, signed: signedness(shape.int) },
            ArgForm::Checked => ArgKind::Checked { size: self.size(arg)?, legal: shape.legal.to_vec() },
            ArgForm::Constant => ArgKind::Const { size: self.size(arg)? },
            ArgForm::Object => ArgKind::Object { ty: object, demand: demand(shape.demand) },
            ArgForm::KptrSlot => ArgKind::KptrSlot { ty: object },
            ArgForm::Memory => {
                let (access, init) = memory(shape.mem);
                ArgKind::Memory { size: MemSize::Fixed(shape.bytes), access, init }
            }
            ArgForm::Str => ArgKind::Str,
            ArgForm::Map => ArgKind::Map { shape: map_shape(shape) },
            ArgForm::Dynptr => ArgKind::Dynptr(dynptr(shape.mem)),
            ArgForm::Iter => self.iterator(out.args.len(), arg, object, types)?,
            ArgForm::Callback => ArgKind::Callback { args: self.callback(shape, types)? },
        };
        let word =
            if matches!(kind, ArgKind::Iter { role: IterRole::Use, .. }) { "__iter" } else { suffix(shape) };
        let proto = ArgProto { name: Text::fixed(arg.name), kind, null: nullness(shape.null) };
        let suffix = if tells_size(arg.name) { "" } else { word };
        let ty = self.c_type(shape, id, types)?;
        out.push(proto, CParam { name: arg.name, suffix, ty });
        Ok(())
    }

    /// Memory, and in the next register how many bytes of it.
    fn slice(&self, arg: &ArgDecl, types: &mut Types, out: &mut Lowered) -> Result<(), RegistryError> {
        let shape = &arg.shape;
        let size_at = u8::try_from(out.args.len() + 1)
            .map_err(|_| self.user.signature("takes more registers than a call has"))?;
        let (access, init) = memory(shape.mem);
        let kind = ArgKind::Memory { size: MemSize::Arg(ArgIdx(size_at)), access, init };
        let proto = ArgProto { name: Text::fixed(arg.name), kind, null: nullness(shape.null) };
        let pointee = match shape.mem {
            MemRule::Read => types.intern(BtfType::Const { of: BtfId(0) }),
            MemRule::ReadWrite | MemRule::Uninit => BtfId(0),
        };
        let ty = types.pointer(pointee);
        out.push(proto, CParam { name: arg.name, suffix: suffix(shape), ty });

        let (rule, suffix) = match shape.size {
            SizeDecl::Bounded => (SizeRule::AnyOrZero, "__sz"),
            SizeDecl::Constant => (SizeRule::Constant, "__szk"),
        };
        let proto = ArgProto {
            name: types.size_name(arg.name),
            kind: ArgKind::Size { rule },
            null: Nullness::NonNull,
        };
        let ty = types.int(4, shape.int);
        out.push(proto, CParam { name: arg.name, suffix, ty });
        Ok(())
    }

    /// The result's contract and C type.
    pub(super) fn ret(
        &self,
        ret: &RetShape,
        tie: Tie,
        types: &mut Types,
    ) -> Result<(RetProto, BtfId), RegistryError> {
        // An iterator's element is the iterator's until it goes on.
        let next = tie == Tie::NONE && self.flags.contains(KfuncFlags::ITER_NEXT);
        let tie = if next { Tie::arg(0) } else { tie };
        let null = nullness(ret.null);
        let kind = match ret.form {
            RetForm::Void => RetKind::Void,
            RetForm::Scalar => {
                RetKind::Scalar { size: self.bytes(ret.bytes, "the result")?, signed: signedness(ret.int) }
            }
            RetForm::ErrnoOr => RetKind::Scalar { size: Size::DW, signed: Signedness::Signed },
            RetForm::Object => {
                let ty = TypeRef::host(types.expr(&ret.ty, self.user)?);
                RetKind::Object { ty, trust: self.trust(ret.trust, tie) }
            }
            RetForm::Memory => self.returned_memory(ret, tie)?,
            RetForm::Fixed => {
                let access = memory(ret.mem).0;
                RetKind::Memory { size: MemSize::Fixed(ret.bytes), access, tie: self.tied_to(tie) }
            }
        };
        let ty = match ret.form {
            RetForm::Void => BtfId(0),
            RetForm::Scalar | RetForm::ErrnoOr => types.expr(&ret.ty, self.user)?,
            RetForm::Object | RetForm::Memory | RetForm::Fixed => {
                let to = types.expr(&ret.ty, self.user)?;
                types.pointer(to)
            }
        };
        Ok((RetProto { kind, null }, ty))
    }

    fn trust(&self, trust: TrustDecl, tie: Tie) -> RetTrust {
        match trust {
            TrustDecl::Owned | TrustDecl::Handed => RetTrust::Owned,
            // No grace period delays a Rust destructor: the result lives as long as what it was borrowed from.
            TrustDecl::Rcu => self.tied_to(tie).map_or(RetTrust::Rcu, RetTrust::Borrowed),
            TrustDecl::Untrusted if self.flags.contains(KfuncFlags::ITER_NEXT) => {
                self.tied_to(tie).map_or(RetTrust::Untrusted, RetTrust::Borrowed)
            }
            TrustDecl::Untrusted => RetTrust::Untrusted,
            TrustDecl::Borrowed => match self.tied_to(tie) {
                Some(arg) => RetTrust::Borrowed(arg),
                None => RetTrust::Trusted,
            },
        }
    }

    fn tied_to(&self, tie: Tie) -> Option<ArgIdx> {
        let is_argument = usize::from(tie.0) < self.args.len();
        is_argument.then(|| self.register(tie.0))
    }

    /// Memory whose size the parameter `rdonly_buf_size` or `rdwr_buf_size` tells, as in the kernel.
    fn returned_memory(&self, ret: &RetShape, tie: Tie) -> Result<RetKind, RegistryError> {
        let by_name = |name: &str| self.args.iter().position(|arg| arg.name == name);
        let (at, access) = match (by_name("rdonly_buf_size"), by_name("rdwr_buf_size")) {
            (Some(at), None) => (at, MemAccess::Read),
            (None, Some(at)) => (at, MemAccess::ReadWrite),
            (None, None) | (Some(_), Some(_)) => {
                let problem = "returns memory, so exactly one parameter must tell its size: `rdonly_buf_size` or \
                               `rdwr_buf_size`";
                return Err(self.user.signature(problem));
            }
        };
        if access == MemAccess::ReadWrite && ret.mem == MemRule::Read {
            return Err(self
                .user
                .signature("`rdwr_buf_size` tells the size of memory that may only be read"));
        }
        let index = u8::try_from(at).map_err(|_| self.user.signature("has too many parameters"))?;
        Ok(RetKind::Memory { size: MemSize::Arg(self.register(index)), access, tie: self.tied_to(tie) })
    }

    fn callback(&self, shape: &ArgShape, types: &mut Types) -> Result<Vec<ArgKind>, RegistryError> {
        let args: Vec<ArgDecl> =
            shape.callback.iter().map(|&shape| ArgDecl { name: "callback argument", shape }).collect();
        let inner = Signature { args: &args, flags: self.flags, user: self.user };
        Ok(inner.lower(types)?.args.into_iter().map(|arg| arg.kind).collect())
    }

    /// An iterator's state: the function's own in front, any other in another place.
    fn iterator(
        &self,
        at: usize,
        arg: &ArgDecl,
        ty: TypeRef,
        types: &Types,
    ) -> Result<ArgKind, RegistryError> {
        let shape = &arg.shape;
        let own = |flag| at == 0 && self.flags.contains(flag);
        let (role, fits) = if own(KfuncFlags::ITER_NEW) {
            (IterRole::New, shape.mem == MemRule::Uninit)
        } else if own(KfuncFlags::ITER_NEXT) {
            (IterRole::Next, shape.mem == MemRule::ReadWrite)
        } else if own(KfuncFlags::ITER_DESTROY) {
            (IterRole::Destroy, shape.mem == MemRule::ReadWrite)
        } else {
            (IterRole::Use, shape.mem != MemRule::Uninit)
        };
        if !fits {
            return Err(self.user.signature(format!(
                "takes the iterator's state `{}` in the wrong way: `iter_new` takes an `Uninit<Iter<T>>`, `iter_next` and \
                 `iter_destroy` a `&mut Iter<T>`, all as their first parameter, and nobody else an `Uninit<Iter<T>>`",
                arg.name
            )));
        }
        let name = types.name(ty.id);
        let problem = if name.strip_prefix("bpf_iter_").is_none_or(str::is_empty) {
            Some(format!("takes `{name}` as an iterator's state: such a struct is called `bpf_iter_NAME`"))
        } else if shape.bytes == 0 || !shape.bytes.is_multiple_of(8) || shape.bytes > MAX_ITERATOR {
            Some(format!(
                "takes the iterator's state `{name}` of {} bytes: it has a multiple of 8, at most {MAX_ITERATOR}",
                shape.bytes
            ))
        } else {
            None
        };
        problem.map_or(Ok(ArgKind::Iter { ty, role }), |problem| Err(self.user.signature(problem)))
    }

    /// What the kernel's own four functions do with a flag; the type of any other's parameter tells.
    fn irq_flag(&self, arg: &ArgDecl) -> Result<ArgKind, RegistryError> {
        let (role, class) = match (self.user.name, arg.shape.mem) {
            ("bpf_local_irq_save", _) => (IrqRole::Save, IrqClass::Native),
            ("bpf_local_irq_restore", _) => (IrqRole::Restore, IrqClass::Native),
            ("bpf_res_spin_lock_irqsave", _) => (IrqRole::Save, IrqClass::Lock),
            ("bpf_res_spin_unlock_irqrestore", _) => (IrqRole::Restore, IrqClass::Lock),
            (_, MemRule::Uninit) => (IrqRole::Save, IrqClass::Native),
            (_, MemRule::ReadWrite) => (IrqRole::Restore, IrqClass::Native),
            (_, MemRule::Read) => {
                return Err(self.user.signature(format!(
                    "takes the interrupt flag `{}`: does it save or restore? Only the kernel's own functions tell by \
                     their names; in a safe function take `Uninit<IrqFlag>` or `&mut IrqFlag`",
                    arg.name
                )));
            }
        };
        Ok(ArgKind::IrqFlag { role, class })
    }

    /// The special field that a type of the kernel's stands for. A node that is only read stays where it is linked.
    fn field(&self, arg: &ArgDecl) -> Result<ArgKind, RegistryError> {
        let taken = if arg.shape.mem == MemRule::Read { NodeUse::Linked } else { NodeUse::Given };
        Ok(ArgKind::Field(match KernelType::from_number(arg.shape.ty.steps()[0].count) {
            Some(KernelType::SpinLock) => FieldKind::SpinLock,
            Some(KernelType::ResSpinLock) => FieldKind::ResSpinLock,
            Some(KernelType::Timer) => FieldKind::Timer,
            Some(KernelType::Workqueue) => FieldKind::Workqueue,
            Some(KernelType::TaskWork) => FieldKind::TaskWork,
            Some(KernelType::ListHead) => FieldKind::ListHead,
            Some(KernelType::RbRoot) => FieldKind::RbRoot,
            Some(KernelType::Refcount) => FieldKind::Refcount,
            Some(KernelType::ListNode) => return Ok(ArgKind::Node { kind: FieldKind::ListNode, taken }),
            Some(KernelType::RbNode) => return Ok(ArgKind::Node { kind: FieldKind::RbNode, taken }),
            Some(KernelType::Dynptr) | None => {
                return Err(self.user.signature(format!("takes `{}`, which is no special field", arg.name)));
            }
        }))
    }

    /// The C type of the first register.
    fn c_type(&self, shape: &ArgShape, ty: BtfId, types: &mut Types) -> Result<BtfId, RegistryError> {
        Ok(match shape.form {
            ArgForm::Scalar | ArgForm::Checked | ArgForm::Constant | ArgForm::Ignored | ArgForm::Value => ty,
            ArgForm::KptrSlot => {
                let to = types.pointer(ty);
                types.pointer(to)
            }
            ArgForm::Callback => self.callback_type(shape, types)?,
            ArgForm::RawErased => types.pointer(BtfId(0)),
            ArgForm::RawOwned
            | ArgForm::Unsized
            | ArgForm::Object
            | ArgForm::Memory
            | ArgForm::Slice
            | ArgForm::Str
            | ArgForm::Map
            | ArgForm::Dynptr
            | ArgForm::Iter
            | ArgForm::Raw
            | ArgForm::IrqFlag
            | ArgForm::Field
            | ArgForm::Allocated
            | ArgForm::Refcounted
            | ArgForm::Caller
            | ArgForm::Implicit => {
                let read_only = shape.form == ArgForm::Memory && shape.mem == MemRule::Read;
                let to = if read_only { types.intern(BtfType::Const { of: ty }) } else { ty };
                types.pointer(to)
            }
        })
    }

    /// A pointer to a function with the callback's arguments that returns a 64-bit number.
    fn callback_type(&self, shape: &ArgShape, types: &mut Types) -> Result<BtfId, RegistryError> {
        let mut params = Vec::new();
        for inner in shape.callback {
            let ty = types.expr(&inner.ty, self.user)?;
            params.push(CParam { name: "", suffix: "", ty: self.c_type(inner, ty, types)? });
        }
        let ret = types.int(8, IntForm::Signed);
        let to = types.prototype(ret, &params);
        Ok(types.pointer(to))
    }

    fn size(&self, arg: &ArgDecl) -> Result<Size, RegistryError> {
        self.bytes(arg.shape.bytes, arg.name)
    }

    fn bytes(&self, bytes: u32, what: &str) -> Result<Size, RegistryError> {
        match bytes {
            1 => Ok(Size::B),
            2 => Ok(Size::H),
            4 => Ok(Size::W),
            8 => Ok(Size::DW),
            _ => Err(self
                .user
                .signature(format!("{what} is a number of {bytes} bytes; a register holds at most 8"))),
        }
    }
}

/// A raw pointer to a struct: the kernel takes memory for it where any bytes are a value.
fn raw_pointer(shape: &ArgShape, ty: TypeRef, types: &Types) -> ArgKind {
    let demand = demand(shape.demand);
    match types.plain(ty.id) {
        Some(size) => ArgKind::ObjectOrMemory { ty, demand, size },
        None => ArgKind::Object { ty, demand },
    }
}

/// Whether a parameter's name says by itself that it is the constant size of the memory that the function returns, as in the kernel.
fn tells_size(name: &str) -> bool {
    matches!(name, "rdonly_buf_size" | "rdwr_buf_size")
}

/// The kernel's suffix for a parameter that means this.
fn suffix(shape: &ArgShape) -> &'static str {
    let nullable = shape.null == NullDecl::Nullable;
    match shape.form {
        ArgForm::Constant => "__k",
        ArgForm::Slice if nullable => "__opt",
        ArgForm::Slice | ArgForm::Memory if shape.mem == MemRule::Uninit => "__uninit",
        ArgForm::Str => "__str",
        ArgForm::Map => "__map",
        ArgForm::Ignored => "__ign",
        ArgForm::Dynptr if shape.mem == MemRule::Uninit => "__uninit",
        ArgForm::IrqFlag => "__irq_flag",
        ArgForm::Allocated => "__alloc",
        ArgForm::Refcounted => "__refcounted_kptr",
        ArgForm::Caller => "__prog",
        ArgForm::Field if shape.mem == MemRule::Read => "__nonown_allowed",
        ArgForm::Scalar
        | ArgForm::Checked
        | ArgForm::Object
        | ArgForm::KptrSlot
        | ArgForm::Memory
        | ArgForm::Slice
        | ArgForm::Dynptr
        | ArgForm::Iter
        | ArgForm::Callback
        | ArgForm::Implicit
        | ArgForm::Field
        | ArgForm::Value
        | ArgForm::RawOwned
        | ArgForm::RawErased
        | ArgForm::Unsized
        | ArgForm::Raw => {
            if nullable {
                "__nullable"
            } else {
                ""
            }
        }
    }
}

pub(super) fn signedness(int: IntForm) -> Signedness {
    match int {
        IntForm::Signed => Signedness::Signed,
        IntForm::Unsigned | IntForm::Char | IntForm::Bool => Signedness::Unsigned,
    }
}

pub(super) fn demand(demand: DemandDecl) -> Demand {
    match demand {
        DemandDecl::Trusted => Demand::Trusted,
        DemandDecl::Rcu => Demand::Rcu,
        DemandDecl::Exclusive => Demand::Exclusive,
        DemandDecl::Owned => Demand::Owned,
    }
}

fn memory(rule: MemRule) -> (MemAccess, MemInit) {
    match rule {
        MemRule::Read => (MemAccess::Read, MemInit::Required),
        MemRule::ReadWrite => (MemAccess::ReadWrite, MemInit::Required),
        MemRule::Uninit => (MemAccess::Write, MemInit::Provided),
    }
}

fn dynptr(rule: MemRule) -> DynptrKind {
    match rule {
        MemRule::Read => DynptrKind::Read,
        MemRule::ReadWrite => DynptrKind::ReadWrite,
        MemRule::Uninit => DynptrKind::Uninit(DynptrMemory::Host),
    }
}

fn map_shape(shape: &ArgShape) -> Option<(u32, u32)> {
    (shape.bytes != 0 || shape.bytes2 != 0).then_some((shape.bytes, shape.bytes2))
}
