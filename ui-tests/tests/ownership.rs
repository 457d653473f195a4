//! Walks the tables of `docs/ownership.md`: each row has a kfunc below whose signature is of that row.

use std::ffi::CStr;
use std::path::Path;

use opswap::registry::OPSWAP_KFUNCS;
use opswap::{
    Btf, CallSite, Callback, Const, ConstSize, Dynptr, Errno, Ignored, IrqFlag, Iter, KRef, KptrSlot,
    ListHead, ListNode, Map, MapOf, Out, RbNode, RbRoot, Rcu, SpinLock, Timer, Uninit, Workqueue, kfunc,
};

#[derive(Btf)]
#[repr(C)]
struct Flow {
    cwnd: u32,
    next: Option<KRef<Flow>>,
}

#[derive(Btf)]
#[repr(C)]
struct Buffer {
    bytes: [u8; 16],
}

#[derive(Btf, Clone, Copy)]
#[repr(u8)]
enum Mode {
    Slow,
    Fast,
}

#[derive(Btf)]
#[repr(C)]
struct Table {
    count: u64,
}

static FIRST: Flow = Flow { cwnd: 1, next: None };

#[kfunc]
fn arg_number(number: u32) -> u32 {
    number
}

#[kfunc]
fn arg_bool(flag: bool) -> bool {
    !flag
}

#[kfunc]
fn arg_enum(mode: Mode) -> bool {
    matches!(mode, Mode::Fast)
}

#[kfunc]
fn arg_constant(number: Const<u64>) -> u64 {
    number.0
}

#[kfunc(trusted_args)]
fn arg_shared(flow: &Flow) -> u32 {
    flow.cwnd
}

#[kfunc]
fn arg_nullable(flow: Option<&Flow>) -> u32 {
    flow.map_or(0, |flow| flow.cwnd)
}

#[kfunc(rcu)]
fn arg_rcu(flow: Rcu<'_, Flow>) -> u32 {
    flow.cwnd
}

#[kfunc]
fn arg_exclusive(flow: &mut Flow) {
    flow.cwnd = 1;
}

#[kfunc(release)]
fn arg_owned(flow: KRef<Flow>) {
    drop(flow);
}

#[kfunc(release)]
fn arg_owned_or_null(flow: Option<KRef<Flow>>) {
    drop(flow);
}

#[kfunc(kptr_get)]
fn arg_slot(slot: &KptrSlot<Flow>) -> Option<KRef<Flow>> {
    slot.take()
}

#[kfunc]
fn arg_bytes(bytes: &[u8]) -> u8 {
    bytes.first().copied().unwrap_or(0)
}

#[kfunc]
fn arg_words(words: &[u32]) -> u32 {
    words.iter().fold(0, |sum, word| sum.wrapping_add(*word))
}

#[kfunc]
fn arg_bytes_mut(bytes: &mut [u8]) {
    bytes.fill(0);
}

#[kfunc]
fn arg_uninit(bytes: &mut Out<[u8]>) {
    bytes.fill(1);
}

#[kfunc]
fn arg_constant_size(bytes: &ConstSize<[u8]>) -> bool {
    bytes.is_empty()
}

#[kfunc]
fn arg_optional_bytes(bytes: Option<&[u8]>) -> bool {
    bytes.is_none()
}

#[kfunc]
fn arg_memory(from: &u64, to: &mut u64, words: &[u32; 4]) {
    *to = *from + u64::from(words[0]);
}

#[kfunc]
fn arg_text(text: &CStr) -> bool {
    text.is_empty()
}

#[kfunc]
fn arg_map(map: &Map) -> u32 {
    map.len()
}

#[kfunc]
fn arg_map_of(map: &MapOf<u32, u64>) -> u32 {
    map.len()
}

#[kfunc]
fn arg_callback(each: Callback<fn(u64, &Flow) -> i64>) -> i64 {
    each.call((1, &FIRST)).unwrap_or(-1)
}

#[kfunc]
fn arg_fields(lock: &SpinLock, timer: &Timer, work: &Workqueue, head: &ListHead, root: &RbRoot) {
    let _ = (lock, timer, work, head, root);
}

#[kfunc]
fn arg_nodes(list: &ListNode, tree: &RbNode) {
    let _ = (list, tree);
}

#[kfunc]
fn arg_dynptr(memory: &Dynptr) -> u64 {
    memory.len() as u64
}

#[kfunc]
fn arg_dynptr_mut(memory: &mut Dynptr) -> bool {
    memory.write(0, &[1]).is_ok()
}

#[kfunc]
fn arg_dynptr_uninit(memory: Uninit<Dynptr>) -> bool {
    memory.to_constant(b"constant").is_ok()
}

#[derive(Btf, Default)]
#[repr(C)]
#[btf(name = "bpf_iter_arg_seq")]
struct Seq {
    next: u64,
}

#[kfunc(iter_new)]
fn bpf_iter_arg_seq_new(state: Uninit<Iter<Seq>>, last: u64) {
    state.write(Iter::new(Seq { next: last }));
}

