//! What was written: the item, and the words of each `#[btf(…)]` and `#[repr(…)]`.

use proc_macro2::TokenStream;
use syn::ext::IdentExt;
use syn::{Attribute, Data, DeriveInput, Fields, Ident, LitStr, Meta, Path, Type, Variant};

use crate::errors::Errors;
use crate::nearest;
use crate::words::{self, Word};

/// The words of a field's `#[btf(…)]`.
#[derive(Default)]
pub(crate) struct FieldWords {
    pub(crate) ro: Option<Ident>,
    pub(crate) rw: Option<Ident>,
    pub(crate) skip: Option<Ident>,
    pub(crate) rcu: Option<Ident>,
    pub(crate) name: Option<LitStr>,
    pub(crate) tag: Option<LitStr>,
}

/// A field with a name.
pub(crate) struct Field {
    pub(crate) ident: Ident,
    pub(crate) ty: Type,
    pub(crate) words: FieldWords,
}

/// The body of the item.
pub(crate) enum Body {
    Struct(Vec<Field>),
    Union(Vec<Field>),
    Enum(Vec<Variant>),
    /// `#[repr(transparent)]`: the type of the one field, and its words.
    Newtype(Box<(Type, FieldWords)>),
}

/// The item.
pub(crate) struct Input {
    pub(crate) item: DeriveInput,
    pub(crate) name: Option<LitStr>,
    pub(crate) krate: Option<Path>,
    /// The words of `#[repr(…)]`.
    pub(crate) repr: Vec<Ident>,
    /// `None` when the body has a form that is reported.
    pub(crate) body: Option<Body>,
}

/// The item with its words.
pub(crate) fn parse(item: DeriveInput, errors: &mut Errors) -> Input {
    let (mut name, mut krate) = (None, None);
    for word in words_of(&item.attrs, "btf", errors) {
        let taken = match word.name.to_string().as_str() {
            "name" => word.string().map(|value| words::once(&mut name, &word.name, value, errors)),
            "crate" => word.path().map(|value| words::once(&mut krate, &word.name, value, errors)),
            other => Err(unknown(&word, other, "a type", &["name", "crate"])),
        };
        errors.take(taken);
    }
    let repr: Vec<Ident> = words_of(&item.attrs, "repr", errors).into_iter().map(|word| word.name).collect();
    let body = if repr.iter().any(|word| word == "transparent") {
        newtype(&item, errors)
    } else {
        body(&item, errors)
    };
    Input { item, name, krate, repr, body }
}

fn body(item: &DeriveInput, errors: &mut Errors) -> Option<Body> {
    match &item.data {
        Data::Struct(data) => match &data.fields {
            Fields::Named(named) => Some(Body::Struct(fields(named.named.iter(), errors))),
            Fields::Unnamed(_) | Fields::Unit => {
                errors.at(
                    &item.ident,
                    "programs name the fields of a struct: give them names (or, around one number, `#[repr(transparent)]`)",
                );
                None
            }
        },
        Data::Union(data) => Some(Body::Union(fields(data.fields.named.iter(), errors))),
        Data::Enum(data) => Some(Body::Enum(data.variants.iter().cloned().collect())),
    }
}

fn newtype(item: &DeriveInput, errors: &mut Errors) -> Option<Body> {
    let only = match &item.data {
        Data::Struct(data) if data.fields.len() == 1 => data.fields.iter().next(),
        Data::Struct(_) | Data::Enum(_) | Data::Union(_) => None,
    };
    let Some(field) = only else {
        errors.at(
            &item.ident,
            "to programs a `#[repr(transparent)]` type is what it holds: it is a struct with one field",
        );
        return None;
    };
    Some(Body::Newtype(Box::new((field.ty.clone(), field_words(&field.attrs, errors)))))
}

fn fields<'a>(fields: impl Iterator<Item = &'a syn::Field>, errors: &mut Errors) -> Vec<Field> {
    fields
        .filter_map(|field| {
            let ident = field.ident.clone()?;
            let words = field_words(&field.attrs, errors);
            Some(Field { ident, ty: field.ty.clone(), words })
        })
        .collect()
}

fn field_words(attributes: &[Attribute], errors: &mut Errors) -> FieldWords {
    let mut found = FieldWords::default();
    for word in words_of(attributes, "btf", errors) {
        let name = word.name.unraw();
        let taken = match name.to_string().as_str() {
            "ro" => word.flag().map(|()| words::once(&mut found.ro, &name, name.clone(), errors)),
            "rw" => word.flag().map(|()| words::once(&mut found.rw, &name, name.clone(), errors)),
            "skip" => word.flag().map(|()| words::once(&mut found.skip, &name, name.clone(), errors)),
            "rcu" => word.flag().map(|()| words::once(&mut found.rcu, &name, name.clone(), errors)),
            "name" => word.string().map(|value| words::once(&mut found.name, &name, value, errors)),
            "tag" => word.string().map(|value| words::once(&mut found.tag, &name, value, errors)),
            other => Err(unknown(&word, other, "a field", &["ro", "rw", "skip", "rcu", "name", "tag"])),
        };
        errors.take(taken);
    }
    found
}

fn unknown(word: &Word, found: &str, place: &str, known: &[&str]) -> syn::Error {
    let hint = nearest::suggestion(found, known);
    syn::Error::new_spanned(&word.name, format!("`{found}` is no word of `#[btf]` on {place}: {hint}"))
}

fn words_of(attributes: &[Attribute], name: &str, errors: &mut Errors) -> Vec<Word> {
    let lists = attributes.iter().filter_map(|attribute| match &attribute.meta {
        Meta::List(list) if list.path.is_ident(name) => Some(list.tokens.clone()),
        Meta::List(_) | Meta::Path(_) | Meta::NameValue(_) => None,
    });
    let lists: Vec<TokenStream> = lists.collect();
    lists.into_iter().flat_map(|tokens| words::parse(tokens, errors)).collect()
}
