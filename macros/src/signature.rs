//! What `#[kfunc]` and `#[struct_ops]` ask of a signature: types without named lifetimes, and the lifetimes themselves.

use std::collections::BTreeSet;

use syn::visit::Visit;
use syn::visit_mut::VisitMut;
use syn::{GenericArgument, Lifetime, ReturnType, Type, TypeImplTrait, TypeReference};

/// A lifetime as a type shows it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Seen {
    /// `&T` or `'_`.
    Elided,
    /// `'a`.
    Named(String),
    /// `'static`.
    Static,
}

/// The lifetimes that a type shows, those inside `fn(…)` and `dyn Fn(…)` left out.
pub(crate) fn lifetimes(ty: &Type) -> BTreeSet<Seen> {
    struct Collect(BTreeSet<Seen>);
    impl<'ast> Visit<'ast> for Collect {
        fn visit_lifetime(&mut self, lifetime: &'ast Lifetime) {
            self.0.insert(match lifetime.ident.to_string().as_str() {
                "_" => Seen::Elided,
                "static" => Seen::Static,
                name => Seen::Named(name.to_owned()),
            });
        }

        fn visit_type_reference(&mut self, reference: &'ast TypeReference) {
            if reference.lifetime.is_none() {
                self.0.insert(Seen::Elided);
            }
            syn::visit::visit_type_reference(self, reference);
        }

        fn visit_type_fn_ptr(&mut self, _function: &'ast syn::TypeFnPtr) {}
    }
    let mut collect = Collect(BTreeSet::new());
    collect.visit_type(ty);
    collect.0
}

/// The type with every named lifetime replaced by `'_`, so that it can stand outside the function.
pub(crate) fn erased(ty: &Type) -> Type {
    struct Erase;
    impl VisitMut for Erase {
        fn visit_type_reference_mut(&mut self, reference: &mut TypeReference) {
            if reference.lifetime.as_ref().is_some_and(|lifetime| lifetime.ident != "static") {
                reference.lifetime = None;
            }
            self.visit_type_mut(&mut reference.elem);
        }

        fn visit_generic_argument_mut(&mut self, argument: &mut GenericArgument) {
            if let GenericArgument::Lifetime(lifetime) = argument
                && lifetime.ident != "static"
            {
                *lifetime = Lifetime::new("'_", lifetime.span());
            }
            syn::visit_mut::visit_generic_argument_mut(self, argument);
        }
    }
    let mut ty = ty.clone();
    Erase.visit_type_mut(&mut ty);
    ty
}

/// The first `impl Trait` in a type.
pub(crate) fn hidden(ty: &Type) -> Option<TypeImplTrait> {
    struct Find(Option<TypeImplTrait>);
    impl<'ast> Visit<'ast> for Find {
        fn visit_type_impl_trait(&mut self, hidden: &'ast TypeImplTrait) {
            self.0.get_or_insert_with(|| hidden.clone());
        }
    }
    let mut find = Find(None);
    find.visit_type(ty);
    find.0
}

/// The type behind `->`, or `()`.
pub(crate) fn result(output: &ReturnType) -> Type {
    match output {
        ReturnType::Type(_, ty) => (**ty).clone(),
        ReturnType::Default => syn::parse_quote!(()),
    }
}
