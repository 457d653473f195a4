//! kfuncs and struct_ops for any Rust program.

pub mod loader;
