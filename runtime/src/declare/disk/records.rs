//! [`Reader`]: each record from its bytes, field by field at the offsets that this build of opswap uses itself.

use std::mem::offset_of;

use opswap_bpf::ProgramKind;

use super::super::{
    AccessDecl, ArgDecl, ArgForm, ArgShape, DeclHeader, DeclKind, DemandDecl, EnumeratorDecl, Filter,
    FilterVerdict, IntForm, KfuncDecl, MemRule, MemberDecl, NullDecl, OpsMemberDecl, OpsMemberForm, Place,
    PointerDecl, PresenceDecl, RetForm, RetShape, SetDecl, ShimAddr, SizeDecl, SleepDecl, Step, StepKind,
    StructOpsDecl, StubAddr, Tie, TrustDecl, TypeDecl, TypeExpr, TypeForm, TypeKey,
};
use super::DiskError;
use super::image::Image;

type Read<T> = Result<T, DiskError>;

/// Most bytes that are kept of one binary.
const BYTES_LIMIT: usize = 256 << 20;

/// Callbacks take numbers and pointers; none takes a callback that takes a callback.
const CALLBACK_DEPTH: u32 = 2;

pub(super) struct Reader<'i, 'a> {
    image: &'i Image<'a>,
    kept: usize,
    callbacks: u32,
}

/// A record's place in memory.
#[derive(Clone, Copy)]
struct At(u64);

impl At {
    fn field(self, offset: usize) -> Self {
        Self(self.0.wrapping_add(offset as u64))
    }

    fn damaged(self, expected: &'static str) -> DiskError {
        DiskError::Damaged { address: self.0, expected }
    }
}

/// The enum's value with this number.
fn pick<T: Copy>(at: At, number: u8, values: &[T], expected: &'static str) -> Read<T> {
    values.get(usize::from(number)).copied().ok_or(at.damaged(expected))
}

impl<'i, 'a> Reader<'i, 'a> {
    pub(super) fn new(image: &'i Image<'a>) -> Self {
        Self { image, kept: 0, callbacks: 0 }
    }

    /// All records of a section.
    pub(super) fn section<T: Copy>(
        &mut self,
        section: Option<(u64, u64)>,
        read: fn(&mut Self, u64) -> Read<T>,
    ) -> Read<Vec<T>> {
        let Some((address, bytes)) = section else { return Ok(Vec::new()) };
        let size = size_of::<T>() as u64;
        if bytes % size != 0 {
            return Err(DiskError::Version { address });
        }
        (0..bytes / size).map(|index| read(self, address + index * size)).collect()
    }

    fn byte(&self, at: At) -> Read<u8> {
        let bytes = self.image.bytes(at.0, 1).and_then(<[u8]>::first);
        bytes.copied().ok_or(at.damaged("a byte"))
    }

    fn u32(&self, at: At) -> Read<u32> {
        let bytes = self.image.bytes(at.0, 4).and_then(|bytes| bytes.first_chunk());
        bytes.map(|bytes| u32::from_le_bytes(*bytes)).ok_or(at.damaged("a number"))
    }

    fn word(&self, at: At) -> Read<u64> {
        self.image.word(at.0).ok_or(at.damaged("a number"))
    }

    fn keep(&mut self, bytes: usize) -> Read<()> {
        self.kept = self.kept.saturating_add(bytes);
        if self.kept > BYTES_LIMIT { Err(DiskError::TooLarge) } else { Ok(()) }
    }

    /// A slice's or string's address and length.
    fn fat(&self, at: At) -> Read<(At, u64)> {
        // Rust lays a fat pointer out as address, length; a test compares it with a slice of this process.
        Ok((At(self.word(at)?), self.word(at.field(8))?))
    }

