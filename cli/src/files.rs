//! Input files.

use std::path::Path;

use crate::failure::Failure;

/// Largest file that is read: no object or host binary comes near it, and a device file never ends.
const LIMIT: u64 = 1 << 30;

/// The content of a file.
///
/// # Errors
/// It cannot be read, or is too large.
pub fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    use std::io::Read as _;
    let failed = |error: std::io::Error| Failure::input(path.display(), error);
    let mut bytes = Vec::new();
    let mut limited = std::fs::File::open(path).map_err(failed)?.take(LIMIT + 1);
    limited.read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > LIMIT {
        return Err(Failure::input(path.display(), "larger than 1 GiB"));
    }
    Ok(bytes)
}
