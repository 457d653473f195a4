//! What is counted and printed.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::judge::{Judged, Kfuncs, Ours, Row, contains};

/// Why verdicts differ: `file program: reason`, for the table.
const REASONS: &str = include_str!("reasons.txt");

/// Verdicts of a group of programs.
#[derive(Default)]
struct Group {
    accepted: (u32, u32),
    rejected: (u32, u32),
    /// The kernel rejects, we accept.
    missed: u32,
    /// Expected messages of rejected programs: found, all.
    messages: (u32, u32),
    /// The same of accepted programs: they are lines of the log at level 2.
    log_lines: (u32, u32),
}

impl Group {
    fn add(&mut self, row: &Row, judged: &Judged) {
        let same = u32::from(row.verdict == judged.ours.name());
        let rejected = row.verdict == "reject";
        let (verdicts, messages) = if rejected {
            (&mut self.rejected, &mut self.messages)
        } else {
            (&mut self.accepted, &mut self.log_lines)
        };
        verdicts.0 += same;
        verdicts.1 += 1;
        self.missed += u32::from(rejected && judged.ours.name() == "accept");
        for message in &row.expected_messages {
            messages.0 += u32::from(found(judged, message));
            messages.1 += 1;
        }
    }

    fn programs(&self) -> (u32, u32) {
        (self.accepted.0 + self.rejected.0, self.accepted.1 + self.rejected.1)
    }

    fn row(&self, name: &str) -> String {
        let of = |(part, all): (u32, u32)| format!("{part} of {all}");
        let share = 100.0 * f64::from(self.messages.0) / f64::from(self.messages.1.max(1));
        format!(
            "| {name} | {} | {} | {} | {} | {} ({share:.1} %) | {} |",
            of(self.programs()),
            of(self.accepted),
            of(self.rejected),
            self.missed,
            of(self.messages),
            of(self.log_lines),
        )
    }
}

/// Whether our log holds an expected message.
fn found(judged: &Judged, message: &str) -> bool {
    let report = if let Ours::Reject { report, .. } = &judged.ours { report.as_str() } else { "" };
    [judged.ours.message(), report, &judged.log].into_iter().any(|text| contains(text, message))
}

