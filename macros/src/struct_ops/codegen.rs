//! The declaration of a table and its typed wrapper as tokens.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::ext::IdentExt;
use syn::spanned::Spanned;

use super::check::{Member, Native, Op, Presence, Sleep, Table};
use crate::paths;

/// Arguments from which on clippy speaks up, `self` not counted.
const LINTED: usize = 6;

/// The record in the link-time slice, the traits of the table, and one method for each operation.
pub(crate) fn codegen(table: &Table) -> TokenStream {
    let Table { ident, vis, name, doc, .. } = table;
    let (import, register) = (table.paths.import(), paths::register("OPSWAP_STRUCT_OPS"));
    let rust_name = ident.to_string();
    let mut ops = 0_u32;
    let (mut members, mut methods) = (Vec::new(), Vec::new());
    for member in &table.members {
        match &member.op {
            Some(op) => {
                members.push(op_member(table, member, op, ops));
                methods.push(method(table, member, op, ops));
                ops += 1;
            }
            None => members.push(data_member(table, member)),
        }
    }
    // The table says how many arguments an operation has; its methods only follow.
    let many = table.members.iter().flat_map(|member| &member.op).any(|op| op.args.len() > LINTED);
    let wide = many.then(|| quote!(#[allow(clippy::too_many_arguments)]));
    quote! {
        const _: () = {
            #import
            const __MEMBERS: &[__p::OpsMemberDecl] = &[#(#members),*];
            #register
            static __DECL: __p::Linked<__p::StructOpsDecl> = unsafe {
                __p::Linked::new(__p::StructOpsDecl::new::<#ident>(__p::place!(), __p::TypeKey::in_module(__p::core::module_path!(), #rust_name), #name, #doc, __MEMBERS))
            };
            impl __p::StructOpsType for #ident {
                const DECL: &'static __p::Linked<__p::StructOpsDecl> = &__DECL;
                type Pinned<'a> = __Pinned<'a>;
                fn pinned<'a>(guard: __p::PinGuard<'a, Self>) -> __Pinned<'a> { __Pinned(guard) }
            }
            /// A pinned slot: its operations as methods.
            #vis struct __Pinned<'a>(__p::PinGuard<'a, #ident>);
            #wide
            impl __Pinned<'_> { #(#methods)* }
            impl __p::PinnedTable for __Pinned<'_> {
                type Table = #ident;
                fn guard(&self) -> &__p::PinGuard<'_, #ident> { &self.0 }
            }
        };
    }
}

fn op_member(table: &Table, member: &Member, op: &Op, index: u32) -> TokenStream {
    let (ident, field, doc) = (&table.ident, &member.ident, &member.doc);
    let name = field.unraw().to_string();
    let presence = match op.presence {
        Presence::Required => quote!(Required),
        Presence::Optional => quote!(Optional),
        Presence::Unsupported => quote!(Unsupported),
    };
    let sleep = match op.sleep {
        Sleep::Atomic => quote!(Atomic),
        Sleep::Sleepable => quote!(Sleepable),
    };
    let args = op.args.iter().map(|(name, ty)| {
        let name = name.unraw().to_string();
        let shape = quote_spanned!(ty.span()=> __p::op_arg_shape::<#ty>());
        quote!(__p::ArgDecl { name: #name, shape: #shape })
    });
    let ret = &op.ret;
    let ret = quote_spanned!(ret.span()=> __p::op_ret_shape::<#ret>());
    let member = quote! {
        __p::op_member(#name, #doc, __p::core::mem::offset_of!(#ident, #field),
            (__p::PresenceDecl::#presence, __p::SleepDecl::#sleep), #index, &[#(#args),*], #ret)
    };
    if op.presence == Presence::Unsupported {
        return member;
    }
    let symbol = format!("{}__{name}", table.name);
    quote!({
        const __OP: __p::OpsMemberDecl = #member;
        __p::stubbed(__OP, __p::stub!(#symbol, __OP.cfi_hash))
    })
}

fn data_member(table: &Table, member: &Member) -> TokenStream {
    let (ident, field, doc, ty) = (&table.ident, &member.ident, &member.doc, &member.ty);
    let name = field.unraw().to_string();
    quote_spanned! {ty.span()=>
        __p::data_member::<#ty>(#name, #doc, __p::core::mem::offset_of!(#ident, #field))
    }
}

fn method(table: &Table, member: &Member, op: &Op, number: u32) -> TokenStream {
    let (field, doc, ret, vis) = (&member.ident, &member.doc, &op.ret, &table.vis);
    let (names, types): (Vec<_>, Vec<_>) = op.args.iter().map(|(name, ty)| (name, ty)).unzip();
    let native = quote!(self.0.native().#field);
    let output = match op.native {
        Native::Always => quote!(#ret),
        Native::Maybe => quote!(__p::core::option::Option<#ret>),
    };
    if op.presence == Presence::Unsupported {
        let answer = match op.native {
            Native::Always => quote!((#native)(#(#names),*)),
            Native::Maybe => quote!(#native.map(|native| native(#(#names),*))),
        };
        return quote!(#[doc = #doc] #vis fn #field(&self, #(#names: #types),*) -> #output { #answer });
    }
    // The arguments stay here: the native implementation gets them when there is no program, or when it failed.
    let kept = (0..names.len()).map(syn::Index::from).map(|at| quote!(args.#at));
    let (program, answer) = match op.native {
        Native::Always => (quote!(ret), quote!((#native)(#(#kept),*))),
        Native::Maybe => {
            (quote!(__p::core::option::Option::Some(ret)), quote!(#native.map(|native| native(#(#kept),*))))
        }
    };
    quote! {
        #[doc = #doc]
        #vis fn #field(&self, #(#names: #types),*) -> #output {
            let mut args = (#(#names,)*);
            match __p::call::<_, _, #ret>(&self.0, #number, &mut args) {
                __p::core::option::Option::Some(ret) => #program,
                __p::core::option::Option::None => #answer,
            }
        }
    }
}
