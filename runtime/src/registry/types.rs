//! [`Types`]: declared types as BTF, and what programs may do with their fields.
//!
//! Declared types take the first ids in order of their names, so that they can name each other; everything composed of them
//! (numbers, pointers, arrays, prototypes) follows in order of first use, each once.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hash, Hasher};

use opswap_bpf::btf::{
    ArrayType, BtfType, Enum64Value, EnumValue, FwdKind, IntEncoding, IntType, Member, Signedness, TypeClass,
};
use opswap_bpf::hashed::{HashedMap, Keyed};
use opswap_bpf::proto::{ArgKind, ArgProto, FieldAccess, FieldPolicy, Nullness, PointerPolicy, RetProto};
use opswap_bpf::{Btf, BtfId, Text};

use super::composed::Composed;
use super::contract::CParam;
use super::error::RegistryError;
use super::sorted_by_name;
use crate::declare::{
    AccessDecl, IntForm, KernelLayout as Layout, KernelType, MemberDecl, NullDecl, Place, PointerDecl, Step,
    StepKind, TypeDecl, TypeExpr, TypeForm, TypeKey,
};

/// Nested structs of plain numbers (Linux: `__btf_type_is_scalar_struct`).
const PLAIN_DEPTH: u32 = 4;

/// A FUNC, often a prototype, and tags: that it is a kfunc, its flags, arguments, result, place and comment.
const TYPES_OF_A_FUNCTION: usize = 10;

/// BTF in the making.
#[derive(Default)]
pub(super) struct Types {
    declared: HashMap<TypeKey, (BtfId, TypeDecl), Keyed>,
    names: HashMap<&'static str, Place>,
    btf: Btf,
    /// Types that stand once, by the hash of what they are. Two types of one hash would both be pushed each time, which does no harm.
    interned: HashedMap<BtfId>,
    hasher: Keyed,
    /// The few numbers that there are, and pointers by what they point to (void: none yet): asked for with every parameter.
    ints: Vec<((u32, IntForm), BtfId)>,
    pointers: Vec<BtfId>,
    /// Tags of arguments and results that were composed before.
    arg_tags: Composed<(ArgKind, Nullness)>,
    ret_tags: Composed<RetProto>,
    /// What memory's size is called, by the memory's name.
    size_names: HashMap<&'static str, Text, Keyed>,
    policies: HashMap<BtfId, Vec<FieldPolicy>>,
}

/// The declaration that is being lowered, for messages.
#[derive(Clone, Copy)]
pub(super) struct User {
    pub(super) name: &'static str,
    pub(super) place: Place,
}

impl User {
    pub(super) fn signature(self, problem: impl Into<String>) -> RegistryError {
        RegistryError::Signature { name: self.name.to_owned(), place: self.place, problem: problem.into() }
    }
}

impl Types {
    /// Adds the declared types of one part. One that an earlier part has from the same place must be the same here.
    pub(super) fn declare(&mut self, records: &[TypeDecl]) -> Result<(), RegistryError> {
        let mut own = Vec::new();
        for decl in sorted_by_name("type", records, |decl| (decl.name, decl.place))? {
            let user = User { name: decl.name, place: decl.place };
            check_version(decl.header.is_current(), user)?;
            if !self.is_known(decl, user)? {
                // The definition follows when every type has its id.
                let id = self.push(BtfType::Fwd { name: decl.name.to_owned(), kind: FwdKind::Struct });
                self.declared.insert(decl.key, (id, *decl));
                own.push((id, user, decl));
            }
        }
        for (id, user, decl) in &own {
            let body = self.body(decl, *user)?;
            self.btf.define(*id, body);
            self.policies.insert(*id, decl.members.iter().map(policy).collect());
        }
        for (id, _, decl) in own {
            self.tags(id, decl);
        }
        Ok(())
    }

