//! Colour, where a person looks: on a terminal, unless `NO_COLOR` asks for none (no-color.org).

use std::io::IsTerminal;

/// Whether text is coloured.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Paint {
    /// No escape sequences.
    Plain,
    /// SGR sequences.
    Terminal,
}

/// What a piece of text is, for its colour.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Colour {
    /// A heading.
    Bold,
    /// Less important.
    Dim,
    /// An error.
    Red,
    /// Belongs to the period with this index.
    Period(usize),
}

impl Paint {
    /// What standard output wants.
    pub fn for_stdout() -> Self {
        let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        if refused || !std::io::stdout().is_terminal() { Self::Plain } else { Self::Terminal }
    }

    /// `text` in this colour.
    pub fn apply(self, colour: Colour, text: &str) -> String {
        let code = match colour {
            Colour::Bold => 1,
            Colour::Dim => 2,
            Colour::Red => 31,
            Colour::Period(index) => [36, 33, 35, 32][index % 4],
        };
        match self {
            Self::Terminal if !text.is_empty() => format!("\x1b[{code}m{text}\x1b[0m"),
            Self::Terminal | Self::Plain => text.to_owned(),
        }
    }
}
