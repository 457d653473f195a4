//! `#[derive(Btf)]`.

mod check;
mod codegen;
mod parse;

use proc_macro2::TokenStream;

use crate::errors::Errors;

/// The type's declaration, or the mistakes in it.
pub(crate) fn expand(item: TokenStream) -> TokenStream {
    declare(item).unwrap_or_else(|error| error.into_compile_error())
}

fn declare(item: TokenStream) -> syn::Result<TokenStream> {
    let mut errors = Errors::default();
    let input = parse::parse(syn::parse2(item)?, &mut errors);
    let described = check::check(input, &mut errors);
    errors.finish()?;
    Ok(described.map(|described| codegen::codegen(&described)).unwrap_or_default())
}
