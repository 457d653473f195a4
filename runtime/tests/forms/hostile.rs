//! What hostile programs do with these arguments, each with the words of its refusal; and the nearest ones that do no harm.

use opswap::Runtime;
use opswap::registry::Registry;
use opswap_bpf::asm::{Names, assemble_with};
use opswap_bpf::insn::CallTarget;
use opswap_bpf::{OpIdx, Program, ProgramKind};

struct NoNames;

impl Names for NoNames {
    fn call(&self, _name: &str) -> Option<CallTarget> {
        None
    }
}

fn verdict(op: &str, text: &str) -> Result<(), String> {
    let registry = Registry::collect().expect("the declarations agree");
    let table = registry.struct_ops_named("forms_ops").expect("it is declared");
    let at = table.members.iter().position(|member| member.name == op).expect("an operation");
    let kind = ProgramKind::StructOps { ops: "forms_ops".into(), op: OpIdx(u32::try_from(at).expect("few")) };
    let lines = text.replace("; ", "\n");
    let assembly = assemble_with(&lines, &NoNames).unwrap_or_else(|error| panic!("{error}\n{text}"));
    let runtime = Runtime::new().expect("the declarations agree");
    let program = Program::bare("hostile", kind, assembly.insns);
    opswap::verifier::verify(program, runtime.host()).map(|_| ()).map_err(|rejection| rejection.to_string())
}

/// Operation, program, and what the refusal says; nothing where it is accepted.
const PROGRAMS: &[(&str, &str, &str)] = &[
    // A value is a number, also when it looks like an address.
    ("by_value", "r2 = *(u64 *)(r1 + 0); r0 = *(u64 *)(r2 + 0); exit", "invalid mem access 'scalar'"),
    ("by_value", "r0 = *(u64 *)(r1 + 24); exit", "doesn't have 4-th argument"),
    ("by_value", "r0 = *(u64 *)(r1 + 8); exit", ""),
    ("by_value", "r2 = 1; *(u64 *)(r1 + 0) = r2; r0 = 0; exit", "invalid bpf_context access"),
    // A slice is read below its end.
    ("sum", "r2 = *(u64 *)(r1 + 0); r0 = *(u8 *)(r2 + 0); exit", "invalid access to packet"),
    (
        "sum",
        "r2 = *(u64 *)(r1 + 0); r3 = *(u64 *)(r1 + 8); r4 = r2; r4 += 4; r0 = 0; if r4 > r3 goto +1; r0 = *(u32 *)(r2 + 0); exit",
        "",
    ),
    (
        "sum",
        "r2 = *(u64 *)(r1 + 0); r3 = *(u64 *)(r1 + 8); r4 = r2; r4 += 4; r0 = 0; if r4 > r3 goto +1; r0 = *(u32 *)(r2 + 1); exit",
        "invalid access to packet",
    ),
    (
        "sum",
        "r2 = *(u64 *)(r1 + 0); r3 = *(u64 *)(r1 + 8); r4 = r2; r4 += 4; r0 = 0; if r4 > r3 goto +1; r0 = *(u32 *)(r2 - 1); exit",
        "invalid access to packet",
    ),
    (
        "sum",
        "r2 = *(u64 *)(r1 + 0); r3 = *(u64 *)(r1 + 8); r0 = 0; if r2 >= r3 goto +2; r4 = 1; *(u8 *)(r2 + 0) = r4; exit",
        "cannot write into packet",
    ),
    ("sum", "r3 = *(u64 *)(r1 + 8); r0 = *(u8 *)(r3 + 0); exit", "R3 invalid mem access 'pkt_end'"),
    (
        "sum",
        "r3 = *(u64 *)(r1 + 8); r3 -= 1; r0 = *(u8 *)(r3 + 0); exit",
        "R3 pointer arithmetic on pkt_end prohibited",
    ),
    ("sum", "r2 = *(u64 *)(r1 + 0); r0 = r2; exit", "R0"),
    ("sum", "r2 = *(u32 *)(r1 + 0); r0 = 0; exit", "size 4 must be 8"),
    (
        "fill",
        "r2 = *(u64 *)(r1 + 8); r3 = *(u64 *)(r1 + 16); if r2 >= r3 goto +2; r4 = 1; *(u8 *)(r2 + 0) = r4; r0 = 0; exit",
        "",
    ),
    // Not an address that somebody else could follow.
    (
        "fill",
        "r2 = *(u64 *)(r1 + 8); r3 = *(u64 *)(r1 + 16); r4 = r2; r4 += 8; r0 = 0; if r4 > r3 goto +1; *(u64 *)(r2 + 0) = r2; exit",
        "R2 leaks addr",
    ),
    // Memory has its size, and its rights.
    ("fill", "r2 = *(u64 *)(r1 + 0); r4 = 1; *(u64 *)(r2 + 0) = r4; r0 = 0; exit", ""),
    (
        "fill",
        "r2 = *(u64 *)(r1 + 0); r4 = 1; *(u64 *)(r2 + 8) = r4; r0 = 0; exit",
        "invalid access to memory",
    ),
    ("table", "r2 = *(u64 *)(r1 + 0); r0 = *(u32 *)(r2 + 12); exit", ""),
    ("table", "r2 = *(u64 *)(r1 + 0); r0 = *(u32 *)(r2 + 16); exit", "invalid access to memory"),
    ("table", "r2 = *(u64 *)(r1 + 0); r4 = 1; *(u32 *)(r2 + 0) = r4; r0 = 0; exit", "cannot write into"),
    ("table", "r2 = *(u64 *)(r1 + 8); r0 = *(u64 *)(r2 + 0); exit", "invalid mem access 'mem_or_null'"),
    ("twelve", "r0 = *(u8 *)(r1 + 88); exit", ""),
    ("twelve", "r0 = *(u8 *)(r1 + 96); exit", "doesn't have 13-th argument"),
];

#[test]
fn hostile_programs_are_refused_and_their_harmless_neighbours_are_not() {
    let mut wrong = Vec::new();
    for (op, text, words) in PROGRAMS {
        match verdict(op, text) {
            Ok(()) if words.is_empty() => {}
            Err(message) if !words.is_empty() && message.contains(words) => {}
            other => wrong.push(format!("{op}: {text}\n    expected `{words}`, found {other:?}")),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
