//! A tiny kernel whose programs run on packets, in both engines.

use std::sync::Arc;

use opswap_bpf::btf::Signedness;
use opswap_bpf::insn::Size;
use opswap_bpf::map::MapKind;
use opswap_bpf::proto::{
    ArgIdx, ArgKind, ArgProto, ContextField, ContextLayout, ContextValue, EntryProto, FieldAccess,
    FieldPolicy, HelperEffects, Intrinsic, KfuncFlags, KfuncProto, LegacyLoads, MemAccess, NarrowAccess,
    Nullness, PacketRules, PointerPolicy, RetKind, RetProto, ReturnRule, Sleepable,
};
use opswap_bpf::{
    Btf, BtfId, BtfSpace, HelperId, HelperProto, KfuncId, MapProto, Program as Linked, ProgramKind, Text,
    TypeRef, assemble,
};
use opswap_verifier::Host;
use opswap_verifier::host::Unavailable;

use super::{Kernel, Packet};
use crate::loader::{Import, KfuncTarget, ObjectFile, Resolve, ResolveError};
use crate::{Engine, Program, RunError, Runtime};

const ENGINES: [Engine; 2] = [Engine::Jit, Engine::Interpreter];

/// A kernel with one program type, whose context begins like `struct __sk_buff`: a number that programs may write, then the
/// packet's ends in four bytes each.
#[derive(Debug)]
struct Tiny {
    entry: EntryProto,
    helpers: Vec<HelperProto>,
}

fn number() -> ArgKind {
    ArgKind::Scalar { size: Size::DW, signed: Signedness::Unsigned }
}

fn helper(id: u32, name: &str, args: Vec<ArgKind>, intrinsic: Option<Intrinsic>) -> HelperProto {
    let arg = |kind: ArgKind| {
        let null = if kind == ArgKind::Stack { Nullness::Nullable } else { Nullness::NonNull };
        ArgProto { name: Text::fixed("arg"), kind, null }
    };
    HelperProto {
        id: HelperId(id),
        name: name.to_owned(),
        args: args.into_iter().map(arg).collect(),
        ret: RetProto {
            kind: RetKind::Scalar { size: Size::DW, signed: Signedness::Signed },
            null: Nullness::NonNull,
        },
        flags: KfuncFlags::empty(),
        effects: HelperEffects::empty(),
        maps: None,
        intrinsic,
    }
}

impl Tiny {
    fn new() -> Self {
        let field = |offset, value, access| ContextField {
            offset,
            size: 4,
            value,
            null: Nullness::NonNull,
            access,
            narrow: NarrowAccess::Forbidden,
        };
        let word = ContextValue::Scalar { size: Size::W, signed: Signedness::Unsigned };
        let context = ContextLayout::Fields(vec![
            field(0, word, MemAccess::ReadWrite),
            field(4, ContextValue::PacketStart, MemAccess::Read),
            field(8, ContextValue::PacketEnd, MemAccess::Read),
        ]);
        let callback = ArgKind::Callback { args: vec![ArgKind::Any, ArgKind::Passed(ArgIdx(2))] };
        let any_map = ArgKind::Map { shape: None };
        let entry = EntryProto {
            name: "tiny".to_owned(),
            context,
            ret: ReturnRule::Scalar { size: Size::DW, signed: Signedness::Unsigned },
            sleepable: Sleepable::No,
            declared_at: None,
        };
        let helpers = vec![
            helper(12, "bpf_tail_call", vec![ArgKind::Context, any_map, number()], Some(Intrinsic::TailCall)),
            helper(35, "bpf_get_current_task", vec![], None),
            helper(
                181,
                "bpf_loop",
                vec![number(), callback, ArgKind::Stack, number()],
                Some(Intrinsic::Loop),
            ),
        ];
        Self { entry, helpers }
    }
}

impl Host for Tiny {
    fn btf(&self, _: BtfSpace) -> Option<&Btf> {
        None
    }

    fn entry(&self, _: &ProgramKind) -> Option<&EntryProto> {
        Some(&self.entry)
    }

    fn kfunc(&self, _: KfuncId, _: i16, _: &ProgramKind) -> Result<&KfuncProto, Unavailable> {
        Err(Unavailable::Unknown)
    }

    fn helper(&self, id: HelperId, _: &ProgramKind) -> Result<&HelperProto, Unavailable> {
        self.helpers.iter().find(|helper| helper.id == id).ok_or(Unavailable::Unknown)
    }

    fn field(&self, _: TypeRef, _: u32, _: &ProgramKind) -> FieldPolicy {
        FieldPolicy { access: FieldAccess::Hidden, pointer: PointerPolicy::Untrusted }
    }

    fn helper_name(&self, id: HelperId) -> Option<&str> {
        self.helpers.iter().find(|helper| helper.id == id).map(|helper| helper.name.as_str())
    }

    fn packet(&self, _: &ProgramKind) -> PacketRules {
        PacketRules { direct: Some(MemAccess::ReadWrite), legacy: LegacyLoads::Allowed }
    }
}

impl Resolve for Tiny {
    fn kfunc(&self, _: Import<'_>) -> Result<KfuncTarget, ResolveError> {
        Err(ResolveError::Unknown { what: "kfunc", near: None, known: Vec::new() })
    }
}

