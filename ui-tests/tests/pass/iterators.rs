//! Iterators: `#[kfunc_iter]` on functions and blocks, with every word, and what programs and tools see.

#![forbid(unsafe_code)]
#![no_implicit_prelude]

extern crate std;

use ::opswap::bpf::proto::{ArgKind, IterRole, Nullness, RetKind, RetTrust};
use ::opswap::registry::Registry;
use ::opswap::{Btf, Errno, KRef, kfunc_iter};
use ::std::iter::Iterator;
use ::std::option::Option::{self, Some};
use ::std::result::Result::{self, Err, Ok};
use ::std::{assert, assert_eq, matches, panic};

#[derive(Btf)]
#[repr(C)]
struct Flow {
    number: u32,
}

static FLOWS: [Flow; 2] = [Flow { number: 1 }, Flow { number: 2 }];

/// Counts.
#[kfunc_iter]
fn count(from: i64, to: i64) -> impl Iterator<Item = i64> {
    from..to
}

#[kfunc_iter(name = "flows", programs(struct_ops), deprecated = "use count")]
fn all_flows() -> ::std::slice::Iter<'static, Flow> {
    FLOWS.iter()
}

#[kfunc_iter]
fn checked(from: i64, to: i64) -> Result<impl Iterator<Item = i64>, Errno> {
    if from > to { Err(Errno::EINVAL) } else { Ok(from..to) }
}

#[kfunc_iter]
#[cfg(any())]
fn absent() -> ::std::ops::Range<u32> {
    0..1
}

struct Owned {
    left: u32,
}

impl Owned {
    fn new(left: u32) -> Self {
        Self { left }
    }
}

#[kfunc_iter(new(left: u32))]
impl Iterator for Owned {
    type Item = KRef<Flow>;

    fn next(&mut self) -> Option<KRef<Flow>> {
        self.left = self.left.checked_sub(1)?;
        Some(KRef::new(Flow { number: self.left }))
    }
}

struct Squares(u64);

impl ::std::default::Default for Squares {
    fn default() -> Self {
        Self(10)
    }
}

#[kfunc_iter]
impl Iterator for Squares {
    type Item = u64;

    fn next(&mut self) -> Option<u64> {
        self.0 = self.0.checked_sub(1)?;
        Some(self.0 * self.0)
    }
}

fn main() {
    let registry = Registry::collect().expect("sound declarations");
    let proto = |name: &str| {
        let id = registry.kfunc_named(name).unwrap_or_else(|| panic!("`{name}` is lost"));
        &registry.kfuncs()[id.index()].proto
    };
    for name in ["count", "flows", "owned", "squares", "checked"] {
        let of = |word: &str| proto(&::std::format!("bpf_iter_{name}_{word}"));
        for (word, expected) in [("new", IterRole::New), ("next", IterRole::Next), ("destroy", IterRole::Destroy)] {
            let ArgKind::Iter { role, ty } = of(word).args[0].kind else { panic!("{:?}", of(word).args) };
            assert_eq!(role, expected);
            assert_eq!(registry.btf().name_of(ty.id), ::std::format!("bpf_iter_{name}"));
            assert!(registry.btf().size_of(ty.id).is_some_and(|size| size > 0 && size % 8 == 0));
        }
        assert_eq!(of("next").ret.null, Nullness::Nullable);
        assert_eq!(of("destroy").ret.kind, RetKind::Void);
    }
    // Items are the iterator's; what lives for good is not.
    assert!(matches!(proto("bpf_iter_count_next").ret.kind, RetKind::Memory { tie: Some(_), .. }));
    assert!(matches!(proto("bpf_iter_owned_next").ret.kind, RetKind::Object { trust: RetTrust::Borrowed(_), .. }));
    let c = |name: &str| registry.btf().c_declaration(proto(name).func.id, "");
    assert_eq!(c("bpf_iter_count_new"), "int bpf_iter_count_new(struct bpf_iter_count *it, long from, long to)");
    assert_eq!(c("bpf_iter_count_next"), "long *bpf_iter_count_next(struct bpf_iter_count *it)");
    assert_eq!(c("bpf_iter_flows_destroy"), "void bpf_iter_flows_destroy(struct bpf_iter_flows *it)");
    let new = registry.kfuncs().iter().find(|kfunc| kfunc.proto.name == "bpf_iter_count_new");
    assert_eq!(new.map(|new| new.doc.as_str()), Some("Counts."));
    let bytes = registry.btf().to_bytes().expect("a BTF");
    let read = Registry::from_interface(::opswap::bpf::Btf::parse(&bytes).expect("readable")).expect("an interface file");
    for (a, b) in registry.kfuncs().iter().zip(read.kfuncs()) {
        assert_eq!(a.proto, b.proto);
    }
}