    fn text(&mut self, at: At) -> Read<&'static str> {
        let (target, len) = self.fat(at)?;
        if len == 0 {
            return Ok("");
        }
        let bytes = self.image.bytes(target.0, len).ok_or(at.damaged("a string"))?;
        let text = std::str::from_utf8(bytes).map_err(|_| target.damaged("UTF-8"))?;
        self.keep(text.len())?;
        Ok(Box::leak(text.to_owned().into_boxed_str()))
    }

    fn slice<T>(&mut self, at: At, mut read: impl FnMut(&mut Self, At) -> Read<T>) -> Read<&'static [T]> {
        let (target, len) = self.fat(at)?;
        let size = size_of::<T>();
        if self.image.bytes(target.0, len.saturating_mul(size as u64)).is_none() && len != 0 {
            return Err(at.damaged("a slice of records"));
        }
        let mut items = Vec::new();
        for index in 0..len {
            self.keep(size)?;
            items.push(read(self, At(target.0.wrapping_add(index * size as u64)))?);
        }
        Ok(Box::leak(items.into_boxed_slice()))
    }

    fn header(&self, at: At, kind: DeclKind, size: usize) -> Read<DeclHeader> {
        let bytes = self.image.bytes(at.0, size_of::<DeclHeader>() as u64).ok_or(at.damaged("a header"))?;
        let expected = DeclHeader::new(kind, size);
        if expected.matches(bytes) { Ok(expected) } else { Err(DiskError::Version { address: at.0 }) }
    }

    /// A filter is a function of the other binary: whether there is one is all that can be told.
    fn filter(&self, at: At) -> Read<Option<Filter>> {
        fn unknown(_: &ProgramKind, _: &str) -> FilterVerdict {
            FilterVerdict::Deny
        }
        Ok((self.word(at)? != 0).then_some(unknown as Filter))
    }

    fn place(&mut self, at: At) -> Read<Place> {
        Ok(Place {
            module: self.text(at.field(offset_of!(Place, module)))?,
            tag: self.text(at.field(offset_of!(Place, tag)))?,
            line: self.u32(at.field(offset_of!(Place, line)))?,
            column: self.u32(at.field(offset_of!(Place, column)))?,
        })
    }

    fn int_form(&self, at: At) -> Read<IntForm> {
        let values = [IntForm::Unsigned, IntForm::Signed, IntForm::Char, IntForm::Bool];
        pick(at, self.byte(at)?, &values, "how a number is read")
    }

    fn null(&self, at: At) -> Read<NullDecl> {
        pick(at, self.byte(at)?, &[NullDecl::NonNull, NullDecl::Nullable], "whether NULL is legal")
    }

    fn mem_rule(&self, at: At) -> Read<MemRule> {
        pick(at, self.byte(at)?, &[MemRule::Read, MemRule::ReadWrite, MemRule::Uninit], "how memory is used")
    }

    fn type_expr(&self, at: At) -> Read<TypeExpr> {
        const KINDS: [StepKind; 9] = [
            StepKind::Void,
            StepKind::Int,
            StepKind::Float,
            StepKind::Ptr,
            StepKind::Const,
            StepKind::Array,
            StepKind::Named,
            StepKind::Opaque,
            StepKind::Kernel,
        ];
        let len = self.u32(at.field(TypeExpr::LEN_OFFSET))?;
        let mut steps = Vec::new();
        for index in 0..len.min(64) as usize {
            let step = at.field(TypeExpr::STEPS_OFFSET + index * size_of::<Step>());
            let kind = step.field(offset_of!(Step, kind));
            steps.push(Step {
                kind: pick(kind, self.byte(kind)?, &KINDS, "a step of a type")?,
                int: self.int_form(step.field(offset_of!(Step, int)))?,
                count: self.u32(step.field(offset_of!(Step, count)))?,
            });
        }
        let key = TypeKey(self.word(at.field(TypeExpr::KEY_OFFSET))?);
        TypeExpr::from_steps(&steps, key).ok_or(at.damaged("a type of 1 to 6 steps"))
    }

    fn arg_shape(&mut self, at: At) -> Read<ArgShape> {
        const FORMS: [ArgForm; 24] = [
            ArgForm::Scalar,
            ArgForm::Checked,
            ArgForm::Constant,
            ArgForm::Object,
            ArgForm::KptrSlot,
            ArgForm::Memory,
            ArgForm::Slice,
            ArgForm::Str,
            ArgForm::Map,
            ArgForm::Dynptr,
            ArgForm::Iter,
            ArgForm::Callback,
            ArgForm::Implicit,
            ArgForm::Ignored,
            ArgForm::Raw,
            ArgForm::IrqFlag,
            ArgForm::Field,
            ArgForm::Allocated,
            ArgForm::Refcounted,
            ArgForm::Caller,
            ArgForm::Value,
            ArgForm::RawOwned,
            ArgForm::RawErased,
            ArgForm::Unsized,
        ];
        const DEMANDS: [DemandDecl; 4] =
            [DemandDecl::Trusted, DemandDecl::Rcu, DemandDecl::Exclusive, DemandDecl::Owned];
        let form = at.field(offset_of!(ArgShape, form));
        let demand = at.field(offset_of!(ArgShape, demand));
        let size = at.field(offset_of!(ArgShape, size));
        if self.callbacks > CALLBACK_DEPTH {
            return Err(at.damaged("a callback without further callbacks"));
        }
        self.callbacks += 1;
        let callback = self.slice(at.field(offset_of!(ArgShape, callback)), Self::arg_shape)?;
        self.callbacks -= 1;
        Ok(ArgShape {
            form: pick(form, self.byte(form)?, &FORMS, "what an argument is")?,
            null: self.null(at.field(offset_of!(ArgShape, null)))?,
            demand: pick(demand, self.byte(demand)?, &DEMANDS, "what a pointer must be")?,
            mem: self.mem_rule(at.field(offset_of!(ArgShape, mem)))?,
            size: pick(size, self.byte(size)?, &[SizeDecl::Bounded, SizeDecl::Constant], "a rule for sizes")?,
            int: self.int_form(at.field(offset_of!(ArgShape, int)))?,
            regs: self.byte(at.field(offset_of!(ArgShape, regs)))?,
            bytes: self.u32(at.field(offset_of!(ArgShape, bytes)))?,
            bytes2: self.u32(at.field(offset_of!(ArgShape, bytes2)))?,
            ty: self.type_expr(at.field(offset_of!(ArgShape, ty)))?,
            legal: self.slice(at.field(offset_of!(ArgShape, legal)), |reader, at| reader.word(at))?,
            callback,
        })
    }

    fn ret_shape(&self, at: At) -> Read<RetShape> {
        const FORMS: [RetForm; 6] = [
            RetForm::Void,
            RetForm::Scalar,
            RetForm::ErrnoOr,
            RetForm::Object,
            RetForm::Memory,
            RetForm::Fixed,
        ];
        const TRUSTS: [TrustDecl; 5] =
            [TrustDecl::Owned, TrustDecl::Borrowed, TrustDecl::Rcu, TrustDecl::Untrusted, TrustDecl::Handed];
        let form = at.field(offset_of!(RetShape, form));
        let trust = at.field(offset_of!(RetShape, trust));
        Ok(RetShape {
            form: pick(form, self.byte(form)?, &FORMS, "what a result is")?,
            null: self.null(at.field(offset_of!(RetShape, null)))?,
            trust: pick(trust, self.byte(trust)?, &TRUSTS, "who owns a result")?,
            mem: self.mem_rule(at.field(offset_of!(RetShape, mem)))?,
            int: self.int_form(at.field(offset_of!(RetShape, int)))?,
            bytes: self.u32(at.field(offset_of!(RetShape, bytes)))?,
            ty: self.type_expr(at.field(offset_of!(RetShape, ty)))?,
        })
    }

    fn arg(&mut self, at: At) -> Read<ArgDecl> {
        Ok(ArgDecl {
            name: self.text(at.field(offset_of!(ArgDecl, name)))?,
            shape: self.arg_shape(at.field(offset_of!(ArgDecl, shape)))?,
        })
    }

    fn set(&mut self, at: At) -> Read<SetDecl> {
        Ok(SetDecl {
            header: self.header(at, DeclKind::Set, size_of::<SetDecl>())?,
            place: self.place(at.field(offset_of!(SetDecl, place)))?,
            name: self.text(at.field(offset_of!(SetDecl, name)))?,
            programs: self.slice(at.field(offset_of!(SetDecl, programs)), Self::text)?,
            filter: self.filter(at.field(offset_of!(SetDecl, filter)))?,
        })
    }

    pub(super) fn kfunc(&mut self, address: u64) -> Read<KfuncDecl> {
        let at = At(address);
        let header = self.header(at, DeclKind::Kfunc, size_of::<KfuncDecl>())?;
        let place = self.place(at.field(offset_of!(KfuncDecl, place)))?;
        let name = self.text(at.field(offset_of!(KfuncDecl, name)))?;
        let doc_tag = self.text(at.field(offset_of!(KfuncDecl, doc_tag)))?;
        let args = self.slice(at.field(offset_of!(KfuncDecl, args)), Self::arg)?;
        let ret = self.ret_shape(at.field(offset_of!(KfuncDecl, ret)))?;
        let tie = Tie(self.byte(at.field(offset_of!(KfuncDecl, tie)))?);
        let sets = self.slice(at.field(offset_of!(KfuncDecl, sets)), |reader, at| {
            let target = At(reader.word(at)?);
            let set = reader.set(target)?;
            Ok(&*Box::leak(Box::new(set)))
        })?;
        let mut decl =
            KfuncDecl::draft(place, name, args, (ret, tie, ShimAddr::NONE)).doc_tag(doc_tag).done();
        decl.header = header;
        decl.flags = self.u32(at.field(offset_of!(KfuncDecl, flags)))?;
        decl.programs = self.slice(at.field(offset_of!(KfuncDecl, programs)), Self::text)?;
        decl.sets = sets;
        decl.filter = self.filter(at.field(offset_of!(KfuncDecl, filter)))?;
        decl.deprecated = self.text(at.field(offset_of!(KfuncDecl, deprecated)))?;
        Ok(decl)
    }

    /// A stub of the other binary cannot be called; its header must be the operation's hash all the same.
    fn check_stub(&self, at: At) -> Read<()> {
        let target = At(self.word(at.field(offset_of!(OpsMemberDecl, stub)))?);
        if target.0 == 0 {
            return Ok(());
        }
        let hash = self.u32(at.field(offset_of!(OpsMemberDecl, cfi_hash)))?;
        let header = target.field(StubAddr::HEADER);
        if self.u32(header)? != hash {
            return Err(header.damaged("the type hash in front of an operation's stub"));
        }
        Ok(())
    }

    fn ops_member(&mut self, at: At) -> Read<OpsMemberDecl> {
        const PRESENCE: [PresenceDecl; 3] =
            [PresenceDecl::Required, PresenceDecl::Optional, PresenceDecl::Unsupported];
        let form = at.field(offset_of!(OpsMemberDecl, form));
        let presence = at.field(offset_of!(OpsMemberDecl, presence));
        let sleep = at.field(offset_of!(OpsMemberDecl, sleep));
        self.check_stub(at)?;
        Ok(OpsMemberDecl {
            name: self.text(at.field(offset_of!(OpsMemberDecl, name)))?,
            doc: self.text(at.field(offset_of!(OpsMemberDecl, doc)))?,
            offset: self.u32(at.field(offset_of!(OpsMemberDecl, offset)))?,
            size: self.u32(at.field(offset_of!(OpsMemberDecl, size)))?,
            form: pick(
                form,
                self.byte(form)?,
                &[OpsMemberForm::Op, OpsMemberForm::Data],
                "what a member is",
            )?,
            presence: pick(presence, self.byte(presence)?, &PRESENCE, "whether an operation is required")?,
            sleep: pick(
                sleep,
                self.byte(sleep)?,
                &[SleepDecl::Atomic, SleepDecl::Sleepable],
                "whether it sleeps",
            )?,
            op: self.u32(at.field(offset_of!(OpsMemberDecl, op)))?,
            cfi_hash: self.u32(at.field(offset_of!(OpsMemberDecl, cfi_hash)))?,
            ty: self.type_expr(at.field(offset_of!(OpsMemberDecl, ty)))?,
            args: self.slice(at.field(offset_of!(OpsMemberDecl, args)), Self::arg)?,
            ret: self.ret_shape(at.field(offset_of!(OpsMemberDecl, ret)))?,
            stub: None,
        })
    }

    pub(super) fn table(&mut self, address: u64) -> Read<StructOpsDecl> {
        let at = At(address);
        Ok(StructOpsDecl {
            header: self.header(at, DeclKind::StructOps, size_of::<StructOpsDecl>())?,
            place: self.place(at.field(offset_of!(StructOpsDecl, place)))?,
            key: TypeKey(self.word(at.field(offset_of!(StructOpsDecl, key)))?),
            name: self.text(at.field(offset_of!(StructOpsDecl, name)))?,
            doc: self.text(at.field(offset_of!(StructOpsDecl, doc)))?,
            size: self.u32(at.field(offset_of!(StructOpsDecl, size)))?,
            align: self.u32(at.field(offset_of!(StructOpsDecl, align)))?,
            members: self.slice(at.field(offset_of!(StructOpsDecl, members)), Self::ops_member)?,
        })
    }

    fn member(&mut self, at: At) -> Read<MemberDecl> {
        const ACCESS: [AccessDecl; 4] =
            [AccessDecl::Hidden, AccessDecl::ReadOnly, AccessDecl::ReadWrite, AccessDecl::Shared];
        const POINTERS: [PointerDecl; 3] = [PointerDecl::Untrusted, PointerDecl::Borrowed, PointerDecl::Rcu];
        let access = at.field(offset_of!(MemberDecl, access));
        let pointer = at.field(offset_of!(MemberDecl, pointer));
        Ok(MemberDecl {
            name: self.text(at.field(offset_of!(MemberDecl, name)))?,
            offset: self.u32(at.field(offset_of!(MemberDecl, offset)))?,
            size: self.u32(at.field(offset_of!(MemberDecl, size)))?,
            ty: self.type_expr(at.field(offset_of!(MemberDecl, ty)))?,
            access: pick(access, self.byte(access)?, &ACCESS, "what programs may do with a field")?,
            pointer: pick(pointer, self.byte(pointer)?, &POINTERS, "what a pointer field holds")?,
            null: self.null(at.field(offset_of!(MemberDecl, null)))?,
            tag: self.text(at.field(offset_of!(MemberDecl, tag)))?,
        })
    }

    fn enumerator(&mut self, at: At) -> Read<EnumeratorDecl> {
        Ok(EnumeratorDecl {
            name: self.text(at.field(offset_of!(EnumeratorDecl, name)))?,
            value: self.word(at.field(offset_of!(EnumeratorDecl, value)))?,
        })
    }

    pub(super) fn ty(&mut self, address: u64) -> Read<TypeDecl> {
        let at = At(address);
        let form = at.field(offset_of!(TypeDecl, form));
        let forms = [TypeForm::Struct, TypeForm::Union, TypeForm::Enum, TypeForm::Opaque];
        Ok(TypeDecl {
            header: self.header(at, DeclKind::Type, size_of::<TypeDecl>())?,
            place: self.place(at.field(offset_of!(TypeDecl, place)))?,
            key: TypeKey(self.word(at.field(offset_of!(TypeDecl, key)))?),
            name: self.text(at.field(offset_of!(TypeDecl, name)))?,
            doc: self.text(at.field(offset_of!(TypeDecl, doc)))?,
            form: pick(form, self.byte(form)?, &forms, "a kind of type")?,
            int: self.int_form(at.field(offset_of!(TypeDecl, int)))?,
            size: self.u32(at.field(offset_of!(TypeDecl, size)))?,
            align: self.u32(at.field(offset_of!(TypeDecl, align)))?,
            members: self.slice(at.field(offset_of!(TypeDecl, members)), Self::member)?,
            enumerators: self.slice(at.field(offset_of!(TypeDecl, enumerators)), Self::enumerator)?,
        })
    }
}
