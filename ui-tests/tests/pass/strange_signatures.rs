//! What is odd in Rust and fine for programs: raw identifiers, patterns, attributes, macros in types, conditions, long names.

#![forbid(unsafe_code)]
#![deny(warnings)]
#![allow(unused_parens)]

use opswap::registry::{OPSWAP_KFUNCS, Registry};
use opswap::{KRef, kfunc};

macro_rules! number {
    () => {
        u32
    };
}

type Number = u32;

mod inner {
    #[derive(opswap::Btf)]
    #[repr(C)]
    pub struct Flow {
        pub r#type: u32,
        pub(crate) next: Option<Box<Flow>>,
    }
}

#[kfunc]
fn raw_identifiers(r#type: u32, r#match: u32) -> u32 {
    r#type + r#match
}

#[kfunc]
fn r#loop(mut count: u32, _: u32, _: u16) -> u32 {
    count += 1;
    count
}

#[kfunc]
#[inline]
#[must_use]
#[allow(unused_variables, reason = "an attribute below the macro's own")]
pub(crate) const fn attributes(#[allow(unused)] a: number!(), b: Number) -> std::primitive::u32 {
    b
}

/// Compiled in.
#[kfunc]
#[cfg(not(any()))]
fn present() {}

/// Compiled out, and its declaration with it.
#[kfunc]
#[cfg(any())]
fn absent() {}

#[kfunc]
fn parentheses(flow: &(inner::Flow), number: (u32)) -> u32 {
    flow.r#type + number + flow.next.as_ref().map_or(0, |next| next.r#type)
}

#[kfunc]
fn lifetimes<'flow>(flow: &'flow inner::Flow, other: &'_ inner::Flow) -> &'flow inner::Flow {
    let _ = other;
    flow
}

#[kfunc]
fn a_name_that_is_as_long_as_the_kernel_allows_and_longer_than_anybody_would_ever_write_in_a_program_of_their_own_for_it_goes_on_and_on() {}

fn main() {
    // Inside a function, where nobody else finds the name.
    #[kfunc(acquire)]
    fn within() -> KRef<inner::Flow> {
        KRef::new(inner::Flow { r#type: 1, next: None })
    }

    let names: Vec<&str> = OPSWAP_KFUNCS.iter().map(|kfunc| kfunc.name).collect();
    assert!(names.contains(&"loop") && names.contains(&"present") && names.contains(&"within"));
    assert!(!names.contains(&"absent"));
    let args = |name: &str| {
        let kfunc = OPSWAP_KFUNCS.iter().find(|kfunc| kfunc.name == name).expect("declared");
        kfunc.args.iter().map(|arg| arg.name).collect::<Vec<_>>()
    };
    assert_eq!(args("raw_identifiers"), ["type", "match"]);
    assert_eq!(args("loop"), ["count", "arg1", "arg2"]);
    let registry = Registry::collect().expect("sound declarations");
    assert!(opswap::header::c_header(&registry).contains("unsigned int type;"));
    assert_eq!(within().r#type + r#loop(1, 2, 3) + attributes(1, 2), 5);
}