#[kfunc(iter_next)]
fn bpf_iter_arg_seq_next(state: &mut Iter<Seq>) -> Option<&u64> {
    state.next = state.next.checked_sub(1)?;
    Some(&state.next)
}

#[kfunc(iter_destroy)]
fn bpf_iter_arg_seq_destroy(state: &mut Iter<Seq>) {
    state.next = 0;
}

#[kfunc]
fn arg_iterator(state: &Iter<Seq>) -> u64 {
    state.next
}

#[kfunc]
fn arg_irq_save(flag: Uninit<IrqFlag>) {
    flag.write(IrqFlag::new(1));
}

#[kfunc]
fn arg_irq_restore(flag: &mut IrqFlag) -> u64 {
    flag.saved()
}

#[kfunc(implicit_args)]
fn arg_call_site(site: &CallSite) -> bool {
    site.program().is_empty()
}

#[kfunc]
fn arg_ignored(nothing: Ignored<u64>) {
    let _ = nothing;
}

#[kfunc]
unsafe fn arg_raw(flow: *mut Flow) -> bool {
    flow.is_null()
}

#[kfunc]
fn ret_number() -> i8 {
    -1
}

#[kfunc]
fn ret_nothing() {}

#[kfunc]
fn ret_result(number: u32) -> Result<u32, Errno> {
    if number == 0 { Err(Errno::EINVAL) } else { Ok(number) }
}

#[kfunc(acquire)]
fn ret_owned() -> KRef<Flow> {
    KRef::new(Flow { cwnd: 1, next: None })
}

#[kfunc(acquire, ret_null)]
fn ret_owned_or_null(flow: &Flow) -> Option<KRef<Flow>> {
    flow.next.clone()
}

#[kfunc]
fn ret_tied(flow: &Flow, number: u32) -> &Flow {
    let _ = number;
    flow
}

#[kfunc]
fn ret_static() -> &'static Flow {
    &FIRST
}

#[kfunc(ret_null)]
fn ret_tied_or_null(flow: &Flow) -> Option<&Flow> {
    flow.next.as_deref()
}

#[kfunc]
fn ret_number_lent(table: &Table) -> &u64 {
    &table.count
}

#[kfunc(rcu_protected)]
fn ret_rcu(flow: &Flow) -> Rcu<'_, Flow> {
    Rcu::new(flow)
}

#[kfunc]
fn ret_bytes(buffer: &Buffer, rdonly_buf_size: Const<u32>) -> &[u8] {
    &buffer.bytes[..rdonly_buf_size.0 as usize]
}

#[kfunc]
fn ret_bytes_mut(buffer: &mut Buffer, rdwr_buf_size: Const<u32>) -> &mut [u8] {
    &mut buffer.bytes[..rdwr_buf_size.0 as usize]
}

/// What a row says first, and the kfunc it names last.
struct Row<'t> {
    rust: &'t str,
    kfunc: &'t str,
}

fn in_backticks(cell: &str) -> Option<&str> {
    cell.split('`').nth(1)
}

/// The rows of all tables whose last column is `example`.
fn rows(document: &str) -> Vec<Row<'_>> {
    let mut rows = Vec::new();
    let mut within = false;
    for line in document.lines() {
        let cells: Vec<&str> = line.trim().trim_matches('|').split(" | ").map(str::trim).collect();
        if !line.starts_with('|') {
            within = false;
        } else if cells.last() == Some(&"example") {
            within = true;
        } else if within && !line.starts_with("|---") {
            let rust = in_backticks(cells[0]).expect("a row begins with a type");
            let kfunc = in_backticks(cells[cells.len() - 1]).expect("a row ends with a kfunc");
            rows.push(Row { rust, kfunc });
        }
    }
    rows
}

/// The signature of a function in this file, from `fn` to the brace.
fn signature<'s>(source: &'s str, name: &str) -> &'s str {
    let start = source.find(&format!("fn {name}(")).unwrap_or_else(|| panic!("there is no kfunc `{name}`"));
    let end = source[start..].find(" {").expect("a function has a body");
    &source[start..start + end]
}

#[test]
fn every_row_of_the_tables_has_a_kfunc() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/ownership.md");
    let document = std::fs::read_to_string(path).expect("docs/ownership.md is in the repository");
    let rows = rows(&document);
    assert!(rows.len() >= 35, "only {} rows were found", rows.len());
    let source = include_str!("ownership.rs");
    for Row { rust, kfunc } in rows {
        assert!(OPSWAP_KFUNCS.iter().any(|decl| decl.name == kfunc), "`{kfunc}` is not registered");
        let signature = signature(source, kfunc).replace("Flow", "T");
        // Nothing is written for a function that returns nothing.
        let shown = if rust == "()" { !signature.contains("->") } else { signature.contains(rust) };
        assert!(shown, "`{kfunc}` stands for `{rust}`, but its signature is `{signature}`");
    }
}

#[test]
fn the_declarations_make_a_registry() {
    let registry = opswap::registry::Registry::collect().expect("the declarations above are consistent");
    for decl in OPSWAP_KFUNCS {
        assert!(registry.kfunc_named(decl.name).is_some(), "`{}` is lost", decl.name);
    }
}
