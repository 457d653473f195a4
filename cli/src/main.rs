//! The `opswap` command; everything is in the library beside it.

use std::process::ExitCode;

fn main() -> ExitCode {
    opswap_cli::main(std::env::args_os())
}
