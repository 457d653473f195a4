//! [`Paths`]: how an expansion names the crate `opswap`.

use proc_macro2::TokenStream;
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

    /// The crate itself.
    pub(crate) fn krate(&self) -> TokenStream {
        match &self.krate {
            Some(path) => quote!(#path),
            None => quote!(::opswap),
        }
    }

    /// The line that gives an expansion its short name for `::opswap::__private`, which all other tokens use.
    pub(crate) fn import(&self) -> TokenStream {
        match &self.krate {
            Some(path) => quote!(use #path::__private as __p;),
            None => quote!(
                use ::opswap::__private as __p;
            ),
        }
    }
}

/// The attributes that put a static into a link-time slice.
pub(crate) fn register(slice: &str) -> TokenStream {
    let slice = quote::format_ident!("{slice}");
    quote! {
        #[__p::linkme::distributed_slice(__p::#slice)]
        #[linkme(crate = __p::linkme)]
    }
}
