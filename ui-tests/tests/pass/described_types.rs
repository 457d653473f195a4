//! What `#[derive(Btf)]` describes: structs, unions, enums of every width, arrays, pointers to itself and to each other, and its words.

#![deny(warnings)]

use std::sync::atomic::AtomicU32;

use opswap::registry::Registry;
use opswap::{BpfCell, Btf, KRef, kfunc};

#[derive(Btf)]
#[repr(C)]
union Word {
    number: u32,
    bytes: [u8; 4],
}

#[derive(Btf, Clone, Copy)]
#[repr(i64)]
enum Wide {
    Low = i64::MIN,
    High = i64::MAX,
}

#[derive(Btf, Clone, Copy)]
#[repr(i8)]
enum Narrow {
    Below = -1,
    Above = 1,
}

#[derive(Btf)]
#[repr(C)]
struct Left {
    right: *mut Right,
    own: Option<Box<Left>>,
}

/// A documented type.
#[derive(Btf)]
#[repr(C, align(16))]
#[btf(name = "right_side")]
struct Right {
    left: *const Left,
    words: [[u16; 2]; 3],
    word: Word,
    wide: Wide,
    narrow: Narrow,
    #[btf(ro)]
    fixed: u32,
    #[btf(rw)]
    open: u32,
    #[btf(skip)]
    hidden: String,
    #[btf(rcu)]
    protected: Option<KRef<Other>>,
    #[btf(name = "renamed", tag = "user")]
    r#type: u64,
    cell: BpfCell<u32>,
    atomic: AtomicU32,
}

#[derive(Btf)]
#[repr(C)]
struct Other {
    number: u32,
}

#[kfunc]
fn uses(left: &Left, right: &mut Right) -> u32 {
    let Right { left: _, words, word, wide, narrow, fixed, open, hidden, protected, r#type, cell, atomic } = right;
    let _ = (words, word, cell, atomic, r#type, left.right, &left.own);
    let numbers = matches!(wide, Wide::Low | Wide::High) && matches!(narrow, Narrow::Below | Narrow::Above);
    let other = protected.as_ref().map_or(0, |other| other.number);
    u32::from(numbers) + *fixed + *open + hidden.len() as u32 + other
}

fn main() {
    let registry = Registry::collect().expect("sound declarations");
    let c = opswap::header::c_header(&registry);
    for text in ["union Word {", "struct right_side {", "enum Wide", "renamed;", "unsigned short words[3][2];"] {
        assert!(c.contains(text), "{text} is not in\n{c}");
    }
    assert!(!c.contains("hidden;"));
    // SAFETY: any bytes are a number.
    assert_eq!(unsafe { Word { bytes: [1, 0, 0, 0] }.number }, 1);
}
