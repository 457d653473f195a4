//! The application under attack, in safe Rust: kfuncs, objects and a table with every signature that could break a rule.

use std::sync::atomic::{AtomicI64, AtomicU32, Ordering};

use opswap::{Btf, Const, KRef, Rcu, StructOps, kfunc, struct_ops};

/// Counted, linked, with a payload that its destructor destroys.
#[derive(Btf, Debug)]
#[repr(C)]
pub(crate) struct Node {
    pub(crate) value: u64,
    pub(crate) shared: AtomicU32,
    pub(crate) next: Option<KRef<Node>>,
}

static NODES: AtomicI64 = AtomicI64::new(0);

impl Node {
    pub(crate) fn new(value: u64, next: Option<KRef<Self>>) -> KRef<Self> {
        NODES.fetch_add(1, Ordering::Relaxed);
        KRef::new(Self { value, shared: AtomicU32::new(0), next })
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        NODES.fetch_sub(1, Ordering::Relaxed);
    }
}

/// What an operation has for itself.
#[derive(Btf)]
#[repr(C)]
pub(crate) struct Flow {
    pub(crate) number: u64,
    pub(crate) node: Option<KRef<Node>>,
    #[btf(rcu)]
    pub(crate) protected: Option<KRef<Node>>,
    pub(crate) raw: *const Node,
    pub(crate) overlay: Overlay,
    pub(crate) bytes: [u8; 16],
    pub(crate) flag: bool,
    pub(crate) boxed: Box<Leaf>,
}

// A raw pointer is what makes it neither `Send` nor `Sync`: programs get it by `&mut` alone.

/// A union: the bytes of a number may be read as a pointer.
#[derive(Btf, Clone, Copy)]
#[repr(C)]
pub(crate) union Overlay {
    pub(crate) leaf: Option<&'static Leaf>,
    pub(crate) number: u64,
}

/// Plain numbers.
#[derive(Btf, Debug, Default)]
#[repr(C)]
pub(crate) struct Leaf {
    pub(crate) a: u32,
    pub(crate) b: u32,
}

#[kfunc(acquire)]
fn node_get(value: u64) -> KRef<Node> {
    Node::new(value, Some(Node::new(value + 1, None)))
}

#[kfunc(release)]
fn node_put(node: KRef<Node>) {
    drop(node);
}

#[kfunc]
fn node_see(node: &Node) -> u64 {
    node.value
}

#[kfunc(rcu)]
fn node_rcu_see(node: Rcu<'_, Node>) -> u64 {
    node.value
}

#[kfunc(rcu_protected)]
fn node_rcu<'a>(node: &'a Node) -> Rcu<'a, Node> {
    Rcu::new(node)
}

#[kfunc(rcu_protected, ret_null)]
fn node_rcu_maybe<'a>(node: &'a Node) -> Option<Rcu<'a, Node>> {
    node.next.as_deref().map(Rcu::new)
}

#[kfunc(release)]
fn node_swap(gone: KRef<Node>, kept: &Node) -> u64 {
    drop(gone);
    kept.value
}

#[kfunc(release)]
fn node_both(one: KRef<Node>, two: KRef<Node>) {
    drop((one, two));
}

#[kfunc]
fn flow_clear(flow: &mut Flow) {
    flow.node = None;
    flow.protected = None;
    *flow.boxed = Leaf::default();
}

#[kfunc]
fn flow_bytes(flow: &mut Flow, rdwr_buf_size: Const<u32>) -> &mut [u8] {
    let size = rdwr_buf_size.0 as usize;
    &mut flow.bytes[..size]
}

#[kfunc]
fn flow_short(flow: &mut Flow, rdonly_buf_size: Const<u32>) -> &[u8] {
    let _ = rdonly_buf_size;
    &flow.bytes[..1]
}

#[kfunc]
fn flow_with(flow: &mut Flow, node: Rcu<'_, Node>) {
    flow.number = node.value;
}

#[kfunc]
fn leaf_set(leaf: &mut Leaf) {
    leaf.a = 1;
}

#[kfunc]
fn leaf_see(leaf: &Leaf) -> u32 {
    leaf.a
}

#[kfunc]
fn fill(bytes: &mut [u8]) {
    bytes.fill(7);
}

#[kfunc]
fn words_sum(words: &[u64]) -> u64 {
    words.iter().sum()
}

#[kfunc]
fn word_copy(from: &u64, to: &mut u64) {
    *to = *from;
}

#[kfunc]
fn word_same(word: &u64) -> &u64 {
    word
}

#[kfunc]
fn bytes_same(bytes: &mut [u8], rdwr_buf_size: Const<u32>) -> &mut [u8] {
    &mut bytes[..rdwr_buf_size.0 as usize]
}

/// The table.
#[struct_ops(name = "attack_ops")]
pub(crate) struct AttackOps {
    pub(crate) on: fn(flow: &mut Flow, number: u32) -> u32,
    pub(crate) give: fn(node: Option<KRef<Node>>) -> Option<KRef<Node>>,
}

impl StructOps for AttackOps {}
