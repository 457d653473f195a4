//! The BTF of the test module before Linux's own tools.

#[path = "../../examples/tests/tools/judge.rs"]
mod judge;

use std::path::Path;

use opswap::registry::Registry;
// The declarations are in the library; nothing else of it is named here.
use testmod as _;

#[test]
fn linuxs_tools_read_the_btf_of_the_test_module() {
    let bytes = std::fs::read("/proc/self/exe").expect("this program");
    let registry = Registry::from_binary(&bytes).unwrap_or_else(|error| panic!("{error:?}"));
    assert!(registry.kfunc_named("bpf_kfunc_call_test1").is_some(), "the module is linked");
    let btf = registry.btf().to_bytes().expect("it can be written");
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("tools");
    let (asked, skipped) = judge::judge(&folder, "testmod", &btf);
    println!("{asked} checks made, {skipped} skipped");
}
