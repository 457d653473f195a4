//! Tests that run compiled code. `harness` proves, compiles and calls; its `machine` has these tests' only `unsafe`.

mod branches;
mod calls;
mod conformance;
mod differential;
mod golden;
mod harness;
mod idioms;
mod matrix;
mod stack;
mod validator;
