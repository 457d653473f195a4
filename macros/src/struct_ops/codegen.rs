//! The declaration of a table and its typed wrapper as tokens.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;

use super::check::{Member, Native, Op, Presence, Sleep, Table};
use crate::paths;

/// The record in the link-time slice, the traits of the table, and one method for each operation.
pub(crate) fn codegen(table: &Table) -> TokenStream {
    let Table { ident, vis, name, doc, .. } = table;
    let (import, register) = (table.paths.import(), paths::register("OPSWAP_STRUCT_OPS"));
    let rust_name = ident.to_string();
    let mut ops = 0_u32;
    let (mut members, mut methods) = (Vec::new(), Vec::new());
    for (index, member) in table.members.iter().enumerate() {
        match &member.op {
            Some(op) => {
                members.push(op_member(table, member, op, ops));
                methods.push(method(table, member, op, (index, ops)));
                ops += 1;
            }
            None => members.push(data_member(table, member)),
        }
    }
    quote! {
        const _: () = {
            #import
            const __MEMBERS: &[__p::OpsMemberDecl] = &[#(#members),*];
            #register
            static __DECL: __p::StructOpsDecl =
                __p::StructOpsDecl::new::<#ident>(__p::place!(), __p::TypeKey::in_module(__p::core::module_path!(), #rust_name), #name, #doc, __MEMBERS);
            impl __p::StructOpsType for #ident {
                const DECL: &'static __p::StructOpsDecl = &__DECL;
                type Pinned<'a> = __Pinned<'a>;
                fn pinned<'a>(guard: __p::PinGuard<'a, Self>) -> __Pinned<'a> { __Pinned(guard) }
            }
            /// A pinned slot: its operations as methods.
            #vis struct __Pinned<'a>(__p::PinGuard<'a, #ident>);
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
    let name = field.to_string();
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
        let name = name.to_string();
        let shape = quote_spanned!(ty.span()=> __p::op_arg_shape::<#ty>());
        quote!(__p::ArgDecl { name: #name, shape: #shape })
    });
    let ret = &op.ret;
    let ret = quote_spanned!(ret.span()=> __p::op_ret_shape::<#ret>());
    quote! {
        __p::op_member(#name, #doc, __p::core::mem::offset_of!(#ident, #field),
            (__p::PresenceDecl::#presence, __p::SleepDecl::#sleep), #index, &[#(#args),*], #ret)
    }
}

fn data_member(table: &Table, member: &Member) -> TokenStream {
    let (ident, field, doc, ty) = (&table.ident, &member.ident, &member.doc, &member.ty);
    let name = field.to_string();
    quote_spanned! {ty.span()=>
        __p::data_member::<#ty>(#name, #doc, __p::core::mem::offset_of!(#ident, #field))
    }
}

fn method(table: &Table, member: &Member, op: &Op, (index, number): (usize, u32)) -> TokenStream {
    let (field, doc, ret, vis) = (&member.ident, &member.doc, &op.ret, &table.vis);
    let (names, types): (Vec<_>, Vec<_>) = op.args.iter().map(|(name, ty)| (name, ty)).unzip();
    let native = quote!(self.0.native().#field);
    let (output, from_program, from_native) = match op.native {
        Native::Always => (quote!(#ret), quote!(ret), quote!((#native)(#(#names),*))),
        Native::Maybe => (
            quote!(__p::core::option::Option<#ret>),
            quote!(__p::core::option::Option::Some(ret)),
            quote!(match #native {
                __p::core::option::Option::Some(native) => __p::core::option::Option::Some(native(#(#names),*)),
                __p::core::option::Option::None => __p::core::option::Option::None,
            }),
        ),
    };
    let attempt = match op.presence {
        Presence::Unsupported => quote!(),
        Presence::Required | Presence::Optional => quote! {
            if let __p::core::option::Option::Some(ret) =
                __p::call::<_, #ret, _>(&self.0, #number, __MEMBERS[#index].cfi_hash, || [#(__p::op_value::<#types>(&mut #names)),*])
            { return #from_program; }
        },
    };
    let mutable = match op.presence {
        Presence::Unsupported => quote!(),
        Presence::Required | Presence::Optional => quote!(mut),
    };
    quote! {
        #[doc = #doc]
        #vis fn #field(&self, #(#mutable #names: #types),*) -> #output { #attempt #from_native }
    }
}
