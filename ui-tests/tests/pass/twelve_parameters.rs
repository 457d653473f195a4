//! As many parameters as a call has registers, in both modes: five in registers, the others on the stack.

use std::ffi::c_void;

use opswap::declare::ArgForm;
use opswap::registry::{OPSWAP_KFUNCS, Registry};
use opswap::{Btf, CallSite, Const, KRef, kfunc};

#[derive(Btf)]
#[repr(C)]
struct Flow {
    cwnd: u32,
}

#[kfunc(acquire, release, ret_null)]
fn of_every_kind(
    given: KRef<Flow>,
    shared: &Flow,
    maybe: Option<&Flow>,
    bytes: &[u8],
    number: i8,
    truth: bool,
    constant: Const<u32>,
    word: &u64,
    out: &mut u64,
    site: &CallSite,
    last: u16,
    more: u32,
) -> Option<KRef<Flow>> {
    let _ = (shared, maybe, bytes, number, truth, constant, word, site, last, more);
    *out = 1;
    Some(given)
}

#[kfunc]
unsafe fn raw(
    a: u8, b: i8, c: u16, d: i16, e: u32, f: i32, g: u64, h: i64, i: *mut u64, j: *const c_void, j__sz: u32, k__prog: *mut c_void,
) -> u64 {
    let _ = (a, b, c, d, e, f, g, h, i, j, j__sz, k__prog);
    0
}

fn main() {
    let find = |name: &str| OPSWAP_KFUNCS.iter().find(|kfunc| kfunc.name == name).expect("declared");
    let safe = find("of_every_kind");
    assert_eq!(safe.args.len(), 12);
    assert_eq!(safe.args.iter().map(|arg| usize::from(arg.shape.regs)).sum::<usize>(), 12);
    assert_eq!(safe.args[11].name, "more");
    // Memory and its size are one argument.
    assert_eq!(find("raw").args.len(), 11);
    assert_eq!(find("raw").args[10].shape.form, ArgForm::Caller);
    Registry::collect().expect("sound declarations");
}
