//! The control flow of a program as a graph in the DOT language.

use std::collections::BTreeSet;
use std::io::{self, Write};

use opswap::bpf::insn::{CallTarget, Imm64};
use opswap::bpf::{Insn, InsnIdx};

/// Where control goes from an instruction, besides calls.
struct Next {
    /// To the following slot.
    falls_through: bool,
    /// A jump's target.
    to: Option<InsnIdx>,
}

#[expect(clippy::wildcard_enum_match_arm, reason = "the others go on with the next slot")]
fn next(at: InsnIdx, insn: &Insn) -> Next {
    match insn {
        Insn::Exit => Next { falls_through: false, to: None },
        Insn::Jump { offset, .. } => Next { falls_through: false, to: at.jump(*offset) },
        Insn::Branch { offset, .. } | Insn::MayGoto { offset } => {
            Next { falls_through: true, to: at.jump((*offset).into()) }
        }
        _ => Next { falls_through: true, to: None },
    }
}

/// The function that an instruction calls or takes the address of.
fn callee(at: InsnIdx, insn: &Insn) -> Option<InsnIdx> {
    if let Insn::Call { target: CallTarget::Subprog(offset) }
    | Insn::LoadImm64 { imm: Imm64::Func(offset), .. } = insn
    {
        at.jump(*offset)
    } else {
        None
    }
}

/// First slots of the basic blocks.
fn leaders(insns: &[Insn]) -> BTreeSet<InsnIdx> {
    let mut leaders = BTreeSet::from([InsnIdx(0)]);
    for (at, insn) in (0..).map(InsnIdx).zip(insns) {
        let Next { falls_through, to } = next(at, insn);
        leaders.extend(to);
        leaders.extend(callee(at, insn));
        if !falls_through || to.is_some() {
            leaders.insert(at.next());
        }
    }
    leaders.retain(|at| at.index() < insns.len());
    leaders
}

/// Text inside a DOT string.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"")
}

/// Writes the graph: a node for each basic block, solid edges for jumps, dashed ones for calls.
pub(crate) fn write(name: &str, insns: &[Insn], out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "digraph \"{}\" {{", escaped(name))?;
    writeln!(out, "    node [shape=box, fontname=\"monospace\"];")?;
    let leaders = leaders(insns);
    let ends = leaders.iter().skip(1).map(|at| at.index()).chain([insns.len()]);
    for (start, end) in leaders.iter().zip(ends) {
        let block = insns.get(start.index()..end).unwrap_or_default();
        let mut label = String::new();
        for (at, insn) in (start.0..).zip(block).filter(|(_, insn)| **insn != Insn::LoadImm64Tail) {
            label.push_str(&format!("{at}: {}\\l", escaped(&insn.to_string())));
        }
        writeln!(out, "    b{} [label=\"{label}\"];", start.0)?;
        for (at, insn) in (start.0..).map(InsnIdx).zip(block) {
            if let Some(to) = callee(at, insn) {
                writeln!(out, "    b{} -> b{} [style=dashed];", start.0, to.0)?;
            }
        }
        let last = InsnIdx(u32::try_from(end.saturating_sub(1)).unwrap_or(u32::MAX));
        let Some(insn) = insns.get(last.index()) else { continue };
        let Next { falls_through, to } = next(last, insn);
        if let Some(to) = to {
            writeln!(out, "    b{} -> b{};", start.0, to.0)?;
        }
        if falls_through && end < insns.len() {
            writeln!(out, "    b{} -> b{end};", start.0)?;
        }
    }
    writeln!(out, "}}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use opswap::bpf::assemble;

    #[test]
    fn blocks_end_at_jumps_and_begin_at_targets() {
        let text = "r0 = 0\nif r1 == 0 goto out\ncall inner\nout:\nexit\ninner:\nr0 = 1\nexit";
        let mut out = Vec::new();
        write("p", &assemble(text).expect("assembles"), &mut out).expect("memory");
        let dot = String::from_utf8(out).expect("UTF-8");
        let edges: Vec<&str> = dot.lines().filter(|line| line.contains("->")).map(str::trim).collect();
        let expected = ["b0 -> b3;", "b0 -> b2;", "b2 -> b4 [style=dashed];", "b2 -> b3;"];
        assert_eq!(edges, expected, "{dot}");
    }
}
