//! Each row of the table of returns.

use opswap::{Btf, Const, Errno, KRef, Rcu, kfunc};

#[derive(Btf)]
#[repr(C)]
struct Flow {
    cwnd: u32,
    next: Option<KRef<Flow>>,
}

static FIRST: std::sync::LazyLock<Flow> = std::sync::LazyLock::new(|| Flow { cwnd: 1, next: None });

#[kfunc]
fn nothing() {}

#[kfunc]
fn number() -> i8 {
    -1
}

#[kfunc]
fn truth() -> bool {
    true
}

#[kfunc]
fn fallible(number: u32) -> Result<u32, Errno> {
    if number == 0 { Err(Errno::EINVAL) } else { Ok(number) }
}

#[kfunc]
fn fallible_nothing(number: u32) -> Result<(), Errno> {
    fallible(number).map(|_| ())
}

#[kfunc(acquire)]
fn owned() -> KRef<Flow> {
    KRef::new(Flow { cwnd: 1, next: None })
}

#[kfunc(acquire, ret_null)]
fn maybe_owned(flow: &Flow) -> Option<KRef<Flow>> {
    flow.next.clone()
}

#[kfunc]
fn tied_by_elision(flow: &Flow, number: u32) -> &Flow {
    let _ = number;
    flow
}

#[kfunc(ret_null)]
fn tied_by_name<'a>(other: &Flow, flow: &'a Flow) -> Option<&'a Flow> {
    let _ = other;
    flow.next.as_deref()
}

#[kfunc]
fn for_good() -> &'static Flow {
    &FIRST
}

#[kfunc(rcu_protected)]
fn protected<'a>(flow: &'a Flow) -> Rcu<'a, Flow> {
    Rcu::new(flow)
}

#[kfunc(ret_null)]
fn memory(flow: &Buffer, rdonly_buf_size: Const<u32>) -> Option<&[u8]> {
    (rdonly_buf_size.0 <= 16).then_some(&flow.bytes)
}

#[kfunc]
fn writable_memory(flow: &mut Buffer, rdwr_buf_size: Const<u32>) -> &mut [u8] {
    &mut flow.bytes[..rdwr_buf_size.0 as usize]
}

#[derive(Btf)]
#[repr(C)]
struct Buffer {
    bytes: [u8; 16],
}

fn main() {
    use opswap::declare::Tie;
    let tie = |name: &str| opswap::registry::OPSWAP_KFUNCS.iter().find(|kfunc| kfunc.name == name).map(|kfunc| kfunc.tie);
    assert_eq!(tie("tied_by_elision"), Some(Tie::arg(0)));
    assert_eq!(tie("tied_by_name"), Some(Tie::arg(1)));
    assert_eq!(tie("for_good"), Some(Tie::STATIC));
    assert_eq!(tie("owned"), Some(Tie::NONE));
}
