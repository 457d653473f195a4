//! Attacks on the promise that no accepted program breaks a rule of safe Rust.

#![forbid(unsafe_code)]

mod app;
mod host;
mod lab;
mod verdicts;
