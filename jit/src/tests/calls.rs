//! Calls of host functions and subprograms, the abort flag, callbacks, CFI hashes.

use crate::tests::harness::machine::{
    self, HostFunction, abort_if, address, call_back, hash_in_front, mixed, record, stack_alignment,
    take_trace,
};
use crate::tests::harness::{Assumed, TestLinker, compiled, run, ways};
use crate::{CALLBACK_CFI_HASH, CodeAddr, RunHeader};
use opswap_bpf::SubprogId;

fn linker() -> TestLinker {
    let functions = [record as HostFunction, abort_if, call_back, stack_alignment].map(address);
    TestLinker { functions: functions.to_vec(), arities: vec![5, 1, 5, 0], cfi_hash: 0x1234_5678 }
}

#[test]
fn arguments_arrive_and_callee_saved_registers_survive() {
    let text = "
        r6 = 6
        r7 = 7
        r8 = 8
        r9 = 9
        r1 = 1
        r2 = -2
        r3 = 3
        r4 = 4
        r5 = 0x123456789abcdef0 ll
        call kfunc#0
        r0 += r6
        r0 += r7
        r0 += r8
        r0 += r9
        exit";
    let arguments = [1, -2_i64 as u64, 3, 4, 0x1234_5678_9abc_def0];
    assert_eq!(run(text, &mut [], &linker()), mixed(arguments).wrapping_add(30));
    assert_eq!(take_trace(), [arguments]);
}

#[test]
fn a_helper_beyond_two_gigabytes_is_reached() {
    // The C library lies far from the program's own text.
    let far = CodeAddr(libc::labs as *const () as usize);
    let here = linker as *const () as usize;
    assert!(far.0.abs_diff(here) > 1 << 31, "{far:?} is near {here:#x}: the test tests nothing");
    let linker = TestLinker { functions: vec![far], ..TestLinker::default() };
    assert_eq!(run("r1 = -77\ncall helper#0\nr1 = r0\ncall helper#0\nexit", &mut [], &linker), 77);
}

#[test]
fn subprograms_have_frames_and_registers_of_their_own() {
    let text = "
        r6 = 1
        *(u64 *)(r10 - 8) = 5
        r1 = r10
        r1 += -8
        r2 = 100
        call inner
        r1 = *(u64 *)(r10 - 8)
        r0 += r1
        r0 += r6
        exit
    inner:
        r6 = *(u64 *)(r1 + 0)
        r7 = r2
        *(u64 *)(r1 + 0) = 6
        *(u64 *)(r10 - 8) = 1000
        call innermost
        r1 = *(u64 *)(r10 - 8)
        r0 += r1
        r0 += r6
        r0 += r7
        exit
    innermost:
        *(u64 *)(r10 - 8) = 77
        r6 = 0
        r7 = 0
        r0 = 10000
        exit";
    // 10000 + 1000 + 5 + 100, then 6 and 1.
    assert_eq!(run(text, &mut [], &linker()), 11112);
}

#[test]
fn an_abort_leaves_every_frame_with_zero() {
    let text = "
        r6 = r1
        r1 = *(u64 *)(r6 + 0)
        call inner
        *(u64 *)(r6 + 8) = 1
        r0 += 1
        exit
    inner:
        r7 = 7
        call innermost
        r0 += 1
        exit
    innermost:
        *(u64 *)(r10 - 8) = 3
        call kfunc#1
        r0 = 40
        exit";
    let linker = linker();
    let executable = compiled(text, 16, &linker);
    for (wanted, result, after) in [(0_u64, 42, 1), (1, 0, 0)] {
        let mut buffer = [0; 16];
        buffer[..8].copy_from_slice(&wanted.to_le_bytes());
        let run = RunHeader::default();
        assert_eq!(machine::call(&executable, &mut buffer, &run), result);
        assert_eq!(u64::from(run.abort.get()), wanted);
        assert_eq!(buffer[8], after, "what follows the call ran only without an abort");
        assert_eq!(take_trace().len(), 1);
    }
}

#[test]
fn the_host_calls_functions_of_the_program_back() {
    let text = "
        r6 = r1
        r1 = func callback
        r2 = 5
        r3 = r10
        r3 += -8
        *(u64 *)(r10 - 8) = 100
        call kfunc#2
        r1 = *(u64 *)(r10 - 8)
        r0 += r1
        exit
    callback:
        r6 = r1
        r7 = r2
        r0 = *(u64 *)(r7 + 0)
        r0 += r1
        *(u64 *)(r7 + 0) = r0
        r1 = r6
        r2 = 0
        r3 = 0
        r4 = 0
        r5 = 0
        call kfunc#0
        r0 = r6
        exit";
    let linker = linker();
    let executable = Assumed::new(text, 0).compile(&linker);
    let result = machine::call(&executable, &mut [], &RunHeader::default());
    assert_eq!(result, (1 + 2 + 3 + 4) + 110);
    assert_eq!(take_trace(), [0, 1, 2, 3, 4].map(|index| [index, 0, 0, 0, 0]));
    let callback = executable.callback(SubprogId(1)).expect("its address is taken");
    assert_eq!(hash_in_front(&executable, callback), CALLBACK_CFI_HASH);
    assert_eq!(executable.callback(SubprogId(0)), None);
}

