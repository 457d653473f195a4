//! Parameters that stand for more than a pointer or a number, end to end: declared in safe Rust, called by program text in the JIT
//! and in the interpreter, and attacked by programs that the verifier accepts.

#![deny(unsafe_code)]

mod callback;
mod dynptr;
mod irq;
mod iterator;
mod lab;
#[allow(unsafe_code, reason = "raw kfuncs are `unsafe fn`")]
mod raw;
#[allow(unsafe_code, reason = "raw kfuncs are `unsafe fn`")]
mod raw_ownership;
