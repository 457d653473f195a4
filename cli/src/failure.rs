//! [`Failure`]: why the command ends with another exit code than 0.

use std::fmt::Display;

/// Why the command ends with another exit code than 0.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Failure {
    /// 1: a program was rejected or a check failed, and the output says so already.
    Reported,
    /// 1: a program was rejected or a check failed, for this reason.
    Check(String),
    /// 2: wrong usage, or input that cannot be read.
    Usage(String),
    /// 141: whoever read the output is gone (`| head`), as for a command that the signal SIGPIPE ends.
    Unread,
}

impl Failure {
    /// Wrong usage or unreadable input: what was touched, and what is wrong with it.
    pub fn input(what: impl Display, problem: impl Display) -> Self {
        Self::Usage(format!("{what}: {problem}"))
    }

    pub(crate) fn from_usage(error: &clap::Error) -> Self {
        let text = error.render().to_string();
        // The first paragraph says what is wrong, sometimes with a list on lines of its own; usage and hints follow.
        let paragraph = text.split("\n\n").next().unwrap_or_default();
        let words: Vec<&str> = paragraph.split_whitespace().collect();
        Self::Usage(format!("{} (see `opswap --help`)", words.join(" ").trim_start_matches("error: ")))
    }

    /// What standard error is told, one line.
    pub fn line(&self) -> Option<String> {
        match self {
            Self::Reported | Self::Unread => None,
            Self::Check(reason) | Self::Usage(reason) => {
                Some(reason.lines().map(str::trim).collect::<Vec<_>>().join(" "))
            }
        }
    }

    /// The exit code.
    pub const fn exit_code(&self) -> u8 {
        match self {
            Self::Reported | Self::Check(_) => 1,
            Self::Usage(_) => 2,
            Self::Unread => 141,
        }
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        if error.kind() == std::io::ErrorKind::BrokenPipe {
            Self::Unread
        } else {
            Self::input("standard output", error)
        }
    }
}

/// An error with its causes.
pub fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| {
        let cause = cause.to_string();
        // Some errors tell their cause themselves.
        if text.contains(&cause) { text } else { format!("{text}: {cause}") }
    })
}
