//! The file format: random types survive it, bpftool reads it, and damaged bytes end in an error.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::Command;
use std::sync::Arc;

use opswap_bpf::btf::{
    ArrayType, BtfExt, DatasecVar, Enum64Value, EnumValue, Func, FwdKind, IntEncoding, IntType, Member,
    Param, Signedness, Var, VarLinkage,
};
use opswap_bpf::program::Linkage;
use opswap_bpf::{Btf, BtfId, BtfType};

/// Numbers that look random and are the same in every run (splitmix64).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % bound as u64).expect("below a usize")
    }

    fn name(&mut self) -> String {
        // Few names, so that they repeat.
        format!("n{}", self.below(40))
    }

    fn signedness(&mut self) -> Signedness {
        if self.below(2) == 0 { Signedness::Unsigned } else { Signedness::Signed }
    }
}

/// Well-formed types of all kinds; each refers to earlier ones only.
struct Generator {
    random: Random,
    btf: Btf,
    /// Ids of types with a size.
    sized: Vec<BtfId>,
    /// Ids of FUNC_PROTOs, of FUNCs and VARs, and of STRUCTs with their members.
    protos: Vec<BtfId>,
    declared: Vec<BtfId>,
    owners: Vec<(BtfId, usize)>,
    int: BtfId,
}

impl Generator {
    fn new(seed: u64, mut btf: Btf) -> Self {
        let bits = 32;
        let encoding = IntEncoding::Signed;
        let int = IntType { name: "int".into(), size: 4, encoding, bit_offset: 0, bits };
        let int = btf.push(BtfType::Int(int));
        Self {
            random: Random(seed),
            btf,
            sized: vec![int],
            protos: Vec::new(),
            declared: Vec::new(),
            owners: Vec::new(),
            int,
        }
    }

    fn sized(&mut self) -> BtfId {
        self.sized[self.random.below(self.sized.len())]
    }

    fn members(&mut self) -> (Vec<Member>, u32) {
        let mut members = Vec::new();
        let mut at = 0u32;
        for _ in 0..self.random.below(6) {
            let name = self.random.name();
            if self.random.below(5) == 0 {
                let bits = 1 + u8::try_from(self.random.below(31)).expect("small");
                members.push(Member { name, ty: self.int, bit_offset: at * 8, bitfield_bits: bits });
                at += 4;
                continue;
            }
            let ty = self.sized();
            let size = self.btf.size_of(ty).expect("sized");
            if at.checked_add(size).is_none_or(|end| end > 1 << 20) {
                break;
            }
            members.push(Member { name, ty, bit_offset: at * 8, bitfield_bits: 0 });
            at += size;
        }
        (members, at)
    }

    fn params(&mut self) -> Vec<Param> {
        (0..self.random.below(5)).map(|_| Param { name: self.random.name(), ty: self.sized() }).collect()
    }

    /// Appends a type of kind number `kind`.
    fn add(&mut self, kind: usize) {
        let name = self.random.name();
        let of = self.sized();
        let mut sized = true;
        let ty = match kind {
            0 => {
                let encodings =
                    [IntEncoding::Unsigned, IntEncoding::Signed, IntEncoding::Char, IntEncoding::Bool];
                let encoding = encodings[self.random.below(4)];
                let size = 1u32 << self.random.below(4);
                let bits = u8::try_from(size * 8).expect("small");
                BtfType::Int(IntType { name, size, encoding, bit_offset: 0, bits })
            }
            1 => BtfType::Ptr { to: of },
            2 => {
                let count = u32::try_from(self.random.below(4)).expect("small");
                BtfType::Array(ArrayType { element: of, index: self.int, count })
            }
            3 => {
                let (members, size) = self.members();
                self.owners.push((BtfId(u32::try_from(self.btf.len()).expect("small")), members.len()));
                BtfType::Struct { name, size, members }
            }
            4 => {
                let (mut members, size) = self.members();
                members.iter_mut().for_each(|member| member.bit_offset = 0);
                BtfType::Union { name, size, members }
            }
            5 => {
                let values = vec![EnumValue { name: self.random.name(), value: -3 }; self.random.below(4)];
                BtfType::Enum { name, size: 4, signed: self.random.signedness(), values }
            }
            6 => {
                let values = vec![Enum64Value { name: self.random.name(), value: u64::MAX - 5 }; 2];
                BtfType::Enum64 { name, size: 8, signed: self.random.signedness(), values }
            }
            7 => BtfType::Typedef { name, of },
            8 => BtfType::Volatile { of },
            9 => BtfType::Const { of },
            10 => BtfType::Restrict { of },
            11 => BtfType::type_tag(name, of),
            12 => BtfType::Float { name, size: 8 },
            _ => {
                sized = false;
                self.declaration(kind, name, of)
            }
        };
        let id = self.btf.push(ty);
        if sized {
            self.sized.push(id);
        }
    }

