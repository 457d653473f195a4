//! From an object's bytes to calls through a slot, with kfuncs, maps, faults and swaps: everything together.

mod app;
mod attach;
mod faults;
mod instrumented;
mod refusals;
mod standalone;
mod storm;
