//! The declaration of a kfunc as tokens.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::ext::IdentExt;
use syn::spanned::Spanned;
use syn::{Ident, Type};

use super::check::{Arg, Kfunc, Mode};
use super::flags::Rule;
use super::tie::Tie;
use crate::{paths, signature};

/// The record in the link-time slice.
pub(crate) fn codegen(kfunc: &Kfunc) -> TokenStream {
    let (import, register) = (kfunc.paths.import(), paths::register("OPSWAP_KFUNCS"));
    let ident = &kfunc.ident;
    let (words, ret) = (words(kfunc), ret(kfunc));
    let args = kfunc.args.iter().map(|arg| parameter(kfunc, arg));
    // An `unsafe fn` is no `Fn`: a closure gives it.
    let (make, function) = match kfunc.mode {
        Mode::Safe => (format_ident!("kfunc{}", kfunc.args.len()), quote!(#ident)),
        Mode::Raw => (format_ident!("raw{}", kfunc.args.len()), quote!(|| #ident)),
    };
    let conditions = &kfunc.conditions;
    let signature = agreeing(kfunc, quote!(__p::#make(#words, (#function, || &__DECL), #(#args,)* #ret)));
    quote! {
        #(#conditions)*
        const _: () = {
            #import
            #register
            static __DECL: __p::Linked<__p::KfuncDecl> = __p::linked(&#signature);
        };
    }
}

/// A parameter. Its type stands in a projection, so that a mistake in it is reported once.
fn parameter(kfunc: &Kfunc, arg: &Arg) -> TokenStream {
    let name = arg.name.unraw().to_string();
    match kfunc.mode {
        Mode::Safe => {
            let ty = signature::erased(&arg.ty);
            quote_spanned!(ty.span()=> __p::arg::<__p::In<#ty>>(#name))
        }
        Mode::Raw => {
            let ty = &arg.ty;
            if let Some(destroys) = &kfunc.destroys {
                return quote_spanned!(ty.span()=> __p::raw::<__p::RawErased<#ty, #destroys>>(#name));
            }
            // As with the kernel's other suffixes: a name that is nothing else has none.
            let from =
                if name.len() > CALLER.len() && name.ends_with(CALLER) { "RawCaller" } else { "RawIn" };
            let from = Ident::new(from, ty.span());
            quote_spanned!(ty.span()=> __p::raw::<__p::#from<#ty>>(#name))
        }
    }
}

/// The suffix of a parameter that the runtime fills in.
const CALLER: &str = "__prog";

/// The result, and an assertion per flag that speaks of it, at the flag.
fn ret(kfunc: &Kfunc) -> TokenStream {
    // Only messages of these flags show it.
    let shown = kfunc.flags.iter().any(|(_, flag)| matches!(flag.rule, Some(Rule::Result(_))));
    let spelt = if shown { spelt(&kfunc.ret) } else { String::new() };
    let ret = signature::erased(&kfunc.ret);
    let mut tokens = match (kfunc.mode, kfunc.tie) {
        (Mode::Raw, _) => quote_spanned!(ret.span()=> __p::raw_ret::<__p::RawOut<#ret>>(#spelt)),
        (Mode::Safe, Tie::None | Tie::Static) => {
            quote_spanned!(ret.span()=> __p::ret::<__p::Fixed<#ret>>(#spelt))
        }
        (Mode::Safe, Tie::Arg(_)) => {
            quote_spanned!(ret.span()=> __p::ret::<__p::Tied<#ret>>(#spelt))
        }
    };
    for (word, flag) in &kfunc.flags {
        if let Some(Rule::Result(rule)) = flag.rule {
            let span = word.span().resolved_at(Span::call_site());
            let rule = Ident::new(rule, span);
            tokens.extend(quote_spanned!(span=> .#rule()));
        }
    }
    tokens
}

fn flag_bits(kfunc: &Kfunc) -> u32 {
    kfunc.flags.iter().fold(0, |bits, (_, flag)| bits | flag.bit)
}

/// All that is no type.
fn words(kfunc: &Kfunc) -> TokenStream {
    let Kfunc { name, doc, programs, sets, deprecated, filter, .. } = kfunc;
    let flags = proc_macro2::Literal::u32_unsuffixed(flag_bits(kfunc));
    let tie = match kfunc.tie {
        Tie::None => quote!(NONE),
        Tie::Static => quote!(STATIC),
        Tie::Arg(index) => {
            let index = proc_macro2::Literal::usize_unsuffixed(index);
            quote!(arg(#index))
        }
    };
    let mut words = quote!(unsafe { __p::words(__p::place!(), #name, __p::Tie::#tie, #flags) });
    if !doc.is_empty() || !deprecated.is_empty() {
        // As the registry says it in BTF: composed here, once.
        let doc = if doc.is_empty() { String::new() } else { format!("doc:{doc}") };
        words.extend(quote!(.said(#doc, #deprecated)));
    }
    if !programs.is_empty() || !sets.is_empty() || filter.is_some() {
        words.extend(quote!(.callers(&[#(#programs),*], &[#(&#sets),*], &[#filter])));
    }
    words
}

/// The signature, after an assertion per flag that speaks of the parameters, at the flag.
fn agreeing(kfunc: &Kfunc, mut signature: TokenStream) -> TokenStream {
    for (word, flag) in &kfunc.flags {
        if let Some(Rule::Parameters(rule)) = flag.rule {
            let span = word.span().resolved_at(Span::call_site());
            // The kernel lets any function with a pointer take what the program owns; its programs find out at the call.
            let check = match (kfunc.mode, rule) {
                (Mode::Raw, "release") => Ident::new("raw_release", span),
                (Mode::Raw, "dtor") => Ident::new("raw_dtor", span),
                (Mode::Raw | Mode::Safe, rule) => Ident::new(rule, span),
            };
            signature = quote_spanned!(span=> __p::agree::#check(#signature));
        }
    }
    signature
}

/// Most characters of a type in a message.
const SPELT: usize = 40;

/// A type as people write it; the end of a long one is left out.
fn spelt(ty: &Type) -> String {
    let whole = ty
        .to_token_stream()
        .to_string()
        .replace(" :: ", "::")
        .replace(" < ", "<")
        .replace(" >", ">")
        .replace("& ", "&")
        .replace("* mut ", "*mut ")
        .replace("* const ", "*const ");
    match whole.char_indices().nth(SPELT) {
        Some((end, _)) => format!("{} …", &whole[..end]),
        None => whole,
    }
}
