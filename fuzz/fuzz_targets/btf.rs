//! Bytes as BTF: parsed, validated, and what was understood is written and read again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use opswap_bpf::Btf;

fuzz_target!(|bytes: &[u8]| {
    let Ok(btf) = Btf::parse(bytes) else { return };
    if let Ok(written) = btf.to_bytes() {
        Btf::parse(&written).expect("what is written is read back");
    }
});