impl Kernel for Tiny {
    fn kind(&self, _: &ObjectFile, _: usize) -> ProgramKind {
        kind()
    }
}

fn kind() -> ProgramKind {
    ProgramKind::Named("tiny".to_owned())
}

fn program_array(entries: u32) -> Arc<MapProto> {
    Arc::new(MapProto {
        name: "jumps".to_owned(),
        kind: MapKind::ProgArray,
        key_size: 4,
        value_size: 4,
        max_entries: entries,
        flags: 0,
        key_type: BtfId(0),
        value_type: BtfId(0),
        fields: Vec::new(),
        inner: None,
        frozen: None,
    })
}

fn load(text: &str, maps: Vec<Arc<MapProto>>) -> Program {
    let insns = assemble(text).unwrap_or_else(|error| panic!("{error}\n{text}"));
    let program = Linked { maps, ..Linked::bare("main", kind(), insns) };
    // SAFETY: the contracts of `Tiny` are those of Linux's helpers with these numbers.
    let runtime = unsafe { Runtime::builder().build_over(Arc::new(Tiny::new())) };
    runtime
        .load_program(program)
        .unwrap_or_else(|error| panic!("{error}: {:?}", std::error::Error::source(&error)))
}

fn packet(bytes: &[u8]) -> Packet {
    Packet { data: bytes.to_vec(), start: 2, network: 2, ..Packet::default() }
}

#[test]
fn packet_pointers_are_read_from_fields_of_four_bytes() {
    let text = "
        r2 = *(u32 *)(r1 + 4)
        r3 = *(u32 *)(r1 + 8)
        r4 = r2
        r4 += 2
        r0 = 0
        if r4 > r3 goto out
        *(u8 *)(r2 + 1) = 40
        r0 = *(u8 *)(r2 + 0)
        r5 = *(u8 *)(r2 + 1)
        r0 += r5
    out:
        exit";
    let program = load(text, Vec::new());
    for engine in ENGINES {
        assert_eq!(program.run_packet(engine, &packet(&[9, 9, 2, 3])), Ok(42));
        assert_eq!(program.run_packet(engine, &packet(&[9, 9, 2])), Ok(0), "too short");
    }
}

#[test]
fn legacy_loads_count_from_the_packet_the_network_header_and_the_link_header() {
    for (load_text, expected) in [
        ("r0 = *(u16 *)skb[0]", 0x0203),
        ("r0 = *(u8 *)skb[-1048576]", 2),
        ("r0 = *(u16 *)skb[-2097152]", 0x0809),
        ("r0 = *(u16 *)skb[1]", 0),
        ("r0 = *(u8 *)skb[-1]", 0),
        ("r0 = *(u8 *)skb[-2147483648]", 0),
    ] {
        let program = load(&format!("r6 = r1\n{load_text}\nexit"), Vec::new());
        for engine in ENGINES {
            let found = program.run_packet(engine, &packet(&[8, 9, 2, 3]));
            assert_eq!(found, Ok(expected), "{load_text} by {engine:?}");
        }
    }
}

#[test]
fn thirty_three_tail_calls_and_no_more() {
    let text = "
        r6 = r1
        r2 = *(u32 *)(r1 + 0)
        r2 += 1
        *(u32 *)(r1 + 0) = r2
        r2 = map[0]
        r3 = 0
        call helper#12
        r0 = *(u32 *)(r6 + 0)
        exit";
    let program = load(text, vec![program_array(1)]);
    for engine in ENGINES {
        assert_eq!(program.run_packet(engine, &Packet::default()), Ok(1), "an empty slot");
    }
    program.maps()[0].set_program(0, &program.core_for_tests());
    for engine in ENGINES {
        assert_eq!(program.run_packet(engine, &Packet::default()), Ok(34), "{engine:?}");
    }
}

#[test]
fn what_needs_a_kernel_ends_the_run() {
    let program = load("call helper#35\nr0 = 0\nexit", Vec::new());
    let found = program.run_packet(Engine::Jit, &Packet::default());
    let what = "helper `bpf_get_current_task`".to_owned();
    assert_eq!(found, Err(RunError::NeedsKernel { program: "main".to_owned(), what }));
    let found = program.run_packet(Engine::Interpreter, &Packet::default());
    assert!(matches!(found, Err(RunError::NeedsKernel { .. })), "{found:?}");
}

/// Nested, Linux's limits multiply: 2^46 rounds.
#[test]
fn nested_loops_share_the_turns_of_the_run() {
    let text = "
        r1 = 8388608
        r2 = func outer
        r3 = 0
        r4 = 0
        call helper#181
        exit
    outer:
        r1 = 8388608
        r2 = func inner
        r3 = 0
        r4 = 0
        call helper#181
        r0 = 0
        exit
    inner:
        r0 = 0
        exit";
    let program = load(text, Vec::new());
    let rounds = program.run_packet(Engine::Jit, &Packet::default()).expect("ends by itself");
    // Each outer round takes a turn and 2^23 inner ones, of 2^26.
    assert_eq!(rounds, 8);
}

#[test]
fn a_program_of_a_kernel_is_not_run_on_bare_memory() {
    let program = load("r0 = 0\nexit", Vec::new());
    assert!(matches!(program.run(&mut []), Err(RunError::NotStandalone { .. })));
}
