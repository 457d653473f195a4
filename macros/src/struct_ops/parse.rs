//! What was written: the words of the attribute, the struct, and the words of each `#[op(…)]`.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::{
    Attribute, Fields, GenericArgument, Ident, ItemStruct, LitStr, Meta, Path, PathArguments, Type, TypeFnPtr,
};

use crate::errors::Errors;
use crate::nearest;
use crate::words;

/// The words of a member's `#[op(…)]`.
#[derive(Default)]
pub(crate) struct OpWords {
    /// The first attribute's own tokens.
    pub(crate) given: Option<Path>,
    pub(crate) required: Option<Ident>,
    pub(crate) unsupported: Option<Ident>,
    pub(crate) sleepable: Option<Ident>,
}

/// How a member is written.
pub(crate) enum Form {
    /// `fn(…)`.
    Op(TypeFnPtr),
    /// `Option<fn(…)>`.
    OptionalOp(TypeFnPtr),
    /// Anything else.
    Data,
}

/// A member.
pub(crate) struct Member {
    pub(crate) ident: Ident,
    pub(crate) ty: Type,
    pub(crate) attributes: Vec<Attribute>,
    pub(crate) form: Form,
    pub(crate) words: OpWords,
}

/// The attribute and the struct under it.
pub(crate) struct Input {
    pub(crate) name: Option<LitStr>,
    pub(crate) krate: Option<Path>,
    /// The struct, without `#[op]`.
    pub(crate) item: ItemStruct,
    pub(crate) members: Vec<Member>,
}

impl Input {
    /// The struct as it stays: with `#[repr(C)]`.
    pub(crate) fn take_kept(&mut self) -> TokenStream {
        let item = &self.item;
        let repr = if reprs(&item.attrs).next().is_some() { quote!() } else { quote!(#[repr(C)]) };
        // A table's fields are prototypes: what the lint calls complex is their point.
        quote!(#repr #[allow(clippy::type_complexity)] #item)
    }
}

/// The lists of the struct's `#[repr(…)]`.
pub(crate) fn reprs(attributes: &[Attribute]) -> impl Iterator<Item = &TokenStream> {
    attributes.iter().filter_map(|attribute| match &attribute.meta {
        Meta::List(list) if list.path.is_ident("repr") => Some(&list.tokens),
        Meta::List(_) | Meta::Path(_) | Meta::NameValue(_) => None,
    })
}

/// The attribute and the struct; `None` when the item is no struct with named fields, which is reported.
pub(crate) fn parse(args: TokenStream, item: TokenStream, errors: &mut Errors) -> Option<Input> {
    let (mut name, mut krate) = (None, None);
    for word in words::parse(args, errors) {
        let taken = match word.name.to_string().as_str() {
            "name" => word.string().map(|value| words::once(&mut name, &word.name, value, errors)),
            "crate" => word.path().map(|value| words::once(&mut krate, &word.name, value, errors)),
            other => {
                let hint = nearest::suggestion(other, &["name", "crate"]);
                Err(syn::Error::new_spanned(
                    &word.name,
                    format!("`{other}` is no word of `#[struct_ops]`: {hint}"),
                ))
            }
        };
        errors.take(taken);
    }
    let parsed = syn::parse2::<ItemStruct>(item).map_err(|error| {
        syn::Error::new(error.span(), "`#[struct_ops]` stands on a struct with named fields")
    });
    let mut item = errors.take(parsed)?;
    let Fields::Named(fields) = &mut item.fields else {
        errors.at(&item.ident, "programs name the members of a table: give the fields names");
        return None;
    };
    let members = fields.named.iter_mut().filter_map(|field| member(field, errors)).collect();
    Some(Input { name, krate, item, members })
}

fn member(field: &mut syn::Field, errors: &mut Errors) -> Option<Member> {
    let mut words = OpWords::default();
    for attribute in field.attrs.extract_if(.., |attribute| attribute.path().is_ident("op")) {
        op_words(&attribute, &mut words, errors);
    }
    Some(Member {
        ident: field.ident.clone()?,
        ty: field.ty.clone(),
        attributes: field.attrs.clone(),
        form: form(&field.ty),
        words,
    })
}

fn op_words(attribute: &Attribute, found: &mut OpWords, errors: &mut Errors) {
    found.given.get_or_insert_with(|| attribute.path().clone());
    let Meta::List(list) = &attribute.meta else {
        errors.at(
            attribute.meta.to_token_stream(),
            "write `#[op(required)]`, `#[op(unsupported)]` or `#[op(sleepable)]`",
        );
        return;
    };
    for word in words::parse(list.tokens.clone(), errors) {
        let name = &word.name;
        let taken = match name.to_string().as_str() {
            "required" => word.flag().map(|()| words::once(&mut found.required, name, name.clone(), errors)),
            "unsupported" => {
                word.flag().map(|()| words::once(&mut found.unsupported, name, name.clone(), errors))
            }
            "sleepable" => {
                word.flag().map(|()| words::once(&mut found.sleepable, name, name.clone(), errors))
            }
            other => {
                let hint = nearest::suggestion(other, &["required", "unsupported", "sleepable"]);
                Err(syn::Error::new_spanned(name, format!("`{other}` is no word of `#[op]`: {hint}")))
            }
        };
        errors.take(taken);
    }
}

/// A wrapper method is generated from a function's own tokens, so here alone the spelling counts: `fn(…)` and `Option<fn(…)>`.
fn form(ty: &Type) -> Form {
    if let Type::FnPtr(function) = ty {
        return Form::Op(function.clone());
    }
    if let Type::Path(path) = ty
        && let Some(last) = path.path.segments.last()
        && last.ident == "Option"
        && let PathArguments::AngleBracketed(arguments) = &last.arguments
        && let Some(GenericArgument::Type(Type::FnPtr(function))) = arguments.args.first()
    {
        return Form::OptionalOp(function.clone());
    }
    Form::Data
}
