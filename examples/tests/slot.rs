//! A slot's native default answers as the native functions do when they are called directly.

use std::time::Duration;

use examples::attached::Attached;
use examples::cong::{Control, Native};
use examples::flow::{Flow, Path};
use examples::link::LinkConfig;
use examples::native;
use examples::trace::Trace;
use examples::transfer::Transfer;
use opswap::{KRef, Slot};

#[test]
fn the_default_answers_through_the_slot() {
    let config = LinkConfig {
        loss_one_in: 3_000,
        outage: Duration::from_secs(3)..Duration::from_secs(4),
        ..LinkConfig::ACCESS
    };
    let end = Duration::from_secs(10);
    let run = |control: &mut dyn Control| {
        let flow = Flow::new(Some(KRef::new(Path::default())));
        let mut transfer = Transfer::new(config.clone(), flow, Trace::new(end, 100));
        control.init(transfer.flow_mut());
        transfer.run_until(end, control);
        transfer.trace().bins().to_vec()
    };
    let slot = Slot::new(native::reno());
    let mut attached = Attached::new(&slot);
    assert_eq!(run(&mut attached), run(&mut Native(native::reno())));
    let asked: u64 = attached.asked().iter().flatten().sum();
    assert_eq!((slot.calls().native, slot.calls().program), (asked, 0));
}