    /// Kinds that are no types of values.
    fn declaration(&mut self, kind: usize, name: String, of: BtfId) -> BtfType {
        let id = BtfId(u32::try_from(self.btf.len()).expect("small"));
        match (kind, self.protos.last(), self.owners.last()) {
            (13, ..) => BtfType::Fwd { name, kind: FwdKind::Union },
            (14, Some(&proto), _) => {
                self.declared.push(id);
                BtfType::Func(Func { name: name.into(), proto, linkage: Linkage::Global })
            }
            (15, ..) => {
                self.declared.push(id);
                BtfType::Var(Var { name, ty: of, linkage: VarLinkage::Static })
            }
            (16, ..) => {
                let entry = |ty: &BtfId| DatasecVar { ty: *ty, offset: 8, size: 4 };
                BtfType::Datasec { name, size: 64, vars: self.declared.iter().map(entry).collect() }
            }
            (17, _, Some(&(owner, members))) => {
                let component = u32::try_from(members).expect("small").checked_sub(1);
                BtfType::decl_tag(name, owner, component)
            }
            _ => {
                self.protos.push(id);
                BtfType::FuncProto { ret: of, params: self.params() }
            }
        }
    }
}

fn random_btf(seed: u64, base: Btf) -> Btf {
    let mut generator = Generator::new(seed, base);
    for _ in 0..generator.random.below(200) {
        let kind = generator.random.below(19);
        generator.add(kind);
        // Chains of references end after 32 types.
        if generator.sized.len() > 12 {
            let keep = generator.random.below(generator.sized.len());
            generator.sized = vec![generator.int, generator.sized[keep]];
            if generator.random.below(3) == 0 {
                generator.sized.truncate(1);
            }
        }
    }
    generator.btf
}

/// Random types that validation accepts; chains that happen to be too deep are left out.
fn well_formed(seeds: std::ops::Range<u64>) -> Vec<Btf> {
    let made: Vec<Btf> = seeds.clone().map(|seed| random_btf(seed, Btf::new())).collect();
    let total = made.len();
    let valid: Vec<Btf> = made.into_iter().filter(|btf| btf.validate().is_ok()).collect();
    assert!(valid.len() * 2 > total, "only {} of {total} are well formed", valid.len());
    valid
}

#[test]
fn what_is_written_is_read_back() {
    for btf in well_formed(0..400) {
        let bytes = btf.to_bytes().expect("small types can be written");
        let again = Btf::parse(&bytes).unwrap_or_else(|error| panic!("{error}\n{btf:?}"));
        assert_eq!(again, btf);
        assert_eq!(again.to_bytes().as_deref(), Ok(&*bytes), "writing is not deterministic");
    }
}

#[test]
fn a_split_btf_continues_its_base() {
    for (base, seed) in well_formed(0..60).into_iter().zip(1000u64..) {
        let base = Arc::new(Btf::parse(&base.to_bytes().expect("written")).expect("read"));
        let split = random_btf(seed, Btf::split(Arc::clone(&base)));
        if split.validate().is_err() {
            continue;
        }
        let bytes = split.to_bytes().expect("written");
        let again = Btf::parse_split(Arc::clone(&base), &bytes).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(again, split);
        let name = "n7";
        assert!(again.ids_named(name).eq(split.ids_named(name)), "names of the base come first");
    }
}

#[test]
fn bpftool_reads_what_is_written() {
    let Some(bpftool) = ["/usr/sbin/bpftool", "/usr/bin/bpftool"]
        .into_iter()
        .find(|path| std::path::Path::new(path).exists())
    else {
        opswap_skips::skipped("bpftool is not installed");
        return;
    };
    for (btf, at) in well_formed(0..40).iter().zip(0..) {
        let path = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("written-{at}.btf"));
        std::fs::write(&path, btf.to_bytes().expect("written")).expect("a file in the target directory");
        let output =
            Command::new(bpftool).args(["btf", "dump", "file"]).arg(&path).output().expect("bpftool runs");
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{}{text}", String::from_utf8_lossy(&output.stderr));
        let types = text.lines().filter(|line| line.starts_with('[')).count();
        assert_eq!(types + 1, btf.len(), "bpftool sees another number of types");
    }
}

fn survives(bytes: &[u8], what: &str) -> bool {
    let parse = || {
        let _ = BtfExt::parse(bytes);
        Btf::parse(bytes).inspect(|btf| {
            // Whatever is accepted must be answerable.
            for (id, _) in btf.iter() {
                let _ = (btf.size_of(id), btf.type_tags(id), btf.func_proto(id), btf.objects_at(id, 0));
                let _ = btf.field_at(id, 0, 4);
            }
        })
    };
    catch_unwind(AssertUnwindSafe(parse)).unwrap_or_else(|_| panic!("panicked: {what}")).is_ok()
}

#[test]
fn damaged_bytes_never_panic() {
    let mut random = Random(7);
    let (mut accepted, mut tried) = (0, 0);
    for (btf, seed) in well_formed(0..60).iter().zip(0..) {
        let bytes = btf.to_bytes().expect("written");
        for len in 0..bytes.len() {
            assert!(!survives(&bytes[..len], "truncated"), "seed {seed} cut to {len} bytes was accepted");
        }
        for round in 0..300 {
            let mut bytes = bytes.clone();
            for _ in 0..1 + random.below(3) {
                let at = random.below(bytes.len());
                bytes[at] = match random.below(3) {
                    0 => u8::try_from(random.below(256)).expect("a byte"),
                    1 => bytes[at] ^ (1 << random.below(8)),
                    _ => u8::try_from(random.below(24)).expect("a byte"),
                };
            }
            accepted += usize::from(survives(&bytes, &format!("seed {seed}, round {round}")));
            tried += 1;
        }
    }
    assert!(accepted > tried / 50 && accepted < tried, "{accepted} of {tried} mutants were accepted");
}