#[test]
fn an_abort_in_a_callback_ends_the_callback_and_the_program() {
    let text = "
        r1 = func callback
        r2 = 3
        r3 = 0
        call kfunc#2
        r0 = 1
        exit
    callback:
        call kfunc#1
        r0 = 1000
        exit";
    let executable = Assumed::new(text, 0).compile(&linker());
    let run = RunHeader::default();
    assert_eq!(machine::call(&executable, &mut [], &run), 0);
    assert_eq!(run.abort.get(), 1);
    // The first callback gets 0 and goes on; the second gets 1 and aborts; the third is ended by the flag after its call.
    assert_eq!(take_trace().len(), 3);
}

#[test]
fn a_tail_call_that_finds_its_target_ends_the_function_that_made_it() {
    let text = "
        r6 = r1
        r3 = *(u64 *)(r6 + 0)
        call inner
        r0 += 5
        exit
    inner:
        r7 = 7
        *(u64 *)(r10 - 8) = 3
        call helper#12
        r0 = 40
        exit";
    let linker = TestLinker { functions: vec![address(machine::tail_call); 13], ..linker() };
    let executable = Assumed::new(text, 8).compile(&linker);
    for (index, result) in [(3_u64, 1008), (32, 1037), (33, 45)] {
        let run = RunHeader::default();
        assert_eq!(machine::call(&executable, &mut index.to_le_bytes(), &run), result);
        assert_eq!(run.leave.get(), 0, "compiled code clears it");
    }
}

#[test]
fn legacy_packet_loads_give_host_order_and_end_the_function_beyond_the_packet() {
    let cases = [
        ("r0 = *(u8 *)skb[9]", Some(9)),
        ("r0 = *(u16 *)skb[2]", Some(0x203)),
        ("r0 = *(u32 *)skb[r7 + 4]", Some(0x0506_0708)),
        ("r0 = *(u32 *)skb[r7 + -1]", Some(0x0001_0203)),
        ("r0 = *(u16 *)skb[9]", None),
        ("r0 = *(u8 *)skb[r7 + -2]", None),
    ];
    for (load, expected) in cases {
        let text = format!("r6 = r1\nr7 = 1\n*(u64 *)(r10 - 8) = 1\n{load}\nr0 += r7\nexit");
        let executable = Assumed::new(&text, 8).compile(&linker());
        let found = machine::call(&executable, &mut [0; 8], &RunHeader::default());
        assert_eq!(found, expected.map_or(0, |value: u64| value + 1), "{load}");
    }
}

#[test]
fn an_access_that_engines_do_not_make_ends_the_run() {
    // Following 16 would kill the process.
    let load = "r6 = 16\nr0 = *(u64 *)(r6 + 0)\nr0 += 1\nexit";
    let store = "r6 = 16\n*(u64 *)(r6 + 0) = 1\nr0 = 1\nexit";
    let in_callee = "call inner\nr0 = 1\nexit\ninner:\nr6 = 16\nr0 = *(u8 *)(r6 + 0)\nexit";
    for (text, slot) in [(load, 1), (store, 1), (in_callee, 4)] {
        for way in ways() {
            let executable = Assumed::new(text, 0).compile_refusing(slot, &linker(), way);
            let run = RunHeader::default();
            assert_eq!(machine::call(&executable, &mut [], &run), 0, "{text}");
            assert_eq!(run.abort.get(), RunHeader::REFUSED, "{text}");
        }
    }
}

#[test]
fn the_hash_stands_in_front_of_the_entry() {
    let executable = compiled("r0 = 0\nexit", 0, &linker());
    assert_eq!(executable.cfi_hash(), 0x1234_5678);
    assert_eq!(hash_in_front(&executable, executable.entry()), 0x1234_5678);
    assert_eq!(executable.entry().0 % 16, 0);
}

#[test]
fn the_stack_is_aligned_at_every_call() {
    // Frames with all numbers of saved registers, with and without a BPF stack.
    for saved in 0..=4 {
        for stack in ["", "*(u64 *)(r10 - 8) = 1\n", "*(u64 *)(r10 - 64) = 1\n"] {
            let save: String = (6..6 + saved).map(|reg| format!("r{reg} = 1\n")).collect();
            let call = format!("{save}{stack}call kfunc#3\n");
            let text = format!("{call}r6 = r0\ncall inner\nr0 += r6\nexit\ninner:\n{call}exit");
            assert_eq!(run(&text, &mut [], &linker()), 0, "{text}");
        }
    }
}
