//! A program holds a reference to a Rust object, and gives it back even when a function of the host panics in between.
//!
//! ```text
//! $ cargo run -q -p examples --bin refcounted_object 2>/dev/null
//! tenant 0: admitted, references to the accounts: [1, 1, 1]
//! tenant 1: admitted, references to the accounts: [1, 1, 1]
//! tenant 2: admitted, references to the accounts: [1, 1, 1]
//! the last answer came from the default, because:
//!   kfunc `account_audit` panicked: an account without a limit: nobody thought of that
//! ```

use std::error::Error;

use examples::admission::{self, AdmissionOps, Request};
use examples::object_file;
use opswap::{Runtime, Slot};

fn main() -> Result<(), Box<dyn Error>> {
    let runtime = Runtime::new()?;
    let audit = runtime.load(object_file("audit"))?.struct_ops::<AdmissionOps>("audit")?;
    let slot = Slot::new(admission::admit_all());
    let link = audit.attach(&slot)?;

    // `audit` acquires the tenant's account, has it audited, and releases it. The audit of tenant 2 panics.
    for tenant in 0..3 {
        let mut request = Request { bytes: 100, tenant, priority: 0 };
        let verdict = match slot.pin().admit(&mut request) {
            0 => "refused",
            _ => "admitted",
        };
        println!("tenant {tenant}: {verdict}, references to the accounts: {:?}", admission::references());
    }
    if let Some(fault) = link.fault() {
        println!("the last answer came from the default, because:\n  {fault}");
    }
    Ok(())
}