    /// Whether the type is there already, from another part.
    fn is_known(&mut self, decl: &TypeDecl, user: User) -> Result<bool, RegistryError> {
        if let Some((_, first)) = self.declared.get(&decl.key) {
            if first == decl {
                return Ok(true);
            }
            let problem = if (first.place, first.name) == (decl.place, decl.name) {
                "application and module disagree about this type: build them from the same sources".to_owned()
            } else {
                format!(
                    "`{}` at {} has the same Rust name in the same module: give one of them another name",
                    first.name, first.place
                )
            };
            return Err(user.signature(problem));
        }
        match self.names.insert(decl.name, decl.place) {
            Some(first) => {
                let (name, second) = (decl.name.to_owned(), decl.place);
                Err(RegistryError::Duplicate { what: "type", name, first, second })
            }
            None => Ok(false),
        }
    }

    /// Number of ids so far, `void` included.
    pub(super) fn len(&self) -> usize {
        self.btf.len()
    }

    /// Makes room for the types of so many functions: their own, and what is said of them.
    pub(super) fn expect(&mut self, functions: usize) {
        self.btf.reserve(functions.saturating_mul(TYPES_OF_A_FUNCTION), functions);
    }

    /// The finished BTF, and the policies of its structs by member.
    pub(super) fn finish(self) -> (Btf, HashMap<BtfId, Vec<FieldPolicy>>) {
        (self.btf, self.policies)
    }

    /// The id of a type, new if there is none like it yet.
    pub(super) fn intern(&mut self, ty: BtfType) -> BtfId {
        if let Some(id) = self.interned_id(&ty) {
            return id;
        }
        let hash = self.hasher.hash_one(&ty);
        let id = self.push(ty);
        self.interned.insert(hash, id);
        id
    }

    /// The id of a type that was interned.
    fn interned_id(&self, ty: &BtfType) -> Option<BtfId> {
        let id = *self.interned.get(&self.hasher.hash_one(ty))?;
        (self.get(id) == Some(ty)).then_some(id)
    }

    /// A pointer.
    pub(super) fn pointer(&mut self, to: BtfId) -> BtfId {
        if self.pointers.len() <= to.index() {
            self.pointers.resize(to.index() + 1, BtfId(0));
        }
        if self.pointers[to.index()] == BtfId(0) {
            self.pointers[to.index()] = self.push(BtfType::Ptr { to });
        }
        self.pointers[to.index()]
    }

    /// A prototype.
    pub(super) fn prototype(&mut self, ret: BtfId, params: &[CParam]) -> BtfId {
        let mut hasher = self.hasher.build_hasher();
        ret.hash(&mut hasher);
        for param in params {
            hasher.write(param.name.as_bytes());
            hasher.write(param.suffix.as_bytes());
            param.ty.hash(&mut hasher);
        }
        let hash = hasher.finish();
        if let Some(&id) = self.interned.get(&hash)
            && let Some(BtfType::FuncProto { ret: found, params: others }) = self.get(id)
            && (*found, others.len()) == (ret, params.len())
            && params.iter().zip(others).all(|(param, other)| param.is(other))
        {
            return id;
        }
        let id = self.push(BtfType::FuncProto { ret, params: params.iter().map(CParam::param).collect() });
        self.interned.insert(hash, id);
        id
    }

    /// Appends a type that is its own even when there is one like it.
    pub(super) fn push(&mut self, ty: BtfType) -> BtfId {
        self.btf.push(ty)
    }

    /// Tags a declaration, or one of its members or parameters.
    pub(super) fn tag(&mut self, of: BtfId, component: Option<usize>, text: impl Into<Text>) {
        let component = component.and_then(|at| u32::try_from(at).ok());
        self.push(BtfType::decl_tag(text, of, component));
    }

