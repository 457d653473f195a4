//! Constants that the macros compose descriptors of. All meaning comes from traits on the types.

use crate::declare::{AccessDecl, ArgShape, MemberDecl, OpsMemberDecl, OpsMemberForm, PresenceDecl, RetForm, RetShape, SleepDecl, TypeExpr, cfi_hash, ArgDecl};
use crate::types::{BtfType, Decode, DecodeRet, Encode, EncodeArg, KfuncArg, KfuncRet, OpArg, OpRet};

/// What a type means as a kfunc's parameter.
pub const fn arg_shape<A: KfuncArg>() -> ArgShape {
    <A::Via as Decode<A>>::SHAPE
}

/// What a type means as a kfunc's result.
pub const fn ret_shape<R: KfuncRet>() -> RetShape {
    <R::Via as Encode<R>>::SHAPE
}

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

/// A field of type `T` at a byte offset, with the rights that its type gives and `limit` leaves.
pub const fn member<T: BtfType>(
    name: &'static str,
    offset: usize,
    limit: AccessDecl,
    tag: &'static str,
) -> MemberDecl {
    MemberDecl {
        name,
        offset: small(offset),
        size: small(size_of::<T>()),
        ty: T::EXPR,
        access: T::ACCESS.narrowed(limit),
        pointer: T::POINTER,
        null: T::NULL,
        tag,
    }
}

/// An operation of a table.
#[expect(clippy::too_many_arguments, reason = "one a field of the record")]
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
    }
}

const fn op_hash<const N: usize>(args: &[ArgDecl; N], ret: &RetShape) -> u32 {
    let mut shapes = [ArgShape::new(crate::declare::ArgForm::Ignored, TypeExpr::VOID); N];
    let mut at = 0;
    while at < N {
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
    }
}
