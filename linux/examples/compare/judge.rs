//! Our verdict on a program of the kernel's table.

use std::time::{Duration, Instant};

use opswap::loader::ObjectFile;
use opswap_bpf::insn::CallTarget;
use opswap_bpf::program::LoadFlags;
use opswap_bpf::{HelperId, Insn, Program};
use opswap_linux::Linux;
use opswap_verifier::{Limits, verify_logged, verify_with};
use serde::Deserialize;

/// What the loader makes of a call of a weak kfunc that the host lacks.
const MISSING_KFUNC: HelperId = HelperId(2_002_000_000);

/// What the kernel said of a program, and what its authors expect.
#[derive(Clone, Deserialize)]
pub(crate) struct Row {
    pub(crate) file: String,
    pub(crate) prog: String,
    pub(crate) section: String,
    /// `accept`, `reject`, or `none`.
    pub(crate) expected: String,
    pub(crate) expected_messages: Vec<String>,
    pub(crate) flags: u32,
    pub(crate) verdict: String,
    pub(crate) message: String,
    /// -1 when unknown.
    pub(crate) verify_us: i64,
}

impl Row {
    /// Whether the kernel failed before or after its verifier, which has no complaint; nobody says anything about the program.
    pub(crate) fn unjudged(&self) -> bool {
        self.expected == "none" && self.verdict == "reject" && self.message.is_empty()
    }

    /// Whether the kernel does what its authors say.
    pub(crate) fn agreed(&self) -> bool {
        self.expected == self.verdict
    }
}

/// Our verdict.
pub(crate) enum Ours {
    Accept,
    Reject { message: String, report: String },
    Error(String),
}

impl Ours {
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Accept => "accept",
            Self::Reject { .. } => "reject",
            Self::Error(_) => "error",
        }
    }

    pub(crate) fn message(&self) -> &str {
        match self {
            Self::Accept => "",
            Self::Reject { message, .. } | Self::Error(message) => message,
        }
    }
}

/// Whether the program calls a kfunc.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kfuncs {
    Called,
    None,
}

pub(crate) struct Judged {
    pub(crate) ours: Ours,
    /// The log at level 2, where the row expects messages.
    pub(crate) log: String,
    pub(crate) kfuncs: Kfuncs,
    pub(crate) time: Duration,
    pub(crate) insns: u32,
}

impl Judged {
    /// The object or program could not be read.
    pub(crate) fn unread(error: String) -> Self {
        let (log, kfuncs) = (String::new(), Kfuncs::None);
        Self { ours: Ours::Error(error), log, kfuncs, time: Duration::ZERO, insns: 0 }
    }
}

fn kfuncs(program: &Program) -> Kfuncs {
    let is_kfunc = |insn: &Insn| {
        let Insn::Call { target } = insn else { return false };
        match target {
            CallTarget::Kfunc { .. } => true,
            CallTarget::Helper(id) => *id == MISSING_KFUNC,
            CallTarget::Subprog(_) => false,
        }
    };
    if program.insns.iter().any(is_kfunc) { Kfuncs::Called } else { Kfuncs::None }
}

pub(crate) fn judge(object: &ObjectFile, row: &Row, linux: &Linux) -> Judged {
    let Some(index) = object.programs().iter().position(|image| image.name == row.prog) else {
        return Judged::unread("no such program".to_owned());
    };
    let mut program = match object.link(index, linux.kind(object, index), linux) {
        Ok(program) => program,
        Err(error) => return Judged::unread(chain(&error)),
    };
    program.flags |= LoadFlags::from_bits_truncate(row.flags);
    let insns = u32::try_from(program.insns.len()).unwrap_or(u32::MAX);
    let kfuncs = kfuncs(&program);
    let log = if row.expected_messages.is_empty() {
        String::new()
    } else {
        verify_logged(program.clone(), linux, &Limits::default()).2
    };
    let start = Instant::now();
    let (verdict, _) = verify_with(program, linux, &Limits::default());
    let time = start.elapsed();
    let ours = match verdict {
        Ok(_) => Ours::Accept,
        Err(rejection) => Ours::Reject { message: rejection.to_string(), report: format!("{rejection:#}") },
    };
    Judged { ours, log, kfuncs, time, insns }
}

/// An error with its causes.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(&format!(": {cause}"));
        source = cause.source();
    }
    text
}

/// Whether a line of a text contains a message; `{{.*}}` in the message stands for anything, `{{[0-9]+}}` for a number.
pub(crate) fn contains(text: &str, message: &str) -> bool {
    let (first, rest) = message.split_once("{{").unwrap_or((message, ""));
    text.lines().any(|line| {
        let ends = line.match_indices(first).map(|(at, _)| at + first.len());
        ends.into_iter().any(|end| rest.is_empty() || continues(&line[end..], rest))
    })
}

/// Whether a text begins with what a pattern stands for and goes on with the rest of the message.
fn continues(text: &str, pattern: &str) -> bool {
    let Some((pattern, rest)) = pattern.split_once("}}") else { return false };
    let (next, more) = rest.split_once("{{").unwrap_or((rest, ""));
    let goes_on = |at: usize| {
        let behind = text.get(at..).and_then(|text| text.strip_prefix(next));
        behind.is_some_and(|behind| more.is_empty() || continues(behind, more))
    };
    if pattern == "[0-9]+" {
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        return (1..=digits).any(goes_on);
    }
    (0..=text.len()).any(goes_on)
}
