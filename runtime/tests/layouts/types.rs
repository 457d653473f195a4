//! Every form of type that `#[derive(Btf)]` takes. `types.c` says the same in C.

use opswap::{Btf, KRef};

/// Points to itself and to a type that points back.
#[derive(Btf)]
#[repr(C)]
pub(crate) struct Node {
    next: *const Node,
    leaf: Option<&'static Leaf>,
    owned: Option<KRef<Leaf>>,
    row: [*mut Node; 3],
    short_: u8,
    long_: u64,
    #[btf(rcu)]
    shared: KRef<Node>,
}

// SAFETY: nobody follows its raw pointers.
unsafe impl Send for Node {}
// SAFETY: as above.
unsafe impl Sync for Node {}

#[derive(Btf)]
#[repr(C)]
pub(crate) struct Leaf {
    owner: *const Node,
    grid: [[u16; 3]; 2],
}

// SAFETY: nobody follows its raw pointer.
unsafe impl Send for Leaf {}
// SAFETY: as above.
unsafe impl Sync for Leaf {}

#[derive(Btf, Clone, Copy)]
#[repr(C)]
pub(crate) union Word {
    whole: u64,
    halves: [u32; 2],
    bytes: [u8; 8],
}

#[derive(Btf, Clone, Copy)]
#[repr(i64)]
pub(crate) enum Wide {
    Least = i64::MIN,
    Zero = 0,
    Most = i64::MAX,
}

#[derive(Btf, Clone, Copy)]
#[repr(u64)]
pub(crate) enum Mask {
    None = 0,
    High = 1 << 63,
    All = u64::MAX,
}

#[derive(Btf, Clone, Copy)]
#[repr(u8)]
pub(crate) enum Small {
    First,
    Last = 255,
}

#[derive(Btf, Clone, Copy)]
#[repr(i16)]
pub(crate) enum Signed {
    Minus = -5,
    Plus = 5,
}

/// To C it is the number.
#[derive(Btf, Clone, Copy)]
#[repr(transparent)]
pub(crate) struct Metres(u32);

/// To C it is the pointer.
#[derive(Btf)]
#[repr(transparent)]
pub(crate) struct Handle<T> {
    object: *const T,
}

/// Generic, and points to itself.
#[derive(Btf)]
#[repr(C)]
pub(crate) struct Pair<A, B> {
    first: A,
    second: B,
    again: *const Pair<A, B>,
}

/// As many as the alias says.
#[derive(Btf)]
#[repr(C)]
pub(crate) struct Ring<T, const N: usize> {
    head: u32,
    slots: [T; N],
}

opswap::btf_alias! {
    /// Two numbers.
    #[btf(name = "pair_of_numbers")]
    pub(crate) type Numbers = Pair<u8, u64>;
    pub(crate) type Leaves = Pair<Metres, [Leaf; 2]>;
    type Ring4 = Ring<Small, 4>;
    type Ring3 = Ring<Pair<u8, u64>, 3>;
}

/// One of each, so that the compiler of C describes each.
#[derive(Btf)]
#[repr(C)]
pub(crate) struct All {
    node: Node,
    word: Word,
    wide: Wide,
    mask: Mask,
    small: Small,
    signed_: Signed,
    height: Metres,
    heights: [[Metres; 2]; 3],
    handle: Handle<Node>,
    numbers: Pair<u8, u64>,
    leaves: Leaves,
    ring4: Ring<Small, 4>,
    ring3: Ring3,
    flag: bool,
    letter: i8,
    float_: f32,
    double_: f64,
    odd: [u8; 3],
    words: [Word; 2],
}
