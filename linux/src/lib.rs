//! Linux as a host: its program types, contexts, helpers, kfuncs and their permissions, over any vmlinux BTF.
//!
//! [`Linux`] answers what the verifier asks of a host, so that a program can be checked against a kernel without that
//! kernel, or without the rights to load it. Everything that BTF does not say stands in the tables under `data/`; this crate
//! reads them into the same contracts that applications declare with the macros. The unprivileged mode is out of scope:
//! programs are judged as a loader with all capabilities would have them.
//!
//! | module | owns |
//! |---|---|
//! | [`host`] | [`Linux`]: the tables together, as a [`opswap_verifier::Host`] |
//! | `table` | lines and words of the tables, and what is wrong with one |
//! | `helpers` | prototypes, sets and map rules of helpers |
//! | `contexts` | layouts of contexts, and records (sockets) |
//! | `fields` | members of kernel structs: which are writable, which pointers are trusted |
//! | `programs` | program types by section name |
//! | `prototypes` | contexts and return rules that follow from a BTF prototype |
//! | `kfuncs` | kfuncs from BTF: argument kinds by type and name, flags and hooks from a table |
//! | `resolve`, `objects` | imports of object files, and what their programs are for |
//! | `packet` | what a program is given when it is run once |
//! | `types` | kinds of types |
//! | `store` | values that are made on first use and then lent out |

#![forbid(unsafe_code)]

mod contexts;
mod fields;
mod helpers;
pub mod host;
mod kfuncs;
mod objects;
mod packet;
mod programs;
mod prototypes;
mod resolve;
mod store;
mod table;
mod types;

#[cfg(test)]
mod tests;

pub use host::Linux;
pub use table::TableError;
