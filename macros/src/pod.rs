//! `#[derive(Pod)]`: a struct without padding all of whose fields are plain data.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Data, DeriveInput, Fields};

use crate::errors::Errors;
use crate::paths::Paths;

/// The promise, and the constants that check it.
pub(crate) fn expand(item: TokenStream) -> TokenStream {
    let mut errors = Errors::default();
    let checked = errors.take(syn::parse2::<DeriveInput>(item)).and_then(|item| check(&item, &mut errors));
    match errors.finish() {
        Ok(()) => checked.unwrap_or_default(),
        Err(error) => error.into_compile_error(),
    }
}

/// `crate = path` of `#[btf(…)]`: the struct has that attribute anyway.
fn paths(item: &DeriveInput, errors: &mut Errors) -> Paths {
    let mut krate = None;
    for attribute in item.attrs.iter().filter(|attribute| attribute.path().is_ident("btf")) {
        let syn::Meta::List(list) = &attribute.meta else { continue };
        for word in crate::words::parse(list.tokens.clone(), errors) {
            if word.name == "crate" {
                krate = word.path().ok();
            }
        }
    }
    Paths::new(krate)
}

fn check(item: &DeriveInput, errors: &mut Errors) -> Option<TokenStream> {
    let fields = match &item.data {
        Data::Struct(data) => match &data.fields {
            Fields::Named(_) | Fields::Unnamed(_) => &data.fields,
            Fields::Unit => {
                errors.at(&item.ident, "plain data has at least one field");
                return None;
            }
        },
        Data::Union(_) | Data::Enum(_) => {
            errors.at(&item.ident, "plain data is a struct of plain fields: any bytes must be a value of it");
            return None;
        }
    };
    if !item.generics.params.is_empty() {
        errors.at(&item.generics, "plain data cannot be generic: its size must be known here");
    }
    let mut laid_out = false;
    for repr in crate::struct_ops::reprs(&item.attrs) {
        let text = repr.to_string();
        let word = |word: &str| text.split([',', ' ', '(']).any(|found| found == word);
        laid_out |= word("C") || word("transparent");
        if word("packed") {
            errors.at(repr, "plain data is not packed: programs rely on its fields' alignment");
        }
    }
    if !laid_out {
        errors.at(&item.ident, "plain data has the layout of C: add `#[repr(C)]` above it");
    }
    let (ident, import) = (&item.ident, paths(item, errors).import());
    let sizes = fields.iter().map(|field| {
        let ty = &field.ty;
        quote_spanned!(ty.span()=> __p::plain::<#ty>())
    });
    Some(quote! {
        const _: () = {
            #import
            unsafe impl __p::Pod for #ident {}
            impl __p::OpArg for #ident { type Via = __p::ViaValue; }
            const _: () = __p::no_padding::<#ident>(&[#(#sizes),*]);
        };
    })
}
