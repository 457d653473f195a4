//! The declaration of a kfunc as tokens.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Ident, Type};

use super::check::Kfunc;
use super::flags::Side;
use super::tie::Tie;
use crate::signature;

/// The record in the link-time slice, and an assertion per flag that speaks of the signature.
pub(crate) fn codegen(kfunc: &Kfunc) -> TokenStream {
    let Kfunc { ident, name, doc, programs, sets, deprecated, .. } = kfunc;
    let p = kfunc.paths.private();
    let (register, place) = (kfunc.paths.register("OPSWAP_KFUNCS"), kfunc.paths.place());
    let names: Vec<String> = kfunc.args.iter().map(|arg| arg.name.to_string()).collect();
    let carriers = kfunc.args.iter().map(|arg| {
        let ty = signature::erased(&arg.ty);
        quote_spanned!(ty.span()=> <#ty as #p::Carried>::Out)
    });
    let make = format_ident!("kfunc{}", kfunc.args.len());
    let flags = kfunc.flags.iter().fold(0_u32, |bits, (_, flag)| bits | flag.bit);
    let (family, tie) = match kfunc.tie {
        Tie::None => (quote!(Fixed), quote!(NONE)),
        Tie::Static => (quote!(Fixed), quote!(STATIC)),
        Tie::Arg(index) => {
            let index = proc_macro2::Literal::usize_unsuffixed(index);
            (quote!(Tied), quote!(arg(#index)))
        }
    };
    let ret = signature::erased(&kfunc.ret);
    let ret = quote_spanned!(ret.span()=> <#ret as #p::Returned>::#family);
    let count = kfunc.args.len();
    let filter = kfunc.filter.iter();
    let agree = agreements(kfunc);
    quote! {
        const _: () = {
            struct __Kfunc;
            impl #p::KfuncName for __Kfunc {
                const NAME: &'static str = #name;
                const ARGS: &'static [&'static str] = &[#(#names),*];
            }
            const __SIG: #p::Signature<#count> = #p::#make::<__Kfunc, _, #(#carriers,)* #ret>(#ident);
            #register
            static __DECL: #p::KfuncDecl = #p::KfuncDecl::draft(#place, #name, #doc, (&__SIG.args, __SIG.ret, #p::Tie::#tie))
                .flags(#flags)
                .sets(&[#(#programs),*], &[#(&#sets),*])
                #(.filter(#filter))*
                .deprecated(#deprecated)
                .shim(__SIG.shim);
            #agree
        };
    }
}

fn agreements(kfunc: &Kfunc) -> TokenStream {
    let ret = spelt(&kfunc.ret);
    let ruled = kfunc.flags.iter().filter_map(|(word, flag)| flag.rule.as_ref().map(|rule| (word, rule)));
    ruled
        .map(|(word, rule)| {
            let span = word.span().resolved_at(Span::call_site());
            let p = kfunc.paths.private_at(word.span());
            let check = Ident::new(rule.check, span);
            let found = match rule.side {
                Side::Result => format!("this function returns `{ret}`"),
                Side::Parameters => "no parameter of this function is one".to_owned(),
            };
            let message = format!("`{word}` needs {}; {found}", rule.needs);
            quote_spanned!(span=> const _: () = #p::agree::#check(&__SIG.args, &__SIG.ret, #message);)
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
