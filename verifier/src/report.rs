//! The full report of a rejection, for people: what is wrong, where, how the path came there, what to do.
//!
//! ```text
//! error[OSW0301]: resource lifetime safety: a reference is still owned when the program ends
//!   Unreleased reference id=2 alloc_insn=3
//!   --> leaky.bpf.c:42:2, instruction 17 of `on_ack`
//!
//!   leaky.bpf.c
//!      31 | p = packet_find(id);           |  3: call packet_find
//!         |   acquires reference 2         |
//!      32 | if (!p)                        |  4: if r0 == 0 goto +12
//!         |   the condition does not hold  |
//!   >> 42 | }                              | 17: exit
//!         |   the program ends here and still owns reference 2
//!
//!   note: `packet_find` is declared `#[kfunc(acquire, ret_null)]` at src/kfuncs.rs:33
//!   help: release or hand over the reference on every path before the program ends
//! ```

mod ending;
pub(crate) mod words;

use std::fmt;

use opswap_bpf::program::SourceLine;
use opswap_bpf::proto::RetKind;
use opswap_bpf::{Insn, InsnIdx, Program};

use crate::history::{Event, Held, Inside, What};
use crate::reject::{Reason, Rejection};
use crate::subject::Subject;

/// Texts for a report, taken from the program and its host while they are at hand.
#[derive(Clone, PartialEq, Debug, Default)]
pub(crate) struct Scene {
    /// What on the path matters.
    pub(crate) because: Vec<Event>,
    /// Name of the function that the instruction belongs to.
    function: String,
    /// The events' lines, then that of the failing instruction.
    lines: Vec<Line>,
    /// Declarations that matter.
    notes: Vec<String>,
    /// Source line of the failing instruction.
    source: Option<SourceLine>,
}

/// An instruction of the path with what it did.
#[derive(Clone, PartialEq, Debug)]
struct Line {
    at: InsnIdx,
    insn: String,
    source: Option<SourceLine>,
    note: String,
}

impl Scene {
    /// The texts for a program whose structure is wrong.
    pub(crate) fn of(program: &Program, at: InsnIdx, reason: &Reason) -> Self {
        let source = program.source_line(at).cloned();
        let line = |insn: &Insn| {
            let (insn, note) = (insn.to_string(), ending::plain(reason));
            Line { at, insn, source: source.clone(), note }
        };
        let lines = program.insns.get(at.index()).map(line).into_iter().collect();
        Self { function: program.name.clone(), lines, source, ..Self::default() }
    }

    /// The texts for a rejection at an instruction of a path.
    pub(crate) fn at(subject: &Subject<'_>, at: InsnIdx, reason: &Reason, because: Vec<Event>) -> Self {
        let program = subject.program;
        let line = |at: InsnIdx, note: String| Line {
            at,
            insn: words::instruction(subject, at),
            source: program.source_line(at).cloned(),
            note,
        };
        let mut lines: Vec<Line> = because.iter().map(|event| line(event.at, note(&event.what))).collect();
        lines.push(line(at, ending::of(subject, at, reason)));
        let function = subject.cfg.functions().get(subject.cfg.function_of(at).index());
        Self {
            notes: notes(subject, at, reason, &because),
            because,
            function: function.map_or_else(|| program.name.clone(), |function| function.name.clone()),
            lines,
            source: program.source_line(at).cloned(),
        }
    }

    /// Source place of the failing instruction.
    pub(crate) fn source(&self) -> Option<String> {
        let source = self.source.as_ref()?;
        Some(format!("{}:{}:{}", source.file, source.line, source.column))
    }
}

/// What an event did, in words.
fn note(what: &What) -> String {
    match what {
        What::Acquired { id, by: Some(_) } => format!("acquires reference {}", id.0),
        What::Acquired { id, by: None } => format!("the program is given reference {} as an argument", id.0),
        What::Entered { inside } => entered(*inside).to_owned(),
        What::Set { reg, value } => format!("{reg} is {value}"),
        What::Spilled { reg } => format!("{reg} is put on the stack"),
        What::Ended { reg, by } => {
            format!("`{by}` ends what {reg} points to: {reg} must not be used any more")
        }
        What::Clobbered { reg, by } => format!("the call of `{by}` does not keep {reg}"),
        What::Branch { held: Held::Yes } => "the condition holds: the jump is taken".to_owned(),
        What::Branch { held: Held::No } => "the condition does not hold".to_owned(),
        What::Called { name } => format!("`{name}` is called"),
    }
}

fn entered(inside: Inside) -> &'static str {
    match inside {
        Inside::Rcu => "enters an RCU read-side section",
        Inside::PreemptDisabled => "disables preemption",
        Inside::IrqDisabled => "saves the interrupt state and disables interrupts",
        Inside::Lock => "takes the lock",
    }
}

/// What to do about it, given what led there.
fn advice(rejection: &Rejection) -> &'static str {
    let is = |what: fn(&What) -> bool| rejection.because().iter().any(|event| what(&event.what));
    if let Reason::NotReadable { .. } = rejection.reason {
        if is(|what| matches!(what, What::Ended { .. })) {
            return "use the pointer before that call, or get it anew after it";
        }
        if is(|what| matches!(what, What::Clobbered { .. })) {
            return "keep values in R6 to R9 or on the stack across calls; calls clear R1 to R5";
        }
    }
    rejection.reason.hint()
}

