//! The declaration of a kfunc as tokens.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Ident, Type};

use super::check::{Kfunc, Mode};
use super::tie::Tie;
use crate::{paths, signature};

/// The record in the link-time slice, and an assertion per flag that speaks of the signature.
pub(crate) fn codegen(kfunc: &Kfunc) -> TokenStream {
    let name = &kfunc.name;
    let (import, register) = (kfunc.paths.import(), paths::register("OPSWAP_KFUNCS"));
    let names: Vec<String> = kfunc.args.iter().map(|arg| arg.name.to_string()).collect();
    let count = kfunc.args.len();
    let (family, tie) = match kfunc.tie {
        Tie::None => (quote!(Fixed), quote!(NONE)),
        Tie::Static => (quote!(Fixed), quote!(STATIC)),
        Tie::Arg(index) => {
            let index = proc_macro2::Literal::usize_unsuffixed(index);
            (quote!(Tied), quote!(arg(#index)))
        }
    };
    let signature = match kfunc.mode {
        Mode::Safe => safe_signature(kfunc, &family),
        Mode::Raw => raw_signature(kfunc),
    };
    let options = options(kfunc);
    let agree = agreements(kfunc);
    quote! {
        const _: () = {
            #import
            struct __Kfunc;
            impl __p::KfuncName for __Kfunc {
                const NAME: &'static str = #name;
                const ARGS: &'static [&'static str] = &[#(#names),*];
            }
            const __SIG: __p::Signature<#count> = #signature;
            #register
            static __DECL: __p::Linked<__p::KfuncDecl> = unsafe { __p::draft(__p::place!(), &__SIG, __p::Tie::#tie) #(#options)* .linked() };
            #agree
        };
    }
}

/// Each type by way of a projection, so that a mistake in it is reported once.
fn safe_signature(kfunc: &Kfunc, family: &TokenStream) -> TokenStream {
    let ident = &kfunc.ident;
    let make = format_ident!("kfunc{}", kfunc.args.len());
    let carriers = kfunc.args.iter().map(|arg| {
        let ty = signature::erased(&arg.ty);
        quote_spanned!(ty.span()=> <#ty as __p::Carried>::Out)
    });
    let ret = signature::erased(&kfunc.ret);
    let ret = quote_spanned!(ret.span()=> <#ret as __p::Returned>::#family);
    quote!(__p::#make::<__Kfunc, _, #(#carriers,)* #ret>(#ident))
}

/// An `unsafe fn` is no `Fn`: a closure calls it.
fn raw_signature(kfunc: &Kfunc) -> TokenStream {
    let (ident, ret) = (&kfunc.ident, &kfunc.ret);
    let make = format_ident!("raw{}", kfunc.args.len());
    let types = kfunc.args.iter().map(|arg| &arg.ty);
    // Names of our own: the kernel's suffixes are no snake case.
    let names: Vec<Ident> = (0..kfunc.args.len()).map(|index| format_ident!("a{index}")).collect();
    let flags = flag_bits(kfunc);
    quote! {
        // SAFETY: the shim passes what the verifier proved against the declaration.
        __p::#make::<__Kfunc, _, #(#types,)* #ret>(|#(#names),*| unsafe { #ident(#(#names),*) }, #flags)
    }
}

fn flag_bits(kfunc: &Kfunc) -> u32 {
    kfunc.flags.iter().fold(0, |bits, (_, flag)| bits | flag.bit)
}

/// What only some kfuncs say.
fn options(kfunc: &Kfunc) -> Vec<TokenStream> {
    let Kfunc { doc, programs, sets, deprecated, filter, .. } = kfunc;
    let mut options = Vec::new();
    if !doc.is_empty() {
        options.push(quote!(.doc(#doc)));
    }
    let flags = flag_bits(kfunc);
    if flags != 0 {
        options.push(quote!(.flags(#flags)));
    }
    if !programs.is_empty() || !sets.is_empty() {
        options.push(quote!(.sets(&[#(#programs),*], &[#(&#sets),*])));
    }
    options.extend(filter.iter().map(|filter| quote!(.filter(#filter))));
    if !deprecated.is_empty() {
        options.push(quote!(.deprecated(#deprecated)));
    }
    options
}

fn agreements(kfunc: &Kfunc) -> TokenStream {
    let ret = spelt(&kfunc.ret);
    let ruled = kfunc.flags.iter().filter_map(|(word, flag)| flag.rule.map(|rule| (word, rule)));
    ruled
        .map(|(word, rule)| {
            let span = word.span().resolved_at(Span::call_site());
            // The kernel lets any function with a pointer own or give up; its programs find out at the call.
            let check = match (kfunc.mode, rule) {
                (Mode::Raw, "acquire" | "release") => format_ident!("raw_{rule}", span = span),
                (Mode::Raw | Mode::Safe, rule) => Ident::new(rule, span),
            };
            quote_spanned!(span=> const _: () = __p::agree::#check(&__SIG, #ret);)
        })
        .collect()
}

/// A type as people write it.
fn spelt(ty: &Type) -> String {
    ty.to_token_stream()
        .to_string()
        .replace(" :: ", "::")
        .replace(" < ", "<")
        .replace(" >", ">")
        .replace("& ", "&")
}
