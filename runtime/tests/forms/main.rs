//! Arguments of operations in every form: what programs get, what the binary says of them, and what hostile programs do with them.

mod app;
mod calls;
mod hostile;
mod stubs;
