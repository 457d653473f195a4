//! Records that outlive the library they came from: contracts, messages and BTF may still be looked at when a module is gone.
//!
//! Everything but code is copied, and kept for the life of the process, as linked records are. Each pattern names all fields: a new
//! one has to decide here whether it is copied.

use crate::declare::{
    ArgDecl, ArgShape, EnumeratorDecl, KfuncDecl, MemberDecl, OpsMemberDecl, Place, SetDecl, StructOpsDecl,
    TypeDecl,
};
use crate::registry::Records;

/// A copy that owes nothing to the library.
pub(super) fn records(records: Records<'_>) -> Records<'static> {
    let Records { kfuncs, tables, types } = records;
    Records { kfuncs: all(kfuncs, kfunc), tables: all(tables, table), types: all(types, ty) }
}

fn all<T>(given: &[T], copy: impl Fn(&T) -> T) -> &'static [T] {
    Box::leak(given.iter().map(copy).collect::<Box<[T]>>())
}

fn text(given: &str) -> &'static str {
    Box::leak(given.to_owned().into_boxed_str())
}

fn place(given: Place) -> Place {
    let Place { module, tag, line, column } = given;
    Place { module: text(module), tag: text(tag), line, column }
}

fn kfunc(given: &KfuncDecl) -> KfuncDecl {
    let KfuncDecl {
        header,
        place: at,
        name,
        doc_tag,
        flags,
        tie,
        args,
        ret,
        programs,
        sets,
        filter,
        deprecated,
        shim,
    } = *given;
    KfuncDecl {
        header,
        place: place(at),
        name: text(name),
        doc_tag: text(doc_tag),
        flags,
        tie,
        args: all(args, arg),
        ret,
        programs: all(programs, |word| text(word)),
        sets: all(sets, |one| Box::leak(Box::new(set(one)))),
        filter,
        deprecated: text(deprecated),
        shim,
    }
}

fn set(given: &SetDecl) -> SetDecl {
    let SetDecl { header, place: at, name, programs, filter } = *given;
    SetDecl { header, place: place(at), name: text(name), programs: all(programs, |word| text(word)), filter }
}

fn arg(given: &ArgDecl) -> ArgDecl {
    let ArgDecl { name, shape: meaning } = *given;
    ArgDecl { name: text(name), shape: shape(&meaning) }
}

fn shape(given: &ArgShape) -> ArgShape {
    let ArgShape { form, null, demand, mem, size, int, regs, bytes, bytes2, ty, legal, callback } = *given;
    let (legal, callback) = (all(legal, |value| *value), all(callback, shape));
    ArgShape { form, null, demand, mem, size, int, regs, bytes, bytes2, ty, legal, callback }
}

fn ty(given: &TypeDecl) -> TypeDecl {
    let TypeDecl { header, place: at, key, name, doc, form, int, size, align, members, enumerators } = *given;
    TypeDecl {
        header,
        place: place(at),
        key,
        name: text(name),
        doc: text(doc),
        form,
        int,
        size,
        align,
        members: all(members, member),
        enumerators: all(enumerators, enumerator),
    }
}

fn member(given: &MemberDecl) -> MemberDecl {
    let MemberDecl { name, offset, size, ty, access, pointer, null, tag } = *given;
    MemberDecl { name: text(name), offset, size, ty, access, pointer, null, tag: text(tag) }
}

fn enumerator(given: &EnumeratorDecl) -> EnumeratorDecl {
    let EnumeratorDecl { name, value } = *given;
    EnumeratorDecl { name: text(name), value }
}

fn table(given: &StructOpsDecl) -> StructOpsDecl {
    let StructOpsDecl { header, place: at, key, name, doc, size, align, members } = *given;
    StructOpsDecl {
        header,
        place: place(at),
        key,
        name: text(name),
        doc: text(doc),
        size,
        align,
        members: all(members, ops_member),
    }
}

fn ops_member(given: &OpsMemberDecl) -> OpsMemberDecl {
    let OpsMemberDecl {
        name,
        doc,
        offset,
        size,
        form,
        presence,
        sleep,
        op,
        cfi_hash,
        ty,
        args,
        ret,
        stub: _,
    } = *given;
    OpsMemberDecl {
        name: text(name),
        doc: text(doc),
        offset,
        size,
        form,
        presence,
        sleep,
        op,
        cfi_hash,
        ty,
        args: all(args, arg),
        ret,
        // The code goes with the library.
        stub: None,
    }
}
