//! The form that all tables share: `#` starts a comment line, an indented line belongs to the heading above, words are
//! separated by blanks.

/// A line of a table that means nothing: a mistake in this crate's data.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{table}, line {line}: {what}")]
pub struct TableError {
    /// File name.
    pub table: &'static str,
    /// Line, from 1.
    pub line: usize,
    /// What is wrong with it.
    pub what: String,
}

/// A line that is neither empty nor a comment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Line<'a> {
    pub(crate) table: &'static str,
    pub(crate) number: usize,
    pub(crate) text: &'a str,
    pub(crate) place: Place,
}

/// Where a line stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Place {
    Heading,
    Below,
}

impl<'a> Line<'a> {
    pub(crate) fn words(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        self.text.split_whitespace()
    }

    pub(crate) fn wrong(&self, what: impl Into<String>) -> TableError {
        TableError { table: self.table, line: self.number, what: what.into() }
    }

    /// The words, of which there must be this many.
    pub(crate) fn exactly<const N: usize>(&self) -> Result<[&'a str; N], TableError> {
        let words: Vec<&str> = self.words().collect();
        let count = words.len();
        words.try_into().map_err(|_| self.wrong(format!("expected {N} words, found {count}")))
    }

    pub(crate) fn number<T: std::str::FromStr>(&self, word: &str) -> Result<T, TableError> {
        word.parse().map_err(|_| self.wrong(format!("expected a number, found `{word}`")))
    }
}

/// The lines of a table.
pub(crate) fn lines<'a>(table: &'static str, text: &'a str) -> impl Iterator<Item = Line<'a>> {
    text.lines().enumerate().filter_map(move |(at, text)| {
        let trimmed = text.trim();
        if trimmed.is_empty() || trimmed.starts_with('#') {
            return None;
        }
        let place = if text.starts_with(' ') { Place::Below } else { Place::Heading };
        Some(Line { table, number: at + 1, text: trimmed, place })
    })
}

/// A word with a `?` at its end: without it, and whether it was there.
pub(crate) fn nullable(word: &str) -> (&str, opswap_bpf::proto::Nullness) {
    use opswap_bpf::proto::Nullness;
    match word.strip_suffix('?') {
        Some(word) => (word, Nullness::Nullable),
        None => (word, Nullness::NonNull),
    }
}