/// Everything that is counted.
pub(crate) struct Figures {
    plain: Group,
    kfuncs: Group,
    unannotated: Group,
    /// The kernel does not do what its authors say.
    disputed: u32,
    /// The kernel refused the program, but its verifier did not (no such hook here, a map that cannot be made): we accept, all.
    unjudged: (u32, u32),
    agree: u32,
    all: u32,
    table: Vec<(Row, &'static str, String)>,
    reasons: BTreeMap<(&'static str, String), u32>,
    ours: Duration,
    kernel: Duration,
    slowest: Vec<(Duration, i64, String, u32)>,
}

impl Figures {
    pub(crate) fn new() -> Self {
        Self {
            plain: Group::default(),
            kfuncs: Group::default(),
            unannotated: Group::default(),
            disputed: 0,
            unjudged: (0, 0),
            agree: 0,
            all: 0,
            table: Vec::new(),
            reasons: BTreeMap::new(),
            ours: Duration::ZERO,
            kernel: Duration::ZERO,
            slowest: Vec::new(),
        }
    }

    pub(crate) fn add(&mut self, row: Row, judged: Judged) {
        let name = judged.ours.name();
        self.all += 1;
        self.agree += u32::from(name == row.verdict);
        if row.verify_us >= 0 && !matches!(judged.ours, Ours::Error(_)) {
            self.ours += judged.time;
            self.kernel += Duration::from_micros(row.verify_us.unsigned_abs());
            self.slowest.push((
                judged.time,
                row.verify_us,
                format!("{} {}", row.file, row.prog),
                judged.insns,
            ));
        }
        if row.unjudged() {
            self.unjudged.0 += u32::from(name == "accept");
            self.unjudged.1 += 1;
            return;
        }
        if row.expected == "none" {
            self.unannotated.add(&row, &judged);
        } else if !row.agreed() {
            self.disputed += 1;
            return;
        } else if judged.kfuncs == Kfuncs::Called {
            self.kfuncs.add(&row, &judged);
        } else {
            self.plain.add(&row, &judged);
        }
        for message in row.expected_messages.iter().filter(|message| !found(&judged, message)) {
            let what = if row.verdict == "reject" { "MESSAGE" } else { "LOG LINE" };
            println!(
                "{}\t{}\t{what} expected: {message}\tours: {}",
                row.file,
                row.prog,
                judged.ours.message()
            );
        }
        if name != row.verdict {
            self.differ(row, &judged);
        }
    }

    fn differ(&mut self, row: Row, judged: &Judged) {
        let (name, message) = (judged.ours.name(), judged.ours.message());
        let kernel = if row.verdict == "reject" { &row.message } else { &row.verdict };
        println!("{}\t{}\t{}\tkernel: {kernel}\tours: {name} {message}", row.file, row.prog, row.section);
        let label = if row.verdict == "reject" { "MISSED" } else { "REFUSED" };
        let text = if row.verdict == "reject" { row.message.as_str() } else { message };
        *self.reasons.entry((label, shape(text))).or_default() += 1;
        let message = message.to_owned();
        self.table.push((row, name, message));
    }

    pub(crate) fn print(mut self) {
        println!("\nreasons:");
        let mut reasons: Vec<_> = self.reasons.iter().collect();
        reasons.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
        for ((label, reason), count) in reasons {
            println!("{count:>5} {label} {reason}");
        }
        println!("\ntime: ours {:?}, kernel {:?}", self.ours, self.kernel);
        self.slowest.sort_by_key(|row| std::cmp::Reverse(row.1));
        for (ours, kernel, name, insns) in self.slowest.iter().take(40) {
            println!("{:>10} us ours {kernel:>10} us kernel {insns:>7} insns {name}", ours.as_micros());
        }
        println!("\n{} of {} programs: same verdict", self.agree, self.all);
        println!(
            "{} programs where the kernel does not do what its authors say: not counted below\n{} programs \
             that the kernel refused, but not its verifier (we accept {}): not counted either\n",
            self.disputed, self.unjudged.1, self.unjudged.0
        );
        println!(
            "| programs | same verdict | both accept | both reject | kernel rejects, opswap accepts | \
             messages of rejected programs | log lines of accepted programs |"
        );
        println!("|---|---|---|---|---|---|---|");
        println!("{}", self.plain.row("without kfuncs"));
        println!("{}", self.kfuncs.row("with kfuncs"));
        println!("{}", self.unannotated.row("without annotation"));
        self.print_table("The kernel rejects, opswap accepts", "reject");
        self.print_table("The kernel accepts, opswap rejects", "accept");
    }

    fn print_table(&self, title: &str, verdict: &str) {
        println!("\n## {title}\n\n| program | why |\n|---|---|");
        // What does not link is not accepted either.
        let listed = |(row, name, _): &&(Row, &'static str, String)| {
            row.verdict == verdict && !(verdict == "reject" && *name == "error")
        };
        for (row, name, message) in self.table.iter().filter(listed) {
            let file = row.file.trim_end_matches(".o");
            let why = match reason(file, &row.prog) {
                Some(why) => why.to_owned(),
                None if verdict == "reject" => format!("not explained yet; the kernel: {}", row.message),
                None => format!("{name}: {message}"),
            };
            println!("| `{file}` {} | {} |", row.prog, why.replace('|', "\\|"));
        }
    }
}

/// Why verdicts on a program differ.
fn reason(file: &str, program: &str) -> Option<&'static str> {
    REASONS.lines().find_map(|line| {
        let (name, why) = line.split_once(": ")?;
        let (in_file, prog) = name.split_once(' ')?;
        let same = |pattern: &str, name: &str| match pattern.strip_suffix('*') {
            Some(front) => name.starts_with(front),
            None => name == pattern,
        };
        (same(in_file, file) && same(prog, program)).then_some(why)
    })
}

/// Text without numbers, to count similar messages together.
fn shape(text: &str) -> String {
    let mut shape = String::new();
    for sign in text.chars().take(70) {
        if sign.is_ascii_digit() {
            if !shape.ends_with('#') {
                shape.push('#');
            }
        } else {
            shape.push(sign);
        }
    }
    shape
}
