//! The running kernel's BTF as a large real file: it must parse, and survive writing and reading again.

use std::time::Instant;

use opswap_bpf::Btf;

const VMLINUX: &str = "/sys/kernel/btf/vmlinux";

#[test]
fn vmlinux_round_trips() {
    let Ok(bytes) = std::fs::read(VMLINUX) else {
        opswap_skips::skipped(format_args!("{VMLINUX} cannot be read"));
        return;
    };
    let start = Instant::now();
    let btf = Btf::parse(&bytes).expect("the kernel's BTF is well formed");
    let parsed = start.elapsed();
    let start = Instant::now();
    let written = btf.to_bytes().expect("what was read can be written");
    eprintln!("{} types of {} bytes: read {parsed:?}, written {:?}", btf.len(), bytes.len(), start.elapsed());
    let again = Btf::parse(&written).expect("what was written can be read");
    assert!(btf == again, "types changed on the way through a file");
    assert_eq!(written, again.to_bytes().expect("written once already"), "writing is not deterministic");

    let task = btf.find_struct("task_struct").expect("every kernel has task_struct");
    assert!(btf.size_of(task).is_some_and(|size| size > 1000));
    let pid =
        btf.members(task).into_iter().flatten().find(|member| member.name == "pid").expect("task_struct.pid");
    assert_eq!(btf.name_of(btf.skip_modifiers(pid.ty)), "int");
}