    /// What C cannot say about arguments and result, as tags of a function. Many functions share a text.
    pub(super) fn tag_signature(&mut self, func: BtfId, args: &[ArgProto], ret: &RetProto) {
        for (at, arg) in args.iter().enumerate() {
            if let Some(text) = self.arg_tags.text(arg, self.hasher) {
                self.tag(func, Some(at), text);
            }
        }
        if let Some(text) = self.ret_tags.text(ret, self.hasher) {
            self.tag(func, None, text);
        }
    }

    /// What the size of the memory `name` is called.
    pub(super) fn size_name(&mut self, name: &'static str) -> Text {
        let text = || Text::from(["size of ", name].concat());
        self.size_names.entry(name).or_insert_with(text).clone()
    }

    /// The id of a type expression.
    pub(super) fn expr(&mut self, expr: &TypeExpr, user: User) -> Result<BtfId, RegistryError> {
        let mut id = BtfId(0);
        for step in expr.steps().iter().rev() {
            id = self.step(step, expr.key(), id, user)?;
        }
        Ok(id)
    }

    fn step(&mut self, step: &Step, key: TypeKey, inner: BtfId, user: User) -> Result<BtfId, RegistryError> {
        Ok(match step.kind {
            StepKind::Void => BtfId(0),
            StepKind::Int => self.int(step.count, step.int),
            StepKind::Float => {
                let name = if step.count == 4 { "float" } else { "double" };
                self.intern(BtfType::Float { name: name.to_owned(), size: step.count })
            }
            StepKind::Ptr => self.pointer(inner),
            StepKind::Const => self.intern(BtfType::Const { of: inner }),
            StepKind::Array => {
                let index = self.int(4, IntForm::Unsigned);
                self.intern(BtfType::Array(ArrayType { element: inner, index, count: step.count }))
            }
            StepKind::Named => self.declared.get(&key).map(|(id, _)| *id).ok_or_else(|| {
                RegistryError::UnknownType { used_in: user.name.to_owned(), place: user.place }
            })?,
            StepKind::Kernel => self.kernel(step.count, user)?,
            StepKind::Opaque => match self.declared.get(&key) {
                Some((id, _)) => *id,
                None => self
                    .intern(BtfType::Fwd { name: format!("opaque_{:016x}", key.0), kind: FwdKind::Struct }),
            },
        })
    }

    /// One of the kernel's types.
    fn kernel(&mut self, number: u32, user: User) -> Result<BtfId, RegistryError> {
        let ty = KernelType::from_number(number).ok_or_else(|| user.signature("names an unknown type"))?;
        let Layout { name, member, element, count } = ty.layout();
        let element_ty = self.int(element, IntForm::Unsigned);
        let member_ty = if count == 1 {
            element_ty
        } else {
            let index = self.int(4, IntForm::Unsigned);
            self.intern(BtfType::Array(ArrayType { element: element_ty, index, count }))
        };
        let member = Member { name: member.to_owned(), ty: member_ty, bit_offset: 0, bitfield_bits: 0 };
        let body = BtfType::Struct { name: name.to_owned(), size: element * count, members: vec![member] };
        let known = self.interned_id(&body).is_some();
        if !known && self.btf.ids_named(name).next().is_some() {
            return Err(user.signature(format!(
                "uses the kernel's `struct {name}`, and another type is declared under that name"
            )));
        }
        Ok(self.intern(body))
    }

    /// The struct's name.
    pub(super) fn name(&self, id: BtfId) -> &str {
        self.get(id).and_then(BtfType::name).unwrap_or_default()
    }

    fn get(&self, id: BtfId) -> Option<&BtfType> {
        self.btf.get(id)
    }

    /// Bytes of a struct that holds plain numbers only, at most four levels deep, with no gap but what C leaves between them: any
    /// bytes are a value of it. `None` for any other type.
    pub(super) fn plain(&self, id: BtfId) -> Option<u32> {
        self.plain_body(id, 0).map(|(size, _)| size)
    }

