//! The declaration of a kfunc as tokens.

use proc_macro2::TokenStream;
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::Type;
use syn::spanned::Spanned;

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
    let types: Vec<_> = kfunc.args.iter().map(|arg| signature::erased(&arg.ty)).collect();
    let shapes = types.iter().map(|ty| quote_spanned!(ty.span()=> #p::arg_shape::<#ty>()));
    let ret = signature::erased(&kfunc.ret);
    let ret_shape = quote_spanned!(ret.span()=> #p::ret_shape::<#ret>());
    let shim = format_ident!("shim{}", types.len());
    let flags = kfunc.flags.iter().fold(0_u32, |bits, (_, flag)| bits | flag.bit);
    let (family, tie) = match kfunc.tie {
        Tie::None => (quote!(Fixed), quote!(NONE)),
        Tie::Static => (quote!(Fixed), quote!(STATIC)),
        Tie::Arg(index) => {
            let index = proc_macro2::Literal::usize_unsuffixed(index);
            (quote!(Tied), quote!(arg(#index)))
        }
    };
    let filter = kfunc.filter.iter();
    let agree = agreements(kfunc, &p);
    quote! {
        const _: () = {
            struct __Kfunc;
            impl #p::KfuncName for __Kfunc {
                const NAME: &'static str = #name;
                const ARGS: &'static [&'static str] = &[#(#names),*];
            }
            const __ARGS: &[#p::ArgDecl] = &[#(#p::ArgDecl { name: #names, shape: #shapes }),*];
            const __RET: #p::RetShape = #ret_shape;
            #register
            static __DECL: #p::KfuncDecl = #p::KfuncDecl::draft(#place, #name, #doc, (__ARGS, __RET, #p::Tie::#tie))
                .flags(#flags)
                .sets(&[#(#programs),*], &[#(&#sets),*])
                #(.filter(#filter))*
                .deprecated(#deprecated)
                .shim(#p::#shim::<__Kfunc, _, #(#types,)* #p::#family<#ret>>(#ident));
            #agree
        };
    }
}

fn agreements(kfunc: &Kfunc, p: &TokenStream) -> TokenStream {
    let ret = spelt(&kfunc.ret);
    kfunc
        .flags
        .iter()
        .filter_map(|(word, flag)| flag.rule.as_ref().map(|rule| (word, rule)))
        .map(|(word, rule)| {
            let check = format_ident!("{}", rule.check);
            let found = match rule.side {
                Side::Result => format!("this function returns `{ret}`"),
                Side::Parameters => "no parameter of this function is one".to_owned(),
            };
            let message = format!("`{word}` needs {}; {found}", rule.needs);
            quote_spanned!(word.span()=> const _: () = #p::core::assert!(#p::agree::#check(__ARGS, &__RET), #message);)
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