/// Where what matters was declared in the host, and which function would help.
fn notes(subject: &Subject<'_>, at: InsnIdx, reason: &Reason, because: &[Event]) -> Vec<String> {
    let mut notes = Vec::new();
    let mut calls: Vec<InsnIdx> = because
        .iter()
        .filter(|event| {
            !matches!(
                event.what,
                What::Branch { .. } | What::Called { .. } | What::Spilled { .. } | What::Clobbered { .. }
            )
        })
        .map(|event| event.at)
        .collect();
    calls.push(at);
    for at in calls {
        let insn = subject.program.insns.get(at.index());
        let declared = insn.and_then(|insn| words::kfunc(subject, insn)).and_then(words::declaration);
        if let Some(declared) = declared.filter(|declared| !notes.contains(declared)) {
            notes.push(declared);
        }
    }
    if let Reason::UnreleasedReference { at, .. } = reason {
        let acquired = subject.program.insns.get(at.index()).and_then(|insn| words::kfunc(subject, insn));
        let ty = acquired
            .and_then(|proto| if let RetKind::Object { ty, .. } = proto.ret.kind { Some(ty) } else { None });
        let release = ty.and_then(|ty| subject.host.release_of(ty, &subject.program.kind));
        if let Some(release) = release.and_then(words::declaration) {
            notes.push(format!("released by: {release}"));
        }
    }
    let entry = subject.entry;
    if let Some(place) = &entry.declared_at {
        notes.push(format!("`{}` is declared at {}:{}", entry.name, place.file, place.line));
    }
    notes
}

/// Writes the report.
pub(crate) fn write(f: &mut fmt::Formatter<'_>, rejection: &Rejection) -> fmt::Result {
    let Rejection { at, reason, scene } = rejection;
    let title = words::lowercase_first(reason.title());
    writeln!(f, "error[{}]: {}: {title}", rejection.code(), rejection.category().title())?;
    writeln!(f, "  {reason}")?;
    match scene.source() {
        Some(source) => writeln!(f, "  --> {source}, instruction {} of `{}`", at.0, scene.function)?,
        None => writeln!(f, "  --> instruction {} of `{}`", at.0, scene.function)?,
    }
    writeln!(f)?;
    if !scene.lines.is_empty() {
        write_lines(f, &scene.lines)?;
        writeln!(f)?;
    }
    for note in &scene.notes {
        writeln!(f, "  note: {}", wrapped(note))?;
    }
    write!(f, "  help: {}", wrapped(advice(rejection)))
}

/// Columns of the report's sentences.
const WIDTH: usize = 100;

/// A sentence behind `note: ` or `help: `, on as many lines as it takes.
fn wrapped(sentence: &str) -> String {
    let indent = "  help: ".len();
    let (mut out, mut column) = (String::new(), indent);
    for word in sentence.split_whitespace() {
        let length = word.chars().count();
        if column > indent && column + 1 + length > WIDTH {
            out.push('\n');
            out.push_str(&" ".repeat(indent));
            column = indent;
        } else if column > indent {
            out.push(' ');
            column += 1;
        }
        out.push_str(word);
        column += length;
    }
    out
}

/// Source text that is shown at most.
const SOURCE_WIDTH: usize = 48;

fn write_lines(f: &mut fmt::Formatter<'_>, lines: &[Line]) -> fmt::Result {
    let text = |line: &Line| line.source.as_ref().map(|source| clip(source.text.trim()));
    let widest = lines.iter().filter_map(text).map(|text| text.chars().count()).max();
    let mut before: Option<&SourceLine> = None;
    for (index, line) in lines.iter().enumerate() {
        let mark = if index + 1 == lines.len() { ">>" } else { "  " };
        let insn = format!("{:4}: {}", line.at.0, line.insn);
        match (&line.source, widest) {
            (Some(source), Some(width)) => {
                if before.is_some_and(|before| before.file != source.file) {
                    writeln!(f, "        {}", source.file)?;
                }
                // The same line again: only the instruction is new.
                let same =
                    before.is_some_and(|before| before.file == source.file && before.line == source.line);
                let (number, text) = if same {
                    (String::new(), String::new())
                } else {
                    (source.line.to_string(), clip(source.text.trim()))
                };
                writeln!(f, "  {mark} {number:>5} | {text:width$} |{insn}")?;
                writeln!(f, "  {:8} |   = {}", "", line.note)?;
                before = Some(source);
            }
            (None, Some(width)) => {
                writeln!(f, "  {mark} {:>5} | {:width$} |{insn}", "", "")?;
                writeln!(f, "  {:8} |   = {}", "", line.note)?;
            }
            (_, None) => {
                writeln!(f, "  {mark}{insn}")?;
                writeln!(f, "          = {}", line.note)?;
            }
        }
    }
    Ok(())
}

/// The beginning of a text that is too long.
fn clip(text: &str) -> String {
    if text.chars().count() <= SOURCE_WIDTH {
        return text.to_owned();
    }
    text.chars().take(SOURCE_WIDTH - 3).chain("...".chars()).collect()
}
