//! `#[struct_ops]`.

mod check;
mod codegen;
mod parse;

use proc_macro2::TokenStream;

pub(crate) use parse::reprs;

use crate::errors::{self, Errors};

/// The struct without the macro's own attributes, and its declaration or the mistakes in it.
pub(crate) fn expand(args: TokenStream, item: TokenStream) -> TokenStream {
    let mut errors = Errors::default();
    let Some(mut input) = parse::parse(args, item.clone(), &mut errors) else {
        return errors::beside(item, errors.finish().map(|()| TokenStream::new()));
    };
    let kept = input.take_kept();
    let table = check::check(input, &mut errors);
    errors::beside(kept, errors.finish().map(|()| codegen::codegen(&table)))
}
