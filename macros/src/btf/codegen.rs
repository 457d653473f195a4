//! The description of a type as tokens. Every size and offset is a constant of the compiler.

use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::Ident;

use super::check::{Described, Keeper, Limit, Member, Shape};
use crate::paths::Paths;

/// The record in the link-time slice and the traits of the type.
pub(crate) fn codegen(described: &Described) -> TokenStream {
    let p = described.paths.private();
    match &described.shape {
        Shape::Struct(fields) => object(described, &p, &quote!(Struct), fields),
        Shape::Union(fields) => object(described, &p, &quote!(Union), fields),
        Shape::Enum(repr, variants) => enumeration(described, &p, repr, variants),
    }
}

fn object(described: &Described, p: &TokenStream, form: &TokenStream, fields: &[Member]) -> TokenStream {
    let Described { ident, name, doc, .. } = described;
    let rust_name = ident.to_string();
    let (register, place) = (described.paths.register("OPSWAP_TYPES"), described.paths.place());
    let members = fields.iter().map(|field| member(ident, &described.paths, field));
    quote! {
        const _: () = {
            impl #p::BtfType for #ident {
                const EXPR: #p::TypeExpr = #p::TypeExpr::named(<Self as #p::BtfObject>::KEY);
            }
            impl #p::BtfObject for #ident {
                const KEY: #p::TypeKey = #p::TypeKey::in_module(#p::core::module_path!(), #rust_name);
            }
            #register
            static __DECL: #p::TypeDecl =
                #p::TypeDecl::object::<#ident>(#place, #p::TypeForm::#form, #name, #doc, &[#(#members),*]);
        };
    }
}

fn member(ident: &Ident, paths: &Paths, field: &Member) -> TokenStream {
    let span = field.at.resolved_at(Span::call_site());
    let p = paths.private_at(field.at);
    let Member { ident: field_ident, name, ty, tag, .. } = field;
    let make = match field.keeper {
        Keeper::Type => Ident::new("member", span),
        Keeper::Rcu => Ident::new("rcu_member", span),
    };
    let limit = match field.limit {
        Limit::None => quote!(None),
        Limit::ReadOnly => quote!(ReadOnly),
        Limit::Writable => quote!(Writable),
    };
    let offset = quote!(#p::core::mem::offset_of!(#ident, #field_ident));
    quote_spanned!(span=> #p::#make::<#ty>(#name, #offset, #p::Limit::#limit, #tag))
}

fn enumeration(described: &Described, p: &TokenStream, repr: &Ident, variants: &[Ident]) -> TokenStream {
    let Described { ident, name, doc, .. } = described;
    let rust_name = ident.to_string();
    let (register, place) = (described.paths.register("OPSWAP_TYPES"), described.paths.place());
    let names = variants.iter().map(|variant| format!("{}_{variant}", described.name));
    quote! {
        const _: () = {
            const __KEY: #p::TypeKey = #p::TypeKey::in_module(#p::core::module_path!(), #rust_name);
            const __BITS: &[u64] = &[#(#ident::#variants as #repr as u64),*];
            impl #p::BtfType for #ident {
                const EXPR: #p::TypeExpr = #p::TypeExpr::named(__KEY);
                const ACCESS: #p::AccessDecl = #p::AccessDecl::ReadOnly;
            }
            impl #p::BtfEnum for #ident {
                const REPR: (u32, #p::IntForm) = #p::repr_of::<#repr>();
                const LEGAL: &'static [u64] = &#p::legal::<{ __BITS.len() }>(__BITS, Self::REPR);
                fn from_bits(bits: u64) -> #p::core::option::Option<Self> {
                    #(if bits as #repr == #ident::#variants as #repr { return #p::core::option::Option::Some(#ident::#variants); })*
                    #p::core::option::Option::None
                }
                fn to_bits(self) -> u64 { self as #repr as u64 }
            }
            impl #p::KfuncArg for #ident { type Via = #p::ViaEnum; type At<'x> = Self; }
            impl #p::KfuncRet for #ident { type Via = #p::ViaEnum; type At<'x> = Self; }
            impl #p::OpArg for #ident { type Via = #p::ViaEnum; }
            impl #p::OpRet for #ident { type Via = #p::ViaEnum; }
            #register
            static __DECL: #p::TypeDecl =
                #p::TypeDecl::enumeration::<#ident>(#place, __KEY, #name, #doc, &#p::enumerators(&[#(#names),*], __BITS));
        };
    }
}
