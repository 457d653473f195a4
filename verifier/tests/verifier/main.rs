//! Tests of the verifier as its users see it: verdicts, reports, soundness.

mod lab;
mod verdicts;
