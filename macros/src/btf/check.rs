//! What a described type means.

use proc_macro2::Span;
use quote::ToTokens;
use syn::ext::IdentExt;
use syn::spanned::Spanned;
use syn::{Fields, GenericParam, Generics, Ident, LitStr, Type, Variant};

use super::parse::{Body, Field, FieldWords, Input};
use crate::errors::Errors;
use crate::paths::Paths;
use crate::{c_name, docs};

/// Representations of an enum that give it a C type.
const ENUM_REPRS: [&str; 8] = ["u8", "u16", "u32", "u64", "i8", "i16", "i32", "i64"];

/// How an attribute limits a field.
#[derive(Clone, Copy)]
pub(crate) enum Limit {
    /// Not at all.
    None,
    /// To reading.
    ReadOnly,
    /// Not at all, and the type must allow writing.
    Writable,
}

/// Who keeps a pointer in a field valid.
#[derive(Clone, Copy)]
pub(crate) enum Keeper {
    /// As the field's type says.
    Type,
    /// An RCU read-side section.
    Rcu,
}

/// A field that programs see.
pub(crate) struct Member {
    pub(crate) ident: Ident,
    pub(crate) name: String,
    pub(crate) ty: Type,
    pub(crate) limit: Limit,
    pub(crate) keeper: Keeper,
    pub(crate) tag: String,
    /// Where a demand on the type was written: the attribute's word, or the type.
    pub(crate) at: Span,
}

/// The body of a described type.
pub(crate) enum Shape {
    Struct(Vec<Member>),
    Union(Vec<Member>),
    /// The representation and the variants.
    Enum(Ident, Vec<Ident>),
    /// The type of the one field, and how it is limited.
    Newtype(Box<Type>, Limit),
}

/// A described type.
pub(crate) struct Described {
    pub(crate) paths: Paths,
    pub(crate) ident: Ident,
    pub(crate) generics: Generics,
    pub(crate) name: String,
    pub(crate) doc: String,
    pub(crate) shape: Shape,
}

/// The described type, meaningful only if no mistake was reported.
pub(crate) fn check(input: Input, errors: &mut Errors) -> Option<Described> {
    generics(&input, errors);
    let ident = input.item.ident.clone();
    let shape = match input.body? {
        Body::Struct(fields) => {
            repr_c(&ident, &input.repr, errors);
            Shape::Struct(members(fields, errors))
        }
        Body::Union(fields) => {
            repr_c(&ident, &input.repr, errors);
            Shape::Union(members(fields, errors))
        }
        Body::Enum(variants) => enumeration(&ident, &input.repr, &variants, errors)?,
        Body::Newtype(held) => {
            let (ty, words) = *held;
            newtype(ty, words, input.name.as_ref(), errors)
        }
    };
    Some(Described {
        paths: Paths::new(input.krate),
        name: c_name(&ident, input.name.as_ref(), errors),
        doc: docs::of(&input.item.attrs),
        generics: input.item.generics,
        ident,
        shape,
    })
}

fn generics(input: &Input, errors: &mut Errors) {
    let mut chosen = None;
    for param in &input.item.generics.params {
        match param {
            GenericParam::Type(_) | GenericParam::Const(_) => chosen = chosen.or(Some(param)),
            GenericParam::Lifetime(_) => errors.at(
                param,
                "a type that programs see has no lifetime parameters: a program could keep it longer; own what it points to",
            ),
        }
    }
    match (&input.body, chosen, &input.name) {
        (Some(Body::Enum(_)), Some(param), _) => {
            errors.at(param, "an enum that programs see cannot be generic: to them it is a number");
        }
        (Some(Body::Struct(_) | Body::Union(_)), Some(_), Some(name)) => errors.at(
            name,
            "a generic type has no name of its own in BTF: each alias has one (`opswap::btf_alias!`)",
        ),
        (Some(_) | None, _, _) => {}
    }
}

