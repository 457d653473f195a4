//! The words of an attribute: `word`, `word = value`, `word(list)`, separated by commas. One bad word does not hide the next.

use proc_macro2::{TokenStream, TokenTree};
use syn::ext::IdentExt;
use syn::parse::{ParseStream, Parser};
use syn::punctuated::Punctuated;
use syn::{Ident, LitStr, Path, Token, Type, parenthesized};

use crate::errors::Errors;

/// A word with its tokens.
pub(crate) struct Word {
    /// The word itself.
    pub(crate) name: Ident,
    /// What follows it.
    pub(crate) value: Value,
}

/// What follows a word.
pub(crate) enum Value {
    /// Nothing.
    None,
    /// `= value`.
    Is(TokenStream),
    /// `(list)`.
    List(TokenStream),
}

/// The words of an attribute.
pub(crate) fn parse(tokens: TokenStream, errors: &mut Errors) -> Vec<Word> {
    split(tokens).into_iter().filter_map(|chunk| errors.take(word.parse2(chunk))).collect()
}

fn split(tokens: TokenStream) -> Vec<TokenStream> {
    let mut chunks = vec![TokenStream::new()];
    for token in tokens {
        match &token {
            TokenTree::Punct(punct) if punct.as_char() == ',' => chunks.push(TokenStream::new()),
            TokenTree::Punct(_) | TokenTree::Group(_) | TokenTree::Ident(_) | TokenTree::Literal(_) => {
                chunks.last_mut().expect("never empty").extend([token]);
            }
        }
    }
    chunks.retain(|chunk| !chunk.is_empty());
    chunks
}

fn word(input: ParseStream<'_>) -> syn::Result<Word> {
    let name = Ident::parse_any(input)?;
    let value = if input.peek(Token![=]) {
        input.parse::<Token![=]>()?;
        Value::Is(input.parse()?)
    } else if input.peek(syn::token::Paren) {
        let list;
        parenthesized!(list in input);
        Value::List(list.parse()?)
    } else {
        Value::None
    };
    Ok(Word { name, value })
}

impl Word {
    /// The word, when nothing follows it.
    pub(crate) fn flag(&self) -> syn::Result<()> {
        match &self.value {
            Value::None => Ok(()),
            Value::Is(_) | Value::List(_) => {
                Err(syn::Error::new_spanned(&self.name, format!("`{}` takes no value", self.name)))
            }
        }
    }

    /// The type of `word = T`, or nothing behind the word.
    pub(crate) fn optional_type(&self) -> syn::Result<Option<Type>> {
        let expected =
            || syn::Error::new_spanned(&self.name, format!("write `{0}`, or `{0} = some::Type`", self.name));
        match &self.value {
            Value::None => Ok(None),
            Value::Is(tokens) => syn::parse2(tokens.clone()).map(Some).map_err(|_| expected()),
            Value::List(_) => Err(expected()),
        }
    }

    /// The string of `word = "…"`.
    pub(crate) fn string(&self) -> syn::Result<LitStr> {
        let expected = || syn::Error::new_spanned(&self.name, format!("write `{} = \"…\"`", self.name));
        match &self.value {
            Value::Is(tokens) => syn::parse2(tokens.clone()).map_err(|_| expected()),
            Value::None | Value::List(_) => Err(expected()),
        }
    }

    /// The path of `word = path`.
    pub(crate) fn path(&self) -> syn::Result<Path> {
        let expected = || syn::Error::new_spanned(&self.name, format!("write `{} = some::path`", self.name));
        match &self.value {
            Value::Is(tokens) => Path::parse_mod_style.parse2(tokens.clone()).map_err(|_| expected()),
            Value::None | Value::List(_) => Err(expected()),
        }
    }

    /// The names of `word(a, b)`.
    pub(crate) fn names(&self) -> syn::Result<Vec<Ident>> {
        let expected = || syn::Error::new_spanned(&self.name, format!("write `{}(a, b, …)`", self.name));
        match &self.value {
            Value::List(tokens) => Punctuated::<Ident, Token![,]>::parse_terminated
                .parse2(tokens.clone())
                .map(|names| names.into_iter().collect())
                .map_err(|_| expected()),
            Value::None | Value::Is(_) => Err(expected()),
        }
    }
}

/// Keeps the first use of a word and reports a second.
pub(crate) fn once<T>(slot: &mut Option<T>, word: &Ident, value: T, errors: &mut Errors) {
    if slot.is_some() {
        errors.at(word, format!("`{word}` is given twice"));
    } else {
        *slot = Some(value);
    }
}
