//! Tests of the verifier as its users see it: verdicts, reports, soundness.

mod conformance;
mod directives;
mod examples;
mod frames;
mod globals;
mod lab;
mod lab_objects;
mod reports;
mod soundness;
mod verdicts;
