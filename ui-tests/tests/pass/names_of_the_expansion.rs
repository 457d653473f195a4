//! Types of the user with the names that an expansion might use.

use opswap::{Btf, kfunc};

#[derive(Btf)]
#[repr(C)]
struct Name {
    decl: u32,
}

#[derive(Btf)]
#[repr(C)]
struct KfuncDecl {
    args: u32,
}

#[allow(dead_code)]
struct Option;
#[allow(dead_code)]
struct Some;

#[kfunc]
fn args(name: &Name, decl: &KfuncDecl) -> u32 {
    name.decl + decl.args
}

fn main() {
    assert_eq!(args(&Name { decl: 1 }, &KfuncDecl { args: 2 }), 3);
}
