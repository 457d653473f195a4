//! kfuncs and struct_ops for any Rust program.

#[doc(hidden)]
pub mod declare;
pub mod loader;
pub mod registry;
