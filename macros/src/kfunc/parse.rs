//! What was written: the words of the attribute and the function, spans intact.

use proc_macro2::TokenStream;
use syn::{Ident, ItemFn, LitStr, Path, Type};

use super::flags::{FLAGS, Flag, VALUED};
use crate::errors::Errors;
use crate::nearest;
use crate::words::{self, Word};

/// An attribute and the function under it.
pub(crate) struct Input {
    /// Flag words, each once.
    pub(crate) flags: Vec<(Ident, &'static Flag)>,
    /// The type in `dtor = T`.
    pub(crate) destroys: Option<Type>,
    /// `name = "…"`.
    pub(crate) name: Option<LitStr>,
    /// `set = path`, any number of times.
    pub(crate) sets: Vec<Path>,
    /// `programs(…)`.
    pub(crate) programs: Option<Vec<Ident>>,
    /// `filter = path`.
    pub(crate) filter: Option<Path>,
    /// `deprecated = "…"`.
    pub(crate) deprecated: Option<LitStr>,
    /// `crate = path`.
    pub(crate) krate: Option<Path>,
    /// The function.
    pub(crate) function: ItemFn,
}

/// The attribute and the function; `None` when the item is no function, which is reported.
pub(crate) fn parse(args: TokenStream, item: TokenStream, errors: &mut Errors) -> Option<Input> {
    let words = words::parse(args, errors);
    let function = syn::parse2::<ItemFn>(item)
        .map_err(|error| syn::Error::new(error.span(), "`#[kfunc]` stands on a function with a body"));
    let mut input = Input {
        flags: Vec::new(),
        destroys: None,
        name: None,
        sets: Vec::new(),
        programs: None,
        filter: None,
        deprecated: None,
        krate: None,
        function: errors.take(function)?,
    };
    for word in &words {
        let taken = take(&mut input, word, errors);
        errors.take(taken);
    }
    Some(input)
}

fn take(input: &mut Input, word: &Word, errors: &mut Errors) -> syn::Result<()> {
    let name = &word.name;
    let text = name.to_string();
    match text.as_str() {
        "name" => words::once(&mut input.name, name, word.string()?, errors),
        "set" => input.sets.push(word.path()?),
        "programs" => words::once(&mut input.programs, name, word.names()?, errors),
        "filter" => words::once(&mut input.filter, name, word.path()?, errors),
        "deprecated" => words::once(&mut input.deprecated, name, word.string()?, errors),
        "crate" => words::once(&mut input.krate, name, word.path()?, errors),
        _ => match FLAGS.iter().find(|flag| flag.word == text) {
            Some(flag) => {
                if text == "dtor" {
                    input.destroys = word.optional_type()?;
                } else {
                    word.flag()?;
                }
                if input.flags.iter().any(|(_, other)| other.word == text) {
                    errors.at(name, format!("`{text}` is given twice"));
                } else {
                    input.flags.push((name.clone(), flag));
                }
            }
            None => {
                let known: Vec<&str> = FLAGS.iter().map(|flag| flag.word).chain(VALUED).collect();
                let hint = nearest::suggestion(&text, &known);
                errors.at(name, format!("`{text}` is no word of `#[kfunc]`: {hint}"));
            }
        },
    }
    Ok(())
}
