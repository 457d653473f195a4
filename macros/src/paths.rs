//! [`Paths`]: how an expansion names the crate `opswap`.

use proc_macro2::{Span, TokenStream, TokenTree};
use quote::quote;
use syn::Path;

/// Paths into the crate, which may have been renamed.
#[derive(Clone)]
pub(crate) struct Paths {
    krate: Option<Path>,
}

impl Paths {
    /// With the path of `crate = …`, or `::opswap`.
    pub(crate) fn new(krate: Option<Path>) -> Self {
        Self { krate }
    }

    /// `::opswap`.
    pub(crate) fn krate(&self) -> TokenStream {
        match &self.krate {
            Some(path) => quote!(#path),
            None => quote!(::opswap),
        }
    }

    /// `::opswap::__private`.
    pub(crate) fn private(&self) -> TokenStream {
        let krate = self.krate();
        quote!(#krate::__private)
    }

    /// The same, with every token at `span`, so that an expression made of it is reported there.
    pub(crate) fn private_at(&self, span: Span) -> TokenStream {
        let respan = |mut token: TokenTree| {
            token.set_span(span.resolved_at(Span::call_site()));
            token
        };
        self.private().into_iter().map(respan).collect()
    }

    /// The attributes that put a static into a link-time slice, and the place at which it was written.
    pub(crate) fn register(&self, slice: &str) -> TokenStream {
        let private = self.private();
        let slice = quote::format_ident!("{slice}");
        quote! {
            #[#private::linkme::distributed_slice(#private::#slice)]
            #[linkme(crate = #private::linkme)]
        }
    }

    /// Where the item stands.
    pub(crate) fn place(&self) -> TokenStream {
        let private = self.private();
        quote! {
            #private::Place {
                module: #private::core::module_path!(), file: #private::core::file!(),
                line: #private::core::line!(), column: #private::core::column!(),
            }
        }
    }
}