/// To programs a newtype is what it holds.
fn newtype(ty: Type, words: FieldWords, name: Option<&LitStr>, errors: &mut Errors) -> Shape {
    let FieldWords { ro, rw, skip, rcu, name: field_name, tag } = words;
    if let (Some(_), Some(rw)) = (&ro, &rw) {
        errors.at(rw, "`ro` and `rw` contradict each other");
    }
    let meaningless = [skip.map(|word| word.span()), rcu.map(|word| word.span())];
    let named = [name, field_name.as_ref(), tag.as_ref()].map(|literal| literal.map(LitStr::span));
    for span in meaningless.into_iter().chain(named).flatten() {
        errors.push(syn::Error::new(
            span,
            "to programs a `#[repr(transparent)]` type is what it holds: it has `ro` and `rw`, and no name of its own",
        ));
    }
    Shape::Newtype(Box::new(ty), limit(ro.as_ref(), rw.as_ref()))
}

fn repr_c(ident: &Ident, repr: &[Ident], errors: &mut Errors) {
    if let Some(packed) = repr.iter().find(|word| *word == "packed") {
        errors.at(
            packed,
            "a type that programs see cannot be packed: references to its fields would be misaligned",
        );
    }
    if !repr.iter().any(|word| word == "C") {
        errors.at(
            ident,
            format!(
                "programs rely on the layout of `{ident}`, and Rust may change it: add `#[repr(C)]` above it"
            ),
        );
    }
}

fn members(fields: Vec<Field>, errors: &mut Errors) -> Vec<Member> {
    fields.into_iter().filter_map(|field| member(field, errors)).collect()
}

fn member(field: Field, errors: &mut Errors) -> Option<Member> {
    let FieldWords { ro, rw, skip, rcu, name, tag } = field.words;
    if let (Some(_), Some(rw)) = (&ro, &rw) {
        errors.at(rw, "`ro` and `rw` contradict each other");
    }
    if let Some(skip) = skip {
        if ro.is_some() || rw.is_some() || rcu.is_some() || name.is_some() || tag.is_some() {
            errors.at(skip, "a skipped field has no other words: programs do not see it");
        }
        return None;
    }
    let at = rcu.as_ref().or(rw.as_ref()).map_or_else(|| field.ty.span(), Ident::span);
    let limit = limit(ro.as_ref(), rw.as_ref());
    let keeper = if rcu.is_some() { Keeper::Rcu } else { Keeper::Type };
    let tag = tag.as_ref().map(LitStr::value).unwrap_or_default();
    let name = c_name(&field.ident, name.as_ref(), errors);
    Some(Member { name, ident: field.ident, ty: field.ty, limit, keeper, tag, at })
}

fn limit(ro: Option<&Ident>, rw: Option<&Ident>) -> Limit {
    match (ro, rw) {
        (Some(_), _) => Limit::ReadOnly,
        (None, Some(_)) => Limit::Writable,
        (None, None) => Limit::None,
    }
}

fn enumeration(ident: &Ident, repr: &[Ident], variants: &[Variant], errors: &mut Errors) -> Option<Shape> {
    for variant in variants {
        match &variant.fields {
            Fields::Unit => {}
            Fields::Named(_) | Fields::Unnamed(_) => {
                errors.at(variant, "an enum that programs see has no fields: to them it is a number")
            }
        }
    }
    if variants.is_empty() {
        errors.at(ident, "an enum that programs see has at least one value");
    }
    let found = repr.iter().find(|word| ENUM_REPRS.iter().any(|repr| *word == repr));
    let Some(repr) = found else {
        errors.at(
            ident,
            format!("to programs `{ident}` is a number of a fixed width: add `#[repr(u32)]` (or another width) above it"),
        );
        return None;
    };
    Some(Shape::Enum(repr.clone(), variants.iter().map(|variant| variant.ident.clone()).collect()))
}

fn c_name(ident: &Ident, given: Option<&LitStr>, errors: &mut Errors) -> String {
    let (name, at) = match given {
        Some(literal) => (literal.value(), literal.to_token_stream()),
        None => (ident.unraw().to_string(), ident.to_token_stream()),
    };
    if let Some(problem) = c_name::problem(&name) {
        let fix = if given.is_some() { "" } else { "; give it another with `#[btf(name = \"…\")]`" };
        errors.at(at, format!("C programs write this name, and `{name}` {problem}{fix}"));
    }
    name
}
