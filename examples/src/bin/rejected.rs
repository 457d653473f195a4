//! Programs that compile and must not run: what the verifier says of them.
//!
//! ```text
//! cargo run -q -p examples --bin rejected
//! ```
//!
//! `examples/tests/expected/rejected.txt` holds what it prints.

use std::error::Error;

use examples::report::{Colour, Paint};
use examples::{object_file, report};
use opswap::{LoadError, Runtime};

const PROGRAMS: [(&str, &str); 4] = [
    ("rejected_null", "uses a pointer that may be NULL"),
    ("rejected_use_after_put", "reads an object after giving it back"),
    ("rejected_write", "writes a field that is the host's"),
    ("leaky", "forgets to give a reference back on one of its ways out"),
];

fn main() -> Result<(), Box<dyn Error>> {
    let runtime = Runtime::new()?;
    let paint = Paint::for_stdout();
    for (name, mistake) in PROGRAMS {
        report::show(&paint.apply(Colour::Bold, &format!("{name}.bpf.c {mistake}")))?;
        match runtime.load(object_file(name)) {
            Err(LoadError::Rejected { rejection, .. }) => {
                report::show(&report::rejection(&rejection, paint))?
            }
            Err(other) => return Err(other.into()),
            Ok(_) => return Err(format!("{name} was accepted, which it must not be").into()),
        }
    }
    Ok(())
}
