//! Bytes as an object file.
#![no_main]

use libfuzzer_sys::fuzz_target;
use opswap::loader::ObjectFile;

fuzz_target!(|bytes: &[u8]| {
    let _ = ObjectFile::parse(bytes);
});
