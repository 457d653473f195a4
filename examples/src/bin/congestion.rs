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

const LINK: LinkConfig = LinkConfig::ACCESS;

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
    report::show(&format!("{}\n{}", report::path_line(&LINK), report::loaded_table(&loaded, paint)))?;

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
    report::show(&report::time_line(transfer.trace(), LINK.packet_bytes, rate, paint))?;
    report::show(&report::period_table(transfer.trace(), LINK.packet_bytes, paint))?;
    report::show(&report::call_table(&answered, made, paint))?;
    report::show(&report::journal(transfer.flow(), paint))?;
    let seconds = transfer.now().as_secs();
    report::show(&format!("{seconds} s of virtual time took {:.1} ms\n", took.as_secs_f64() * 1e3))?;
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
    let title = format!("{name}.bpf.o forgets to give a reference back:");
    report::show(&(paint.apply(Colour::Bold, &title) + "\n"))?;
    match runtime.load(object_file(name)) {
        Err(LoadError::Rejected { rejection, .. }) => {
            Ok(report::show(report::rejection(&rejection, paint).trim_end())?)
        }
        Err(other) => Err(other.into()),
        Ok(_) => Err(format!("{name}.bpf.o was accepted, which it must not be").into()),
    }
}