    /// Size and alignment of such a struct, array or number.
    fn plain_body(&self, id: BtfId, depth: u32) -> Option<(u32, u32)> {
        let ty = self.get(id)?;
        if let BtfType::Array(array) = ty {
            let (size, align) = self.plain_body(array.element, depth)?;
            return (array.count > 0).then_some((size.checked_mul(array.count)?, align));
        }
        if matches!(ty.class(), TypeClass::Int | TypeClass::Float) {
            return ty.stated_size().map(|size| (size, size));
        }
        let BtfType::Struct { size, members, .. } = ty else { return None };
        let policies = self.policies.get(&id).filter(|_| depth < PLAIN_DEPTH)?;
        let (mut end, mut align) = (0_u32, 1);
        for (member, policy) in members.iter().zip(policies) {
            if !matches!(policy.access, FieldAccess::ReadWrite | FieldAccess::Shared) {
                return None;
            }
            let (bytes, own) = self.plain_body(member.ty, depth + 1)?;
            if end.checked_next_multiple_of(own)? != member.bit_offset / 8 {
                return None;
            }
            (end, align) = ((member.bit_offset / 8).checked_add(bytes)?, align.max(own));
        }
        (members.len() == policies.len() && end.checked_next_multiple_of(align)? == *size)
            .then_some((*size, align))
    }

    /// A number under its C name.
    pub(super) fn int(&mut self, bytes: u32, form: IntForm) -> BtfId {
        if let Some((_, id)) = self.ints.iter().find(|(number, _)| *number == (bytes, form)) {
            return *id;
        }
        let id = self.new_int(bytes, form);
        self.ints.push(((bytes, form), id));
        id
    }

    fn new_int(&mut self, bytes: u32, form: IntForm) -> BtfId {
        let (name, encoding) = match (form, bytes) {
            (IntForm::Bool, _) => ("_Bool", IntEncoding::Bool),
            (IntForm::Char, _) => ("char", IntEncoding::Unsigned),
            (IntForm::Unsigned, 1) => ("unsigned char", IntEncoding::Unsigned),
            (IntForm::Unsigned, 2) => ("unsigned short", IntEncoding::Unsigned),
            (IntForm::Unsigned, 4) => ("unsigned int", IntEncoding::Unsigned),
            (IntForm::Unsigned, 8) => ("unsigned long", IntEncoding::Unsigned),
            (IntForm::Unsigned, _) => ("unsigned __int128", IntEncoding::Unsigned),
            (IntForm::Signed, 1) => ("signed char", IntEncoding::Signed),
            (IntForm::Signed, 2) => ("short", IntEncoding::Signed),
            (IntForm::Signed, 4) => ("int", IntEncoding::Signed),
            (IntForm::Signed, 8) => ("long", IntEncoding::Signed),
            (IntForm::Signed, _) => ("__int128", IntEncoding::Signed),
        };
        let bits = u8::try_from(bytes * 8).unwrap_or(u8::MAX);
        let name = name.to_owned();
        self.intern(BtfType::Int(IntType { name, size: bytes, encoding, bit_offset: 0, bits }))
    }

    fn body(&mut self, decl: &TypeDecl, user: User) -> Result<BtfType, RegistryError> {
        let name = decl.name.to_owned();
        let size = decl.size;
        Ok(match decl.form {
            TypeForm::Struct => BtfType::Struct { name, size, members: self.members(decl, user)? },
            TypeForm::Union => BtfType::Union { name, size, members: self.members(decl, user)? },
            TypeForm::Opaque => BtfType::Struct { name, size, members: Vec::new() },
            TypeForm::Enum => enumeration(decl),
        })
    }

    fn members(&mut self, decl: &TypeDecl, user: User) -> Result<Vec<Member>, RegistryError> {
        decl.members.iter().map(|member| self.member(member.name, member.offset, &member.ty, user)).collect()
    }

