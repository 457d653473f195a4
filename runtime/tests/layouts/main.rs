//! `#[derive(Btf)]` against a C compiler: names, sizes, offsets and values of every form of type are what clang says of the same
//! types in C.

mod types;

use std::path::Path;
use std::process::Command;

use object::{Object as _, ObjectSection as _};
use opswap::bpf::btf::compare;
use opswap::bpf::{Btf, BtfId, BtfType};
use opswap::registry::Registry;

/// What clang says of `types.c`; `None` when it is not installed.
fn clang() -> Option<Btf> {
    if Command::new("clang-19").arg("--version").output().is_err() {
        opswap_skips::skipped("clang-19 is not installed: nobody says what C makes of these types");
        return None;
    }
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/layouts/types.c");
    let object = Path::new(env!("CARGO_TARGET_TMPDIR")).join("layouts.o");
    let args = ["-target", "bpf", "-g", "-O2", "-Wall", "-Werror", "-c", "-o"];
    let built = Command::new("clang-19").args(args).arg(&object).arg(source).output().expect("it runs");
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    let bytes = std::fs::read(object).expect("written");
    let file = object::File::parse(&*bytes).expect("an object");
    let section = file.section_by_name(".BTF").expect("`-g` makes one");
    Some(Btf::parse(section.data().expect("it has bytes")).expect("clang's BTF"))
}

fn ours() -> Registry {
    Registry::collect().expect("sound declarations")
}

fn named(btf: &Btf, name: &str) -> BtfId {
    btf.find(name, BtfType::is_definition).unwrap_or_else(|| panic!("no type `{name}`"))
}

/// Names, places and sizes of members; none for an enum.
fn members(btf: &Btf, id: BtfId) -> Vec<(String, u32, Option<u32>)> {
    let members = btf.members(id).unwrap_or_default().iter();
    members.map(|member| (member.name.clone(), member.bit_offset, btf.size_of(member.ty))).collect()
}

/// Names and values of enumerators, and whether they are signed.
fn values(btf: &Btf, id: BtfId) -> (Vec<(String, u64)>, Option<opswap::bpf::btf::Signedness>) {
    let values = btf.enumerators(id).unwrap_or_default().into_iter();
    let signed = btf.get(id).filter(|ty| ty.members().is_none()).and_then(BtfType::signedness);
    (values.map(|value| (value.name.to_owned(), value.value)).collect(), signed)
}

const TYPES: [&str; 12] = [
    "Node",
    "Leaf",
    "Word",
    "Wide",
    "Mask",
    "Small",
    "Signed",
    "pair_of_numbers",
    "Leaves",
    "Ring4",
    "Ring3",
    "All",
];

#[test]
fn every_type_is_what_c_makes_of_it() {
    let Some(c) = clang() else { return };
    let registry = ours();
    let rust = registry.btf();
    for name in TYPES {
        let (ours, theirs) = (named(rust, name), named(&c, name));
        assert_eq!(rust.size_of(ours), c.size_of(theirs), "size of `{name}`");
        assert_eq!(members(rust, ours), members(&c, theirs), "members of `{name}`");
        assert_eq!(values(rust, ours), values(&c, theirs), "values of `{name}`");
        for (object, from, host, to) in [(rust.as_ref(), ours, &c, theirs), (&c, theirs, rust.as_ref(), ours)]
        {
            if let Err(mismatch) = compare(object, from, host, to) {
                panic!("{mismatch}");
            }
        }
    }
    println!("{} types are as clang-19 says", TYPES.len());
}

#[test]
fn newtypes_and_handles_are_what_they_hold() {
    let registry = ours();
    let btf = registry.btf();
    for hidden in ["Metres", "Handle", "Pair", "Ring"] {
        assert_eq!(btf.find(hidden, |_| true), None, "`{hidden}` is no type of C");
    }
    let all = named(btf, "All");
    let declared = |name: &str| {
        let member = btf.members(all).and_then(|all| all.iter().find(|member| member.name == name));
        btf.c_declaration(member.unwrap_or_else(|| panic!("no member `{name}`")).ty, name)
    };
    assert_eq!(declared("height"), "unsigned int height");
    assert_eq!(declared("heights"), "unsigned int heights[3][2]");
    assert_eq!(declared("handle"), "const struct Node *handle");
    assert_eq!(declared("numbers"), "struct pair_of_numbers numbers");
    let numbers = named(btf, "pair_of_numbers");
    assert_eq!(btf.decl_tags(numbers, None), ["doc:Two numbers."]);
    let again = btf.members(numbers).and_then(|members| btf.pointee(members[2].ty));
    assert_eq!(again.map(|to| btf.skip_modifiers(to)), Some(numbers), "a pointer to itself");
}
