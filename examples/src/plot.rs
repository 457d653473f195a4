//! Plots for a terminal: a line in Braille dots, columns in eighths of a block. Plain text, every line of known width.

/// A canvas of 2 by 4 dots for each character.
#[derive(Clone, Debug)]
pub struct Canvas {
    columns: usize,
    rows: usize,
    cells: Vec<u8>,
}

/// Bits of a Braille pattern by column and row of the dot (Unicode, section 21.1).
const DOTS: [[u8; 4]; 2] = [[0x01, 0x02, 0x04, 0x40], [0x08, 0x10, 0x20, 0x80]];

impl Canvas {
    /// An empty canvas of so many characters.
    pub fn new(columns: usize, rows: usize) -> Self {
        Self { columns, rows, cells: vec![0; columns * rows] }
    }

    /// Dots from left to right.
    pub fn width(&self) -> usize {
        self.columns * 2
    }

    /// Dots from bottom to top.
    pub fn height(&self) -> usize {
        self.rows * 4
    }

    /// Sets the dots of column `x` from `low` to `high`, counted from the bottom; what lies outside is cut off.
    pub fn column(&mut self, x: usize, low: usize, high: usize) {
        for y in low..=high.min(self.height() - 1) {
            let from_top = self.height() - 1 - y;
            if let Some(cell) = self.cells.get_mut(from_top / 4 * self.columns + x / 2) {
                *cell |= DOTS[x % 2][from_top % 4];
            }
        }
    }

    /// The rows from the top; an empty cell is a space.
    pub fn lines(&self) -> impl Iterator<Item = String> + '_ {
        self.cells.chunks(self.columns).map(|row| {
            row.iter()
                .map(|&dots| match dots {
                    0 => ' ',
                    dots => char::from_u32(0x2800 + u32::from(dots)).unwrap_or(' '),
                })
                .collect()
        })
    }
}

/// Columns of a bar chart, `rows` characters high, where a full column is `top`.
pub fn bars(values: &[f64], top: f64, rows: usize) -> Vec<String> {
    const EIGHTHS: [char; 9] = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    (0..rows)
        .rev()
        .map(|row| {
            values
                .iter()
                .map(|value| {
                    let eighths = (value / top * (rows * 8) as f64).round().max(0.0) as usize;
                    EIGHTHS[eighths.saturating_sub(row * 8).min(8)]
                })
                .collect()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dots_land_where_braille_has_them() {
        let mut canvas = Canvas::new(2, 1);
        canvas.column(0, 0, 0);
        canvas.column(1, 3, 3);
        canvas.column(3, 0, 9);
        assert_eq!(canvas.lines().collect::<Vec<_>>(), ["\u{2848}\u{28b8}"]);
    }

    #[test]
    fn bars_fill_from_the_bottom() {
        assert_eq!(bars(&[0.0, 1.0, 2.0, 3.0, 4.0], 4.0, 2), ["   ▄█", " ▄███"]);
        assert_eq!(bars(&[0.5], 4.0, 1), ["▁"]);
    }
}
