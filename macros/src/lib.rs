//! The attribute and derive macros of opswap. Users name them through the crate `opswap`.
//!
//! Each macro is three phases with a data type between them: `parse` (what was written, with its spans), `check` (what it means; all
//! mistakes at once), `codegen` (tokens; cannot fail). The item itself is always emitted as it was written, also after a mistake.
//!
//! Nothing here looks at how a type is spelt: expansions ask the traits of `opswap` on the types.

#![forbid(unsafe_code)]

mod btf;
mod c_name;
mod docs;
mod errors;
mod iterator;
mod kfunc;
mod nearest;
mod paths;
mod pod;
mod signature;
mod struct_ops;
#[cfg(test)]
mod tests;
mod words;

use proc_macro::TokenStream;

/// Makes a function callable by BPF programs.
///
/// Its signature is its contract: an owned parameter is a release, an owned return an acquire, `Option` a check that the program must
/// make, a lifetime ties the result to the argument it came from, `&mut` is exclusive. Flags say the same in the kernel's words and
/// must agree; what the signature implies may be left out. It stands on a function outside of `impl` blocks: what it adds is a
/// constant without a name, which has no place there.
///
/// ```text
/// /// Finds a flow by its number.
/// #[kfunc(acquire, ret_null)]
/// fn flow_by_number(table: &FlowTable, number: u32) -> Option<KRef<Flow>> { … }
/// ```
///
/// Words: `acquire release ret_null kptr_get trusted_args sleepable destructive rcu iter_new iter_next iter_destroy rcu_protected
/// fastcall spinlock_safe perfmon implicit_args dtor`, then `name = "…"`, `set = path`, `programs(struct_ops, tracing, …)`, `filter =
/// path`, `deprecated = "…"`, `crate = path`. `dtor` makes it the destructor of its only parameter's type, `dtor = T` (an
/// `unsafe fn` that takes a `*mut c_void`) that of `T`.
#[proc_macro_attribute]
pub fn kfunc(args: TokenStream, item: TokenStream) -> TokenStream {
    kfunc::expand(args.into(), item.into()).into()
}

/// Makes a Rust iterator callable by BPF programs: on a function that returns one, or on an `impl Iterator`.
///
/// It generates the kfuncs `bpf_iter_NAME_new`, `bpf_iter_NAME_next` and `bpf_iter_NAME_destroy` and their state on the program's stack.
/// Items are numbers, or `&'static T`, `KRef<T>` or `Box<T>` of types with `#[derive(Btf)]`; programs see them by reference, until
/// the iterator goes on. An iterator owns all it needs, and comes to an end.
///
/// ```text
/// #[kfunc_iter]
/// fn numbers(from: i64, to: i64) -> impl Iterator<Item = i64> { from..to }
///
/// #[kfunc_iter(name = "flows", new(first: u32))] // calls `Flows::new(first)`; without `new(…)` `Flows::default()`
/// impl Iterator for Flows { type Item = KRef<Flow>; … }
/// ```
///
/// Words: `name = "…"` (the function's name, or the type's in small letters), `new(…)` on an `impl`, `crate = path`, and those of
/// `#[kfunc]` that say who may call: `set`, `programs`, `filter`, `sleepable`, `deprecated`.
#[proc_macro_attribute]
pub fn kfunc_iter(args: TokenStream, item: TokenStream) -> TokenStream {
    iterator::expand(args.into(), item.into()).into()
}

/// Makes a struct of functions a table of operations that BPF programs can implement.
///
/// The struct stays as it is (with `#[repr(C)]`): fields of type `fn(…)` are operations, `Option<fn(…)>` optional ones, anything else
/// is data that objects fill in. `#[op(required | unsupported | sleepable)]` on a field refines it. Words: `name = "…"`, `crate =
/// path`.
#[proc_macro_attribute]
pub fn struct_ops(args: TokenStream, item: TokenStream) -> TokenStream {
    struct_ops::expand(args.into(), item.into()).into()
}

/// Describes a `#[repr(C)]` struct or union, or a fieldless enum, to BPF programs.
///
/// On a field: `#[btf(ro)]` (programs may only read), `#[btf(rw)]` (asserts that they may write), `#[btf(skip)]` (they do not see it),
/// `#[btf(rcu)]` (a pointer protected by RCU), `name = "…"`, `tag = "…"`. On the type: `name = "…"`, `crate = path`.
///
/// A `#[repr(transparent)]` struct of one field is to programs what it holds. A generic type is known to them by its aliases:
/// `opswap::btf_alias!` gives each choice of parameters a name.
#[proc_macro_derive(Btf, attributes(btf))]
pub fn btf(item: TokenStream) -> TokenStream {
    btf::expand(item.into()).into()
}

/// Promises that a `#[repr(C)]` struct is plain data: no padding, and all fields plain data themselves. Both are checked.
///
/// With it, programs may pass the struct as memory (`&[T]`), and operations may take it by value, up to 16 bytes. It also needs `Copy` and
/// `#[derive(Btf)]`.
#[proc_macro_derive(Pod, attributes(btf))]
pub fn pod(item: TokenStream) -> TokenStream {
    pod::expand(item.into()).into()
}
