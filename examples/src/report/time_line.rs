//! The time line: window, throughput and queueing delay over time, with a rule where one version hands over to the next.

use std::fmt::Write;
use std::time::Duration;

use super::paint::{Colour, Paint};
use crate::plot::{Canvas, bars};
use crate::trace::{Bin, Period, Trace};

/// Characters in front of the plot: scale and axis.
const MARGIN: usize = 6;
/// Rows of the window's plot.
const WINDOW_ROWS: usize = 15;
/// Rows of the throughput's and the delay's plot.
const BAR_ROWS: usize = 3;
const DELAY_ROWS: usize = 5;

/// The time line of a transfer recorded in two bins for each column; `rate` is the link's, in Mbit/s.
pub fn time_line(trace: &Trace, packet_bytes: u32, rate: f64, paint: Paint) -> String {
    let columns: Vec<Column> =
        trace.bins().chunks(2).map(|pair| Column::of(trace, packet_bytes, pair)).collect();
    let starts: Vec<usize> = trace.periods().iter().map(|period| column_at(trace, period.from)).collect();
    let page = Page { starts, paint };
    let mut out = String::new();
    page.labels(&mut out, trace.periods(), columns.len());

    let top = window_top(trace.bins());
    let mut canvas = Canvas::new(columns.len(), WINDOW_ROWS);
    draw_window(&mut canvas, trace.bins(), top);
    page.rows(&mut out, "congestion window, packets", top, canvas.lines().collect());

    let rates: Vec<f64> = columns.iter().map(|column| column.mbit_per_s).collect();
    page.rows(&mut out, "throughput, Mbit/s", rate, bars(&rates, rate, BAR_ROWS));

    let waits: Vec<f64> = columns.iter().map(|column| column.wait_ms).collect();
    let top = waits.iter().copied().fold(1.0, f64::max).ceil();
    page.rows(&mut out, "queueing delay, ms", top, bars(&waits, top, DELAY_ROWS));

    page.axis(&mut out, columns.len(), trace.bin_length() * 2);
    out
}

struct Column {
    mbit_per_s: f64,
    wait_ms: f64,
}

impl Column {
    fn of(trace: &Trace, packet_bytes: u32, bins: &[Bin]) -> Self {
        let delivered: u32 = bins.iter().map(|bin| bin.delivered).sum();
        let whole =
            Bin { delivered, waited_us: bins.iter().map(|bin| bin.waited_us).sum(), ..Bin::default() };
        let seconds = trace.bin_length().as_secs_f64() * bins.len() as f64;
        let mbit_per_s = f64::from(delivered) * f64::from(packet_bytes) * 8.0 / seconds / 1e6;
        Self { mbit_per_s, wait_ms: whole.wait_ms() }
    }
}

fn column_at(trace: &Trace, time: Duration) -> usize {
    (time.as_nanos() / (trace.bin_length() * 2).as_nanos().max(1)) as usize
}

/// A round number that shows all but the highest twentieth of the windows: a slow start that overshoots is cut off.
fn window_top(bins: &[Bin]) -> f64 {
    let mut sorted: Vec<u32> = bins.iter().map(|bin| bin.window_max).collect();
    sorted.sort_unstable();
    let most = sorted.get(sorted.len() * 19 / 20).copied().unwrap_or(1);
    f64::from((most + most / 8).next_multiple_of(20).max(20))
}

fn draw_window(canvas: &mut Canvas, bins: &[Bin], top: f64) {
    let height = canvas.height();
    let dot = |packets: u32| ((f64::from(packets) / top * height as f64) as usize).min(height - 1);
    for (x, bin) in bins.iter().enumerate().filter(|(_, bin)| bin.window_max != 0) {
        canvas.column(x, dot(bin.window_min), dot(bin.window_max));
    }
}

/// What all plots of one time line share.
struct Page {
    /// First column of every period.
    starts: Vec<usize>,
    paint: Paint,
}

impl Page {
    fn labels(&self, out: &mut String, periods: &[Period], columns: usize) {
        let mut line = " ".repeat(MARGIN);
        for (index, period) in periods.iter().enumerate() {
            let start = self.starts[index];
            let end = self.starts.get(index + 1).copied().unwrap_or(columns).max(start);
            let text: String = format!("│{}", period.name).chars().take(end - start).collect();
            let padding = " ".repeat(end - start - text.chars().count());
            line += &self.paint.apply(Colour::Period(index), &text);
            line += &padding;
        }
        push_line(out, &line);
    }

    /// A plot with its title, its scale at top and bottom, and rules where periods begin.
    fn rows(&self, out: &mut String, title: &str, top: f64, rows: Vec<String>) {
        push_line(out, &format!("{}{}", " ".repeat(MARGIN), self.paint.apply(Colour::Bold, title)));
        let last = rows.len() - 1;
        for (at, row) in rows.into_iter().enumerate() {
            let scale = match at {
                0 => format!("{top:>4.0} ┤"),
                at if at == last => format!("{:>4} ┤", 0),
                at if last > 8 && at == last / 2 => {
                    format!("{:>4.0} ┤", top / 2.0)
                }
                _ => "     │".to_owned(),
            };
            push_line(out, &(self.paint.apply(Colour::Dim, &scale) + &self.ruled(&row)));
        }
    }

    fn ruled(&self, row: &str) -> String {
        let cells: Vec<char> = row.chars().collect();
        let mut line = String::new();
        for (index, &start) in self.starts.iter().enumerate() {
            let end = self.starts.get(index + 1).copied().unwrap_or(cells.len());
            let mut part: String = cells.get(start..end).unwrap_or_default().iter().collect();
            if index != 0 && part.starts_with(' ') {
                part.replace_range(..1, "┊");
            }
            line += &self.paint.apply(Colour::Period(index), &part);
        }
        line
    }

    fn axis(&self, out: &mut String, columns: usize, column: Duration) {
        let mut line: String = " ".repeat(MARGIN);
        for second in (0u32..).step_by(5).map_while(|second| {
            let at = MARGIN + (f64::from(second) / column.as_secs_f64()).round() as usize;
            (at + 5 < MARGIN + columns).then_some((at, second))
        }) {
            let (at, second) = second;
            let padding = at.saturating_sub(line.chars().count());
            let _ = write!(line, "{}{second} s", " ".repeat(padding));
        }
        push_line(out, &self.paint.apply(Colour::Dim, &line));
    }
}

fn push_line(out: &mut String, line: &str) {
    out.push_str(line.trim_end());
    out.push('\n');
}
