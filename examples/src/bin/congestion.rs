//! A transfer over an emulated link whose congestion control is swapped while packets flow.
//!
//! ```text
//! cargo run --release -p examples --bin congestion
//! ```
//!
//! Reno, CUBIC and DCTCP are BPF objects that clang made of the C in `examples/bpf`. Each is proved safe, compiled and attached
//! to a table of operations; at last the table falls back to Rust. A fourth object, which leaks a reference, is refused.
//! `examples/tests/expected/congestion.txt` holds what it prints.

use std::error::Error;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use examples::attached::Attached;
use examples::cong::{CongOps, Control};
use examples::flow::{Flow, Path};
use examples::link::LinkConfig;
use examples::report::{self, Answered, Colour, Loaded, Paint};
use examples::trace::Trace;
use examples::transfer::Transfer;
use examples::{native, object_file};
use opswap::{KRef, LoadError, Prepared, Runtime, Slot};

const LINK: LinkConfig = LinkConfig {
    rate: 20_000_000,
    packet_bytes: 1500,
    round_trip: Duration::from_millis(40),
    queue_limit: 60,
    mark_above: 12,
    loss_one_in: 50_000,
    outage: Duration::ZERO..Duration::ZERO,
    seed: 1,
};

/// Who is in charge, and until when in seconds of virtual time.
const SCHEDULE: [(&str, u64); 4] =
    [("reno.bpf.o", 12), ("cubic.bpf.o", 28), ("dctcp.bpf.o", 38), ("native Rust", 47)];

fn main() -> ExitCode {
    match run(Paint::for_stdout()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("congestion: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(paint: Paint) -> Result<(), Box<dyn Error>> {
    let runtime = Runtime::new()?;
    let mut loaded = Vec::new();
    let reno = load(&runtime, "reno", &mut loaded)?;
    let cubic = load(&runtime, "cubic", &mut loaded)?;
    let dctcp = load(&runtime, "dctcp", &mut loaded)?;
    println!("{}\n{}", report::path_line(&LINK), report::loaded_table(&loaded, paint));

    let began = Instant::now();
    let mut transfer = new_transfer();
    let slot = Slot::new(native::reno());
    let link = reno.attach(&slot)?;
    let mut control = Attached::new(&slot);
    control.init(transfer.flow_mut());

    // The swaps: the link exchanges the table, and the flow finds out at its next call.
    play(&mut transfer, &mut control, 0);
    let mut records = vec![link.update(&cubic)?];
    play(&mut transfer, &mut control, 1);
    records.push(link.update(&dctcp)?);
    play(&mut transfer, &mut control, 2);
    records.extend(link.detach());
    play(&mut transfer, &mut control, 3);
    control.release(transfer.flow_mut());
    records.push(slot.attached());
    let took = began.elapsed();

    let answered = SCHEDULE.iter().zip(&records).zip(control.asked()).map(|(((name, _), record), asked)| {
        let calls = record.calls();
        Answered {
            name: (*name).to_owned(),
            asked: *asked,
            by_program: calls.program,
            by_native: calls.native,
        }
    });
    let answered: Vec<_> = answered.collect();
    let made = control.asked().iter().flatten().sum();
    let rate = LINK.rate as f64 / 1e6;
    println!("{}", report::time_line(transfer.trace(), LINK.packet_bytes, rate, paint));
    println!("{}", report::period_table(transfer.trace(), LINK.packet_bytes, paint));
    println!("{}", report::call_table(&answered, made, paint));
    println!("{}", report::journal(transfer.flow(), paint));
    println!("{} s of virtual time took {:.1} ms\n", transfer.now().as_secs(), took.as_secs_f64() * 1e3);
    refuse(&runtime, "leaky", paint)
}

fn load(runtime: &Runtime, name: &str, loaded: &mut Vec<Loaded>) -> Result<Prepared<CongOps>, LoadError> {
    let began = Instant::now();
    let object = runtime.load(object_file(name))?;
    let prepared = object.struct_ops::<CongOps>(name)?;
    loaded.push(Loaded::new(name, &object, began.elapsed()));
    Ok(prepared)
}

fn new_transfer() -> Transfer {
    let end = Duration::from_secs(SCHEDULE[SCHEDULE.len() - 1].1);
    // Two steps of the time line for each of 94 columns.
    Transfer::new(LINK, Flow::new(Some(KRef::new(Path::default()))), Trace::new(end, 188))
}

fn play(transfer: &mut Transfer, control: &mut Attached<'_>, period: usize) {
    let (name, until) = SCHEDULE[period];
    transfer.take_over(name);
    transfer.run_until(Duration::from_secs(until), control);
}

/// Loads an object that must not load, and shows why it does not.
fn refuse(runtime: &Runtime, name: &str, paint: Paint) -> Result<(), Box<dyn Error>> {
    println!("{}\n", paint.apply(Colour::Bold, &format!("{name}.bpf.o forgets to give a reference back:")));
    match runtime.load(object_file(name)) {
        Err(LoadError::Rejected { rejection, .. }) => {
            print!("{}", report::rejection(&rejection, paint));
            Ok(())
        }
        Err(other) => Err(other.into()),
        Ok(_) => Err(format!("{name}.bpf.o was accepted, which it must not be").into()),
    }
}
