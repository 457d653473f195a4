//! Parameters that stand for more than a pointer or a number, end to end: declared in safe Rust, called by program text in the JIT
//! and in the interpreter, and attacked by programs that the verifier accepts.

#![forbid(unsafe_code)]

mod callback;
mod lab;
