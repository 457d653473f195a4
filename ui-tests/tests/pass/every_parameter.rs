//! Each row of the table of parameters.

use std::ffi::CStr;

use opswap::{Btf, CallSite, Const, ConstSize, Ignored, KRef, KptrSlot, Map, MapOf, Out, Rcu, kfunc};

#[derive(Btf)]
#[repr(C)]
struct Flow {
    cwnd: u32,
}

#[derive(Btf, Clone, Copy)]
#[repr(i16)]
enum Mode {
    Slow = -1,
    Fast = 1,
}

#[kfunc]
fn numbers(a: u8, b: i16, c: u32, d: i64, e: usize) -> i32 {
    i32::from(a) + i32::from(b) + c as i32 + d as i32 + e as i32
}

#[kfunc]
fn checked(flag: bool, mode: Mode) -> bool {
    flag && matches!(mode, Mode::Fast)
}

#[kfunc]
fn constant(number: Const<u64>) -> u64 {
    number.0
}

#[kfunc]
fn objects(one: &Flow, two: Option<&Flow>, three: Rcu<'_, Flow>) -> u32 {
    one.cwnd + two.map_or(0, |flow| flow.cwnd) + three.cwnd
}

#[kfunc]
fn exclusive(flow: &mut Flow) {
    flow.cwnd += 1;
}

#[kfunc(release)]
fn owned(flow: KRef<Flow>) {
    drop(flow);
}

#[kfunc(release)]
fn maybe_owned(flow: Option<KRef<Flow>>) {
    drop(flow);
}

#[kfunc]
fn memory(from: &[u8], to: &mut [u8]) {
    to.copy_from_slice(from);
}

#[kfunc]
fn words(from: &[u32]) -> u32 {
    from.iter().sum()
}

#[kfunc]
fn fresh(to: &mut Out<[u8]>) {
    to.fill(1);
}

#[kfunc]
fn constant_size(from: &ConstSize<[u8]>, to: &mut ConstSize<[u8]>) -> u32 {
    (from.len() + to.len()) as u32
}

#[kfunc]
fn optional(bytes: Option<&[u8]>) -> u32 {
    bytes.map_or(0, <[u8]>::len) as u32
}

#[kfunc]
fn by_reference(from: &u64, to: &mut u64, four: &[u32; 4]) {
    *to = *from + u64::from(four[0]);
}

#[kfunc]
fn text(name: &CStr) -> u32 {
    name.count_bytes() as u32
}

#[kfunc]
fn ignored(first: u32, _second: Ignored<u64>) -> u32 {
    first
}

#[kfunc(implicit_args)]
fn caller(first: u32, site: &CallSite) -> u32 {
    first + site.program().len() as u32
}

#[kfunc]
fn maps(any: &Map, typed: &MapOf<u32, u64>) -> u32 {
    any.len() + typed.len()
}

#[kfunc(kptr_get)]
fn slot(slot: &KptrSlot<Flow>) -> Option<KRef<Flow>> {
    slot.take()
}

#[kfunc]
fn twelve(a: u8, b: u8, c: u8, d: u8, e: u8, f: u8, g: u8, h: u8, i: u8, j: u8, k: u8, l: u8) -> u64 {
    [a, b, c, d, e, f, g, h, i, j, k, l].iter().map(|&number| u64::from(number)).sum()
}

fn main() {
    assert_eq!(opswap::registry::OPSWAP_KFUNCS.len(), 19);
}
