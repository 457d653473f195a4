//! The description of a type as tokens. Every size and offset is a constant of the compiler.

use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Ident, Type};

use super::check::{Described, Keeper, Limit, Member, Shape};
use crate::paths;

/// The record in the link-time slice and the traits of the type.
pub(crate) fn codegen(described: &Described) -> TokenStream {
    match &described.shape {
        Shape::Struct(fields) => aggregate(described, &quote!(Struct), fields),
        Shape::Union(fields) => aggregate(described, &quote!(Union), fields),
        Shape::Enum(repr, variants) => enumeration(described, repr, variants),
        Shape::Newtype(ty, limit) => newtype(described, ty, *limit),
    }
}

fn aggregate(described: &Described, form: &TokenStream, fields: &[Member]) -> TokenStream {
    if described.generics.params.is_empty() {
        object(described, form, fields)
    } else {
        generic(described, form, fields)
    }
}

/// What an alias needs to describe the type with parameters of its own.
fn generic(described: &Described, form: &TokenStream, fields: &[Member]) -> TokenStream {
    let Described { ident, generics, .. } = described;
    let import = described.paths.import();
    let (impl_generics, ty_generics, _) = generics.split_for_impl();
    let given = generics.where_clause.iter().flat_map(|clause| &clause.predicates);
    let types = fields.iter().map(|field| &field.ty);
    let owner = quote!(#ident #ty_generics);
    let members = fields.iter().map(|field| member(&owner, field));
    quote! {
        const _: () = {
            #import
            unsafe impl #impl_generics __p::BtfGeneric for #ident #ty_generics
            where
                #(#given,)*
                #(#types: __p::BtfType,)*
            {
                const FORM: __p::TypeForm = __p::TypeForm::#form;
                const MEMBERS: &'static [__p::MemberDecl] = &[#(#members),*];
            }
        };
    }
}

fn newtype(described: &Described, ty: &Type, limit: Limit) -> TokenStream {
    let Described { ident, generics, .. } = described;
    let import = described.paths.import();
    let (impl_generics, ty_generics, _) = generics.split_for_impl();
    let given = generics.where_clause.iter().flat_map(|clause| &clause.predicates);
    let limit = word(limit);
    quote_spanned! {ty.span().resolved_at(Span::call_site())=>
        const _: () = {
            #import
            unsafe impl #impl_generics __p::BtfType for #ident #ty_generics
            where
                #(#given,)*
                #ty: __p::BtfType,
            {
                const EXPR: __p::TypeExpr = <#ty as __p::BtfType>::EXPR;
                const ACCESS: __p::AccessDecl = __p::limited::<#ty>(__p::Limit::#limit);
                const POINTER: __p::PointerDecl = <#ty as __p::BtfType>::POINTER;
                const NULL: __p::NullDecl = <#ty as __p::BtfType>::NULL;
            }
        };
    }
}

fn word(limit: Limit) -> TokenStream {
    match limit {
        Limit::None => quote!(None),
        Limit::ReadOnly => quote!(ReadOnly),
        Limit::Writable => quote!(Writable),
    }
}

fn object(described: &Described, form: &TokenStream, fields: &[Member]) -> TokenStream {
    let Described { ident, name, doc, .. } = described;
    let rust_name = ident.to_string();
    let (import, register) = (described.paths.import(), paths::register("OPSWAP_TYPES"));
    let members = fields.iter().map(|field| member(&quote!(#ident), field));
    quote! {
        const _: () = {
            #import
            unsafe impl __p::BtfType for #ident {
                const EXPR: __p::TypeExpr = __p::TypeExpr::named(<Self as __p::BtfObject>::KEY);
            }
            unsafe impl __p::BtfObject for #ident {
                const KEY: __p::TypeKey = __p::TypeKey::in_module(__p::core::module_path!(), #rust_name);
            }
            #register
            static __DECL: __p::Linked<__p::TypeDecl> = unsafe {
                __p::Linked::new(__p::TypeDecl::object::<#ident>(__p::place!(), __p::TypeForm::#form, #name, #doc, &[#(#members),*]))
            };
        };
    }
}

fn member(owner: &TokenStream, field: &Member) -> TokenStream {
    let span = field.at.resolved_at(Span::call_site());
    let Member { ident: field_ident, name, ty, tag, .. } = field;
    let make = match field.keeper {
        Keeper::Type => Ident::new("member", span),
        Keeper::Rcu => Ident::new("rcu_member", span),
    };
    let limit = word(field.limit);
    let offset = quote!(__p::core::mem::offset_of!(#owner, #field_ident));
    quote_spanned!(span=> __p::#make::<#ty>(#name, #offset, __p::Limit::#limit, #tag))
}

fn enumeration(described: &Described, repr: &Ident, variants: &[Ident]) -> TokenStream {
    let Described { ident, name, doc, .. } = described;
    let rust_name = ident.to_string();
    let (import, register) = (described.paths.import(), paths::register("OPSWAP_TYPES"));
    let names = variants.iter().map(|variant| format!("{}_{variant}", described.name));
    quote! {
        const _: () = {
            #import
            const __KEY: __p::TypeKey = __p::TypeKey::in_module(__p::core::module_path!(), #rust_name);
            const __BITS: &[u64] = &[#(#ident::#variants as #repr as u64),*];
            unsafe impl __p::BtfType for #ident {
                const EXPR: __p::TypeExpr = __p::TypeExpr::named(__KEY);
                const ACCESS: __p::AccessDecl = __p::AccessDecl::ReadOnly;
            }
            impl __p::BtfEnum for #ident {
                const REPR: (u32, __p::IntForm) = __p::repr_of::<#repr>();
                const LEGAL: &'static [u64] = &__p::legal::<{ __BITS.len() }>(__BITS, Self::REPR);
                fn from_bits(bits: u64) -> __p::core::option::Option<Self> {
                    #(if bits as #repr == #ident::#variants as #repr { return __p::core::option::Option::Some(#ident::#variants); })*
                    __p::core::option::Option::None
                }
                fn to_bits(self) -> u64 { self as #repr as u64 }
            }
            impl __p::KfuncArg for #ident { type Via = __p::ViaEnum; type At<'x> = Self; }
            impl __p::KfuncRet for #ident { type Via = __p::ViaEnum; type At<'x> = Self; }
            impl __p::OpArg for #ident { type Via = __p::ViaEnum; }
            impl __p::OpRet for #ident { type Via = __p::ViaEnum; }
            #register
            static __DECL: __p::Linked<__p::TypeDecl> = unsafe {
                __p::Linked::new(__p::TypeDecl::enumeration::<#ident>(__p::place!(), __KEY, #name, #doc, &__p::enumerators(&[#(#names),*], __BITS)))
            };
        };
    }
}
