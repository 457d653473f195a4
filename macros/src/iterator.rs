//! `#[kfunc_iter]`: a Rust iterator as three kfuncs and a state.

use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use syn::ext::IdentExt;
use syn::parse::Parser;
use syn::punctuated::Punctuated;
use syn::{
    AssocType, FnArg, GenericArgument, Ident, ImplItem, Item, ItemFn, ItemImpl, LitStr, Pat, Path,
    PathArguments, Token, Type, TypeParamBound,
};

use crate::errors::{self, Errors};
use crate::nearest;
use crate::paths::Paths;
use crate::signature;
use crate::words::{self, Value, Word};

/// The words of `#[kfunc]` that are passed on to all three.
const PASSED: [&str; 5] = ["set", "programs", "filter", "sleepable", "deprecated"];

/// The words of the attribute.
#[derive(Default)]
struct Given {
    name: Option<LitStr>,
    krate: Option<Path>,
    new: Option<TokenStream>,
    passed: Vec<TokenStream>,
}

/// How an iterator is made, and what it gives.
struct Iterator {
    name: Ident,
    params: Vec<TokenStream>,
    /// Its type.
    ty: TokenStream,
    /// Makes one of the parameters, and starts it.
    start: TokenStream,
    docs: Vec<syn::Attribute>,
    /// `#[cfg(…)]`: the functions come and go with the item.
    conditions: Vec<syn::Attribute>,
}

/// The item as it was written, and its functions or the mistakes in it.
pub(crate) fn expand(args: TokenStream, item: TokenStream) -> TokenStream {
    errors::beside(item.clone(), declare(args, item))
}

fn declare(args: TokenStream, item: TokenStream) -> syn::Result<TokenStream> {
    let mut errors = Errors::default();
    let given = given(args, &mut errors);
    let parsed = syn::parse2::<Item>(item).map_err(|error| syn::Error::new(error.span(), WHERE));
    let iterator = errors.take(parsed).and_then(|item| {
        if let Item::Fn(function) = &item {
            of_function(function, &given, &mut errors)
        } else if let Item::Impl(block) = &item {
            of_impl(block, &given, &mut errors)
        } else {
            errors.at(item, WHERE);
            None
        }
    });
    errors.finish()?;
    Ok(iterator.map(|iterator| codegen(&iterator, &given)).unwrap_or_default())
}

const WHERE: &str =
    "`#[kfunc_iter]` stands on a function that returns an iterator, or on an `impl Iterator for …`";

fn given(args: TokenStream, errors: &mut Errors) -> Given {
    let mut found = Given::default();
    for word in words::parse(args, errors) {
        let taken = take(&mut found, &word, errors);
        errors.take(taken);
    }
    found
}

