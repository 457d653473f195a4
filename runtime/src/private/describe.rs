//! Constants that the macros compose descriptors of. All meaning comes from traits on the types.

use crate::declare::{
    AccessDecl, ArgDecl, ArgForm, ArgShape, EnumeratorDecl, IntForm, MemberDecl, NullDecl, OpsMemberDecl,
    OpsMemberForm, PointerDecl, PresenceDecl, RetForm, RetShape, SleepDecl, StepKind, StubAddr, TypeExpr,
    cfi_hash,
};
use crate::types::{BtfType, DecodeRet, EncodeArg, OpArg, OpRet, Pod};

/// What a type means as an operation's parameter.
pub const fn op_arg_shape<A: OpArg>() -> ArgShape {
    <A::Via as EncodeArg<A>>::SHAPE
}

/// What a type means as an operation's result.
pub const fn op_ret_shape<R: OpRet>() -> RetShape {
    <R::Via as DecodeRet<R>>::SHAPE
}

const fn small(number: usize) -> u32 {
    assert!(number <= u32::MAX as usize, "types that programs see are smaller than 4 GiB");
    #[expect(clippy::cast_possible_truncation, reason = "checked on the line above")]
    let small = number as u32;
    small
}

/// What an attribute on a field leaves of the rights that its type gives.
#[derive(Clone, Copy, Debug)]
pub enum Limit {
    /// All.
    None,
    /// Reading.
    ReadOnly,
    /// All, and writing must be among them.
    Writable,
}

/// What programs may do with a `T` under a limit.
#[track_caller]
pub const fn limited<T: BtfType>(limit: Limit) -> AccessDecl {
    match limit {
        Limit::None => T::ACCESS,
        Limit::ReadOnly => T::ACCESS.narrowed(AccessDecl::ReadOnly),
        Limit::Writable => {
            assert!(
                matches!(T::ACCESS, AccessDecl::ReadWrite | AccessDecl::Shared),
                "`rw`: programs cannot write this field, because not every pattern of bytes is a value of its type"
            );
            T::ACCESS
        }
    }
}

/// A field of type `T` at a byte offset.
#[track_caller]
pub const fn member<T: BtfType>(
    name: &'static str,
    offset: usize,
    limit: Limit,
    tag: &'static str,
) -> MemberDecl {
    MemberDecl {
        name,
        offset: small(offset),
        size: small(size_of::<T>()),
        ty: T::EXPR,
        access: limited::<T>(limit),
        pointer: T::POINTER,
        null: T::NULL,
        tag,
    }
}

/// A field whose pointer an RCU read-side section keeps valid.
#[track_caller]
pub const fn rcu_member<T: BtfType>(
    name: &'static str,
    offset: usize,
    limit: Limit,
    tag: &'static str,
) -> MemberDecl {
    assert!(matches!(T::EXPR.steps()[0].kind, StepKind::Ptr), "`rcu` stands on a pointer");
    assert!(
        matches!(T::POINTER, PointerDecl::Borrowed),
        "`rcu` stands on a pointer that is always valid (`Box`, `KRef`, `&'static`): nobody vouches for a raw one"
    );
    let mut member = member::<T>(name, offset, limit, tag);
    member.pointer = PointerDecl::Rcu;
    member.null = NullDecl::Nullable;
    member
}

/// Width and signedness of an enum's representation.
pub const fn repr_of<T: BtfType>() -> (u32, IntForm) {
    let step = T::EXPR.steps()[0];
    (step.count, step.int)
}

/// The legal patterns of an enum, ascending, cut to its width.
pub const fn legal<const N: usize>(bits: &[u64], (bytes, _): (u32, IntForm)) -> [u64; N] {
    let mut legal = [0; N];
    let mut at = 0;
    while at < N {
        let bit = bits[at] << (64 - 8 * bytes) >> (64 - 8 * bytes);
        let mut to = at;
        while to > 0 && legal[to - 1] > bit {
            legal[to] = legal[to - 1];
            to -= 1;
        }
        legal[to] = bit;
        at += 1;
    }
    legal
}

/// The values of an enum.
pub const fn enumerators<const N: usize>(names: &[&'static str; N], bits: &[u64]) -> [EnumeratorDecl; N] {
    let mut all = [EnumeratorDecl { name: "", value: 0 }; N];
    let mut at = 0;
    while at < N {
        all[at] = EnumeratorDecl { name: names[at], value: bits[at] };
        at += 1;
    }
    all
}

/// An operation of a table.
#[track_caller]
pub const fn op_member<const N: usize>(
    name: &'static str,
    doc: &'static str,
    offset: usize,
    (presence, sleep): (PresenceDecl, SleepDecl),
    op: u32,
    args: &'static [ArgDecl; N],
    ret: RetShape,
) -> OpsMemberDecl {
    OpsMemberDecl {
        name,
        doc,
        offset: small(offset),
        size: 8,
        form: OpsMemberForm::Op,
        presence,
        sleep,
        op,
        cfi_hash: op_hash(args, &ret),
        ty: TypeExpr::VOID,
        args,
        ret,
        stub: None,
    }
}

#[track_caller]
const fn op_hash<const N: usize>(args: &[ArgDecl; N], ret: &RetShape) -> u32 {
    let mut shapes = [ArgShape::new(ArgForm::Ignored, TypeExpr::VOID); N];
    let (mut at, mut slots, mut slices) = (0, 0, 0);
    while at < N {
        slots += args[at].shape.regs;
        slices += matches!(args[at].shape.form, ArgForm::Slice) as u8;
        assert!(
            slots <= 12,
            "an operation takes at most 12 slots: a slice takes two, and a struct of more than 8 bytes"
        );
        assert!(
            slices <= 1,
            "an operation takes at most one slice: programs could mistake one end for the other"
        );
        shapes[at] = args[at].shape;
        at += 1;
    }
    cfi_hash(&shapes, ret)
}

/// A data member of a table.
pub const fn data_member<T: BtfType>(name: &'static str, doc: &'static str, offset: usize) -> OpsMemberDecl {
    OpsMemberDecl {
        name,
        doc,
        offset: small(offset),
        size: small(size_of::<T>()),
        form: OpsMemberForm::Data,
        presence: PresenceDecl::Optional,
        sleep: SleepDecl::Atomic,
        op: 0,
        cfi_hash: 0,
        ty: T::EXPR,
        args: &[],
        ret: RetShape::new(RetForm::Void, TypeExpr::VOID),
        stub: None,
    }
}

/// The operation with its stub.
pub const fn stubbed(mut member: OpsMemberDecl, stub: Option<StubAddr>) -> OpsMemberDecl {
    member.stub = stub;
    member
}

/// Bytes of a field of plain data.
#[track_caller]
pub const fn plain<T: Pod>() -> usize {
    size_of::<T>()
}

/// Whether a struct has no bytes but those of its fields.
#[track_caller]
pub const fn no_padding<T: Pod>(fields: &[usize]) {
    let (mut sum, mut at) = (0, 0);
    while at < fields.len() {
        sum += fields[at];
        at += 1;
    }
    assert!(
        sum == size_of::<T>(),
        "plain data has no padding: order the fields by alignment, or name the gap with a field of bytes"
    );
}
