//! The functions that Linux registers and lets nobody call: every call is refused, with the kernel's words.

use opswap::bpf::asm::{Names, assemble_with};
use opswap::bpf::insn::CallTarget;
use opswap::bpf::{Program, ProgramKind};
use opswap::registry::Registry;
use opswap::{LoadError, Runtime};

// The declarations are in the library; nothing else of it is named here.
use testmod as _;

struct Kfuncs(Registry);

impl Names for Kfuncs {
    fn call(&self, name: &str) -> Option<CallTarget> {
        self.0.kfunc_named(name).map(|id| CallTarget::Kfunc { id, module: 0 })
    }
}

/// Why the verifier refuses a `syscall` program.
fn refusal(text: &str) -> String {
    let kfuncs = Kfuncs(Registry::collect().expect("sound declarations"));
    let assembly = assemble_with(text, &kfuncs).unwrap_or_else(|error| panic!("{error}\n{text}"));
    let program = Program::bare("refused", ProgramKind::Named("syscall".to_owned()), assembly.insns);
    let runtime = Runtime::builder().standalone("syscall").build().expect("sound declarations");
    match runtime.load_program(program) {
        Err(LoadError::Rejected { rejection, .. }) => rejection.to_string(),
        Err(other) => panic!("refused by something else: {other}\n{text}"),
        Ok(_) => panic!("accepted:\n{text}"),
    }
}

/// The object's address in R1; then `call`.
fn with_the_object(call: &str) -> String {
    format!(
        "
        *(u64 *)(r10 - 8) = 0
        r1 = r10
        r1 += -8
        call bpf_kfunc_call_test_acquire
        if r0 == 0 goto done
        r6 = r0
        r1 = r0
        {call}
        r1 = r6
        call bpf_kfunc_call_test_release
    done:
        r0 = 0
        exit"
    )
}

/// Eight bytes of the stack in R1; then `call`.
fn with_memory(call: &str) -> String {
    format!("*(u64 *)(r10 - 8) = 0\nr1 = r10\nr1 += -8\n{call}\nr0 = 0\nexit")
}

#[test]
fn memory_of_no_size() {
    let expected = "arg#0 pointer type UNKNOWN  must point to scalar, or struct with scalar";
    let call = "r2 = 8\ncall bpf_kfunc_call_test_mem_len_fail1";
    assert_eq!(refusal(&with_memory(call)), expected);
    assert_eq!(refusal(&with_the_object(call)), expected);
}

#[test]
fn memory_that_would_be_owned() {
    let call = "r2 = 8\ncall bpf_kfunc_call_test_acq_rdonly_mem";
    assert_eq!(refusal(&with_the_object(call)), "acquire kernel function does not return PTR_TO_BTF_ID");
}

#[test]
fn memory_that_would_be_given_back() {
    let expected = "release kernel function bpf_kfunc_call_int_mem_release expects refcounted PTR_TO_BTF_ID";
    assert_eq!(refusal(&with_memory("call bpf_kfunc_call_int_mem_release")), expected);
}
