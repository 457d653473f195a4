//! The smallest round trip: a BPF program calls a Rust function.
//!
//! ```text
//! $ cargo run -q -p examples --bin hello_kfunc
//! hello, world
//! hello, kfunc
//! the program returned 2
//! ```

use std::error::Error;
use std::sync::atomic::{AtomicU32, Ordering};

use examples::object_file;
use opswap::{Runtime, kfunc};

static GREETED: AtomicU32 = AtomicU32::new(0);

/// Greets somebody; returns how many have been greeted.
#[kfunc]
fn greet(name: &[u8]) -> u32 {
    println!("hello, {}", String::from_utf8_lossy(name));
    GREETED.fetch_add(1, Ordering::Relaxed) + 1
}

fn main() -> Result<(), Box<dyn Error>> {
    let runtime = Runtime::builder().standalone("syscall").build()?;
    let object = runtime.load(object_file("hello"))?;
    let returned = object.program("hello")?.run(&mut [])?;
    println!("the program returned {returned}");
    Ok(())
}
