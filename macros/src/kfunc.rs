//! `#[kfunc]`.

mod check;
mod codegen;
mod flags;
mod parse;
mod tie;

use proc_macro2::TokenStream;

use crate::errors::{self, Errors};

/// The function as it was written, and its declaration or the mistakes in it.
pub(crate) fn expand(args: TokenStream, item: TokenStream) -> TokenStream {
    errors::beside(item.clone(), declare(args, item))
}

fn declare(args: TokenStream, item: TokenStream) -> syn::Result<TokenStream> {
    let mut errors = Errors::default();
    let input = parse::parse(args, item, &mut errors);
    let kfunc = input.map(|input| check::check(input, &mut errors));
    errors.finish()?;
    Ok(kfunc.map(|kfunc| codegen::codegen(&kfunc)).unwrap_or_default())
}
