//! What a transfer looked like, as plain text of at most [`WIDTH`] columns: a time line and tables.

mod paint;
mod table;
mod time_line;

pub use paint::{Colour, Paint};
pub use table::{Answered, Loaded, call_table, loaded_table, period_table};
pub use time_line::time_line;

use std::io::{self, Write};

use opswap::verifier::Rejection;

use crate::flow::Flow;
use crate::link::LinkConfig;

/// Columns of the widest line.
pub const WIDTH: usize = 100;

/// One line that says what the path is like.
pub fn path_line(config: &LinkConfig) -> String {
    format!(
        "{} Mbit/s, round trip {} ms, so {} packets fill the path; queue of {} packets, marks above {};\n\
         one packet in {} lost at random; seed {}\n",
        config.rate / 1_000_000,
        config.round_trip.as_millis(),
        config.path_packets(),
        config.queue_limit,
        config.mark_above,
        config.loss_one_in,
        config.seed,
    )
}

/// What programs noted in a flow's journal, one line each.
pub fn journal(flow: &Flow, paint: Paint) -> String {
    let Ok(journal) = flow.journal.lock() else { return String::new() };
    let mut out = paint.apply(Colour::Bold, "noted by programs") + "\n";
    for note in journal.entries() {
        let seconds = note.at_us as f64 / 1e6;
        out += &format!("{seconds:>7.3} s, window {:>3}: {}\n", note.cwnd, printable(&note.text));
    }
    out
}

/// Writes a paragraph to standard output. That nobody reads on (`| head`) is no error.
///
/// # Errors
/// Standard output cannot be written for another reason.
pub fn show(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    match writeln!(out, "{text}") {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written,
    }
}

/// The full report of a rejection; its first line in colour.
pub fn rejection(rejection: &Rejection, paint: Paint) -> String {
    let text = format!("{rejection:#}");
    let (first, rest) = text.trim_end().split_once('\n').unwrap_or((text.trim_end(), ""));
    format!("{}\n{rest}\n", paint.apply(Colour::Red, first))
}

/// Text from a program, fit for a terminal.
fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '?' } else { c }).take(64).collect()
}