fn take(found: &mut Given, word: &Word, errors: &mut Errors) -> syn::Result<()> {
    let name = &word.name;
    let text = name.to_string();
    match text.as_str() {
        "name" => words::once(&mut found.name, name, word.string()?, errors),
        "crate" => words::once(&mut found.krate, name, word.path()?, errors),
        "new" => match &word.value {
            Value::List(list) => words::once(&mut found.new, name, list.clone(), errors),
            Value::None | Value::Is(_) => {
                return Err(syn::Error::new_spanned(
                    name,
                    "write `new(a: A, b: B, …)`: the parameters of the type's `new`",
                ));
            }
        },
        _ if PASSED.contains(&text.as_str()) => found.passed.push(match &word.value {
            Value::None => quote!(#name),
            Value::Is(value) => quote!(#name = #value),
            Value::List(list) => quote!(#name(#list)),
        }),
        _ => {
            let known: Vec<&str> = ["name", "crate", "new"].into_iter().chain(PASSED).collect();
            let hint = nearest::suggestion(&text, &known);
            errors.at(name, format!("`{text}` is no word of `#[kfunc_iter]`: {hint}"));
        }
    }
    Ok(())
}

/// The name between `bpf_iter_` and `_new`.
fn name(given: &Given, ident: &Ident, errors: &mut Errors) -> Ident {
    let text = given.name.as_ref().map_or_else(|| ident.unraw().to_string(), LitStr::value);
    syn::parse_str::<Ident>(&format!("bpf_iter_{text}")).unwrap_or_else(|_| {
        errors.at(&given.name, "an iterator's name is a C identifier");
        ident.clone()
    })
}

/// A parameter as the function `new` has it, and its name.
fn param(param: &FnArg, errors: &mut Errors) -> Option<(TokenStream, Ident)> {
    let FnArg::Typed(typed) = param else {
        errors.at(param, "a function that returns an iterator is a free function");
        return None;
    };
    let Pat::Ident(pattern) = &*typed.pat else {
        errors.at(&typed.pat, "a kfunc's parameter is a plain name: it becomes the name in the C header");
        return None;
    };
    let (ident, ty) = (&pattern.ident, &typed.ty);
    Some((quote!(#ident: #ty), ident.clone()))
}

fn of_function(function: &ItemFn, given: &Given, errors: &mut Errors) -> Option<Iterator> {
    let sig = &function.sig;
    if let Some(new) = &given.new {
        errors.at(new, "`new(…)` stands on an `impl`: a function has its own parameters");
    }
    if !sig.generics.params.is_empty() {
        errors.at(
            &sig.generics.params,
            "a function for programs is not generic, and an iterator for them borrows nothing: own what it needs",
        );
    }
    for (token, problem) in [
        (sig.asyncness.as_ref().map(|token| quote!(#token)), "an iterator for programs cannot be `async`"),
        (
            matches!(sig.safety, syn::Safety::Unsafe(_)).then(|| quote!(unsafe)),
            "a function that returns an iterator is safe: for raw pointers write the three functions by hand",
        ),
    ] {
        if token.is_some() {
            errors.at(&sig.ident, problem);
        }
    }
    let result = signature::result(&sig.output);
    let params: Vec<_> = sig.inputs.iter().filter_map(|input| param(input, errors)).collect();
    let (params, idents): (Vec<_>, Vec<_>) = params.into_iter().unzip();
    let ident = &sig.ident;
    let fallible = fallible(&result);
    let made = fallible.unwrap_or(&result);
    let (ty, make) = if let Type::ImplTrait(hidden) = made {
        let Some(item) = item_of(hidden.bounds.iter()) else {
            errors.at(made, "what does it give? Write `impl Iterator<Item = …>`");
            return None;
        };
        let ty = quote!(__p::Box<dyn __p::core::iter::Iterator<Item = #item>>);
        (ty, quote!(__p::Box::new(iterator)))
    } else {
        (quote!(#made), quote!(iterator))
    };
    let call = quote!(#ident(#(#idents),*));
    let start = if fallible.is_some() {
        quote!(match #call {
            __p::core::result::Result::Ok(iterator) => it.start(#make),
            __p::core::result::Result::Err(error) => it.fail(error),
        })
    } else {
        quote!({ let iterator = #call; it.start(#make) })
    };
    let (docs, conditions) = (all(&function.attrs, "doc"), all(&function.attrs, "cfg"));
    Some(Iterator { name: name(given, ident, errors), params, ty, start, docs, conditions })
}

/// The attributes of this name.
fn all(attributes: &[syn::Attribute], name: &str) -> Vec<syn::Attribute> {
    attributes.iter().filter(|attribute| attribute.path().is_ident(name)).cloned().collect()
}

/// The iterator of a function that may fail: `Result<I, Errno>`. As with `impl Iterator`, what is written counts.
fn fallible(result: &Type) -> Option<&Type> {
    let Type::Path(path) = result else { return None };
    let last = path.path.segments.last().filter(|last| last.ident == "Result")?;
    let PathArguments::AngleBracketed(arguments) = &last.arguments else { return None };
    let Some(GenericArgument::Type(made)) = arguments.args.first() else { return None };
    Some(made)
}

/// The `Item = T` of the first bound that has one.
fn item_of<'b>(bounds: impl std::iter::Iterator<Item = &'b TypeParamBound>) -> Option<Type> {
    let written = |argument: &GenericArgument| {
        let GenericArgument::AssocType(AssocType { ident, ty, .. }) = argument else { return None };
        (ident == "Item").then(|| ty.clone())
    };
    let of = |bound: &TypeParamBound| {
        let TypeParamBound::Trait(bound) = bound else { return None };
        let PathArguments::AngleBracketed(arguments) = &bound.path.segments.last()?.arguments else {
            return None;
        };
        arguments.args.iter().find_map(written)
    };
    bounds.into_iter().find_map(of)
}

fn of_impl(block: &ItemImpl, given: &Given, errors: &mut Errors) -> Option<Iterator> {
    let item = block.items.iter().any(|item| matches!(item, ImplItem::Type(ty) if ty.ident == "Item"));
    if block.trait_.is_none() || !item {
        errors.at(&block.self_ty, WHERE);
        return None;
    }
    if !block.generics.params.is_empty() {
        errors.at(
            &block.generics.params,
            "an iterator for programs is one type, and borrows nothing: own what it needs",
        );
    }
    let Type::Path(path) = &*block.self_ty else {
        errors.at(&block.self_ty, "an iterator for programs is a type with a name");
        return None;
    };
    let ident = &path.path.segments.last()?.ident;
    let small = Ident::new(&ident.unraw().to_string().to_lowercase(), ident.span());
    let ty = quote!(#path);
    let (params, make) = match &given.new {
        None => (Vec::new(), quote!(<#ty as __p::core::default::Default>::default())),
        Some(list) => {
            let inputs = Punctuated::<FnArg, Token![,]>::parse_terminated.parse2(list.clone());
            let inputs = errors.take(inputs)?;
            let params: Vec<_> = inputs.iter().filter_map(|input| param(input, errors)).collect();
            let (params, idents): (Vec<_>, Vec<_>) = params.into_iter().unzip();
            (params, quote!(<#ty>::new(#(#idents),*)))
        }
    };
    let start = quote!(it.start(#make));
    Some(Iterator {
        name: name(given, &small, errors),
        params,
        ty,
        start,
        docs: Vec::new(),
        conditions: all(&block.attrs, "cfg"),
    })
}

/// The state, and three functions that `#[kfunc]` declares.
fn codegen(iterator: &Iterator, given: &Given) -> TokenStream {
    let Iterator { name, params, ty, start, docs, conditions } = iterator;
    let paths = Paths::new(given.krate.clone());
    let (import, krate) = (paths.import(), paths.krate());
    let words = given.krate.iter().map(|path| quote!(crate = #path)).chain(given.passed.iter().cloned());
    let words: Vec<_> = words.collect();
    let text = name.to_string();
    let of = |word: &str| format!("{name}_{word}");
    let (new, next, destroy) = (of("new"), of("next"), of("destroy"));
    let krate_word = given.krate.iter().map(|path| quote!(, crate = #path));
    // A name of its own: it is the key of the type in this module.
    let state = format_ident!("__{name}");
    quote! {
        #(#conditions)*
        const _: () = {
            #import
            type __Iterator = #ty;
            type __Lent = <<__Iterator as __p::core::iter::Iterator>::Item as __p::IterItem>::Lent;
            #[derive(#krate::Btf)]
            #[repr(C)]
            #[btf(name = #text #(#krate_word)*)]
            #[allow(non_camel_case_types)]
            struct #state { __opaque: [u64; __p::iter_words::<__Iterator>()] }
            impl __p::core::default::Default for #state {
                fn default() -> Self { Self { __opaque: [0; __p::iter_words::<__Iterator>()] } }
            }
            // SAFETY: one array of so many words, zero by default, and named in this block only.
            unsafe impl __p::IterSlot for #state { type Of = __Iterator; }
            #(#docs)*
            #[#krate::kfunc(iter_new, name = #new #(, #words)*)]
            fn __new(it: __p::IterRoom<'_, #state> #(, #params)*) -> i32 { #start }
            #[#krate::kfunc(iter_next, name = #next #(, #words)*)]
            fn __next(it: __p::IterState<'_, #state>) -> __p::core::option::Option<&__Lent> { it.advance() }
            #[#krate::kfunc(iter_destroy, name = #destroy #(, #words)*)]
            fn __destroy(it: __p::IterState<'_, #state>) { it.end() }
        };
    }
}
