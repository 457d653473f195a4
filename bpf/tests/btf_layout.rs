//! Walks to a member, over types that C programs have: nested and anonymous structs, unions, arrays, bitfields.

use opswap_bpf::btf::{ArrayType, Extent, IntEncoding, IntType, Member, Overlay, WalkError};
use opswap_bpf::{Btf, BtfId, BtfType};

struct Types {
    btf: Btf,
    u8: BtfId,
    u32: BtfId,
    u64: BtfId,
}

fn int(btf: &mut Btf, name: &str, size: u32) -> BtfId {
    let bits = u8::try_from(size * 8).expect("small");
    let name = name.into();
    btf.push(BtfType::Int(IntType { name, size, encoding: IntEncoding::Unsigned, bit_offset: 0, bits }))
}

fn types() -> Types {
    let mut btf = Btf::new();
    let (u8, u32, u64) = (int(&mut btf, "u8", 1), int(&mut btf, "u32", 4), int(&mut btf, "u64", 8));
    Types { btf, u8, u32, u64 }
}

fn member(name: &str, ty: BtfId, offset: u32) -> Member {
    Member { name: name.into(), ty, bit_offset: offset * 8, bitfield_bits: 0 }
}

fn bits(name: &str, ty: BtfId, bit_offset: u32, bitfield_bits: u8) -> Member {
    Member { name: name.into(), ty, bit_offset, bitfield_bits }
}

impl Types {
    fn structure(&mut self, name: &str, size: u32, members: Vec<Member>) -> BtfId {
        self.btf.push(BtfType::Struct { name: name.into(), size, members })
    }

    fn union(&mut self, size: u32, members: Vec<Member>) -> BtfId {
        self.btf.push(BtfType::Union { name: String::new(), size, members })
    }

    fn array(&mut self, element: BtfId, count: u32) -> BtfId {
        let index = self.u32;
        self.btf.push(BtfType::Array(ArrayType { element, index, count }))
    }

    /// Names along the path to the value at an offset, or the error.
    fn path(&self, owner: BtfId, offset: u32, size: u32) -> Result<String, WalkError> {
        let field = self.btf.field_at(owner, offset, size)?;
        let names = field.path.iter().map(|step| {
            let members = self.btf.members(step.owner).expect("a step names a struct");
            members[step.member as usize].name.clone()
        });
        Ok(format!("{}@{}+{}", names.collect::<Vec<_>>().join("."), field.offset, field.size))
    }
}

#[test]
fn a_walk_descends_to_the_value() {
    let mut t = types();
    let point = t.structure("point", 8, vec![member("x", t.u32, 0), member("y", t.u32, 4)]);
    let points = t.array(point, 3);
    let anonymous = t.union(8, vec![member("whole", t.u64, 0), member("low", t.u32, 0)]);
    let bytes = t.array(t.u8, 4);
    let owner = t.structure(
        "owner",
        48,
        vec![
            member("first", t.u8, 0),
            member("points", points, 8),
            member("", anonymous, 32),
            member("bytes", bytes, 40),
            bits("flag", t.u32, 44 * 8, 1),
            bits("rest", t.u32, 44 * 8 + 1, 20),
        ],
    );
    t.btf.validate().expect("well formed");
    let cases: [(u32, u32, &str); 10] = [
        (0, 1, "first@0+1"),
        (8, 4, "points.x@8+4"),
        (20, 4, "points.y@20+4"),
        (26, 1, "points.x@24+4"),
        (32, 8, ".whole@32+8"),
        (32, 4, ".whole@32+8"),
        (36, 4, ".whole@32+8"),
        (42, 1, "bytes@42+1"),
        (44, 4, "flag@44+1"),
        (46, 1, "rest@44+3"),
    ];
    for (offset, size, expected) in cases {
        assert_eq!(t.path(owner, offset, size).as_deref(), Ok(expected), "{offset}+{size}");
    }
    assert_eq!(t.path(owner, 1, 1), Err(WalkError::Padding));
    assert_eq!(t.path(owner, 47, 2), Err(WalkError::OutOfBounds { size: 48 }));
    assert_eq!(t.path(owner, u32::MAX, 8), Err(WalkError::OutOfBounds { size: 48 }));
    assert!(matches!(t.path(owner, 8, 8), Err(WalkError::Straddles { field }) if field.size == 4));
    assert_eq!(t.path(t.u32, 0, 4), Err(WalkError::NotAStruct));
    let overlays = t.btf.fields_at(owner, 32, 4).expect("two views");
    assert_eq!(overlays.len(), 2);
    assert!(overlays.iter().all(|field| field.overlay == Overlay::Union));
}

#[test]
fn a_flexible_array_has_no_end() {
    let mut t = types();
    let tail = t.array(t.u32, 0);
    let owner = t.structure("packet", 4, vec![member("len", t.u32, 0), member("data", tail, 4)]);
    let field = t.btf.field_at(owner, 4 + 400, 4).expect("flexible");
    assert_eq!((field.offset, field.extent), (404, Extent::Flexible));
    assert_eq!(t.btf.field_at(owner, 0, 4).map(|field| field.extent), Ok(Extent::Inside));
    assert!(matches!(t.path(owner, 6, 4), Err(WalkError::Straddles { .. })));
}

#[test]
fn objects_at_an_offset_are_found_through_first_members_and_arrays() {
    let mut t = types();
    let base = t.structure("base", 4, vec![member("id", t.u32, 0)]);
    let middle = t.structure("middle", 8, vec![member("base", base, 0), member("more", t.u32, 4)]);
    let middles = t.array(middle, 2);
    let outer = t.structure("outer", 20, vec![member("middles", middles, 0), member("last", base, 16)]);
    assert_eq!(t.btf.objects_at(outer, 0), [outer, middle, base]);
    assert_eq!(t.btf.objects_at(outer, 8), [middle, base]);
    assert_eq!(t.btf.objects_at(outer, 16), [base]);
    assert_eq!(t.btf.objects_at(outer, 4), []);
    assert_eq!(t.btf.objects_at(outer, 400), []);
}

#[test]
fn entangled_unions_end_the_walk() {
    let mut t = types();
    let mut inner = t.union(8, vec![member("pad", t.u32, 0)]);
    for _ in 0..20 {
        inner = t.union(8, (0..8).map(|_| member("again", inner, 0)).collect());
    }
    t.btf.validate().expect("deep, but finite");
    assert_eq!(t.path(inner, 4, 4), Err(WalkError::Entangled));
}
