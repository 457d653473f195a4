//! Bytes in hexadecimal, with white space anywhere.

/// Why text is not bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum HexError {
    /// A character that is neither a digit nor white space.
    Digit {
        /// The character.
        found: char,
        /// Its place, in characters from 1.
        column: usize,
    },
    /// An odd number of digits.
    HalfByte {
        /// How many.
        digits: usize,
    },
}

impl std::fmt::Display for HexError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Digit { found, column } => {
                write!(
                    f,
                    "expected hexadecimal digits, found `{}` as character {column}",
                    found.escape_default()
                )
            }
            Self::HalfByte { digits } => {
                write!(f, "expected two hexadecimal digits for each byte, found {digits} digits in all")
            }
        }
    }
}

/// The bytes; a leading `0x` is allowed.
///
/// # Errors
/// What is in the way.
pub fn parse(text: &str) -> Result<Vec<u8>, HexError> {
    let skipped = text.len() - text.trim_start().trim_start_matches("0x").len();
    let mut digits = Vec::new();
    let characters = text.chars().zip(1..).skip(text[..skipped].chars().count());
    for (found, column) in characters.filter(|(found, _)| !found.is_whitespace()) {
        let digit = found.to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        digits.push(digit.ok_or(HexError::Digit { found, column })?);
    }
    let (pairs, rest) = digits.as_chunks::<2>();
    if rest.is_empty() {
        Ok(pairs.iter().map(|[high, low]| high << 4 | low).collect())
    } else {
        Err(HexError::HalfByte { digits: digits.len() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_read_with_any_spacing() {
        assert_eq!(parse(""), Ok(vec![]));
        assert_eq!(parse("00  ff\n0A "), Ok(vec![0, 0xff, 10]));
        assert_eq!(parse("0x0102"), Ok(vec![1, 2]));
    }

    #[test]
    fn what_is_wrong_is_named() {
        assert_eq!(parse("00 g1"), Err(HexError::Digit { found: 'g', column: 4 }));
        assert_eq!(parse("123"), Err(HexError::HalfByte { digits: 3 }));
        assert_eq!(parse("0xé"), Err(HexError::Digit { found: 'é', column: 3 }));
    }
}