    pub(super) fn member(
        &mut self,
        name: &str,
        offset: u32,
        ty: &TypeExpr,
        user: User,
    ) -> Result<Member, RegistryError> {
        let bit_offset = offset.checked_mul(8).ok_or_else(|| {
            user.signature(format!("member `{name}` lies beyond 512 MiB, which BTF cannot say"))
        })?;
        Ok(Member { name: name.to_owned(), ty: self.expr(ty, user)?, bit_offset, bitfield_bits: 0 })
    }

    /// What a program author and the interface file need to know beyond C.
    fn tags(&mut self, id: BtfId, decl: &TypeDecl) {
        if !decl.doc.is_empty() {
            self.tag(id, None, format!("doc:{}", decl.doc));
        }
        for (at, member) in decl.members.iter().enumerate() {
            for text in policy_tags(&policy(member)) {
                self.tag(id, Some(at), text);
            }
            if !member.tag.is_empty() {
                self.tag(id, Some(at), member.tag);
            }
        }
    }
}

pub(super) fn check_version(current: bool, user: User) -> Result<(), RegistryError> {
    if current {
        return Ok(());
    }
    Err(RegistryError::OtherVersion { name: user.name.to_owned(), place: user.place })
}

fn enumeration(decl: &TypeDecl) -> BtfType {
    let signed = match decl.int {
        IntForm::Signed => Signedness::Signed,
        IntForm::Unsigned | IntForm::Char | IntForm::Bool => Signedness::Unsigned,
    };
    let name = decl.name.to_owned();
    if decl.size > 4 {
        let values = decl.enumerators.iter().map(|e| Enum64Value { name: e.name.to_owned(), value: e.value });
        return BtfType::Enum64 { name, size: decl.size, signed, values: values.collect() };
    }
    let values = decl.enumerators.iter().map(|e| {
        // The low half is the whole value of an enum of at most four bytes.
        let [b0, b1, b2, b3, ..] = e.value.to_le_bytes();
        EnumValue { name: e.name.to_owned(), value: i32::from_le_bytes([b0, b1, b2, b3]) }
    });
    BtfType::Enum { name, size: decl.size, signed, values: values.collect() }
}

pub(super) fn nullness(null: NullDecl) -> Nullness {
    match null {
        NullDecl::NonNull => Nullness::NonNull,
        NullDecl::Nullable => Nullness::Nullable,
    }
}

fn policy(member: &MemberDecl) -> FieldPolicy {
    let access = match member.access {
        AccessDecl::Hidden => FieldAccess::Hidden,
        AccessDecl::ReadOnly => FieldAccess::ReadOnly,
        AccessDecl::ReadWrite => FieldAccess::ReadWrite,
        AccessDecl::Shared => FieldAccess::Shared,
    };
    let pointer = match member.pointer {
        PointerDecl::Untrusted => PointerPolicy::Untrusted,
        PointerDecl::Borrowed => PointerPolicy::Borrowed(nullness(member.null)),
        PointerDecl::Rcu => PointerPolicy::Rcu(Nullness::Nullable),
    };
    FieldPolicy { access, pointer }
}

/// A member's policy as decl tags; what is not said is read-only and, for a pointer, untrusted.
fn policy_tags(policy: &FieldPolicy) -> Vec<&'static str> {
    let mut tags = Vec::new();
    match policy.access {
        FieldAccess::Hidden => tags.push("btf:hidden"),
        FieldAccess::ReadOnly => {}
        FieldAccess::ReadWrite => tags.push("btf:rw"),
        FieldAccess::Shared => tags.push("btf:shared"),
    }
    match policy.pointer {
        PointerPolicy::Borrowed(Nullness::NonNull) => tags.push("ptr:borrowed"),
        PointerPolicy::Borrowed(Nullness::Nullable) => tags.push("ptr:borrowed_nullable"),
        PointerPolicy::Rcu(Nullness::NonNull) => tags.push("ptr:rcu"),
        PointerPolicy::Rcu(Nullness::Nullable) => tags.push("ptr:rcu_nullable"),
        PointerPolicy::Untrusted => {}
    }
    tags
}
