//! What a transfer looked like, as plain text of at most [`WIDTH`] columns: a time line and tables.

mod paint;
mod table;
mod time_line;

pub use paint::{Colour, Paint};
pub use table::{Answered, call_table, period_table};
pub use time_line::time_line;

use crate::flow::Note;
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

/// What programs noted, one line each.
pub fn notes(entries: &[Note]) -> String {
    entries
        .iter()
        .map(|note| {
            let seconds = note.at_us as f64 / 1e6;
            format!("{seconds:8.3} s  window {:>4}  \"{}\"\n", note.cwnd, printable(&note.text))
        })
        .collect()
}

/// Text from a program, fit for a terminal.
fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '?' } else { c }).take(64).collect()
}
