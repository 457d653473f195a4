//! Shims called as compiled code calls them: widths, forged values, ownership, aliases, panics.

use std::sync::Arc;

use super::super::parts::{Words, arg, ret, words};
use super::{KfuncName, Narrow, Signature, Wide, kfunc0, kfunc1, kfunc2, kfunc3, kfunc8};
use crate::declare::{IntForm, Tie, TypeExpr, TypeKey};
use crate::error::RunError;
use crate::program::ProgramCore;
use crate::run::{CallSite, Run};
use crate::types::{BtfObject, BtfType, Carried, Errno, KRef, KptrSlot, Returned};

type In<T> = <T as Carried>::Out;
type Out<T> = <T as Returned>::Fixed;
type Lent<T> = <T as Returned>::Tied;

#[derive(Clone, Copy)]
struct Test;

impl KfuncName for Test {
    fn name(self) -> &'static str {
        "test"
    }

    fn arg(self, index: usize) -> &'static str {
        ["a", "b", "c", "d", "e", "f", "g", "h"][index]
    }
}

fn test() -> Words {
    // SAFETY: no flags, and nobody asks these records for the tie.
    unsafe { words(crate::__place!(), "test", Tie::NONE, 0) }
}

struct Flow {
    cwnd: u32,
}

// SAFETY: no program sees it.
unsafe impl BtfType for Flow {
    const EXPR: TypeExpr = TypeExpr::named(TypeKey(1));
}

// SAFETY: no other type in this test has the key 1.
unsafe impl BtfObject for Flow {
    const KEY: TypeKey = TypeKey(1);
}

/// Calls a shim with these registers, the ones beyond five on the stack.
fn call<const N: usize>(signature: &Signature<N>, regs: &[u64], run: &Run<'_>) -> u64 {
    let mut all = [0xdead_dead_dead_dead; 12];
    all[..regs.len()].copy_from_slice(regs);
    let [a, b, c, d, e, s @ ..] = all;
    let registers: usize = signature.args.iter().map(|arg| usize::from(arg.shape.regs)).sum();
    assert_eq!(registers, regs.len());
    if registers <= 5 {
        // SAFETY: `kfuncN` made a narrow shim, because the signature has at most five registers.
        let shim = unsafe { std::mem::transmute::<super::Erased, Narrow>(signature.shim.0) };
        // SAFETY: each test passes what its signature asks for.
        unsafe { shim(a, b, c, d, e, run.as_header()) }
    } else {
        // SAFETY: `kfuncN` made a wide shim, because the signature has more than five registers.
        let shim = unsafe { std::mem::transmute::<super::Erased, Wide>(signature.shim.0) };
        // SAFETY: each test passes what its signature asks for.
        unsafe { shim(a, b, c, d, e, run.as_header(), s[0], s[1], s[2], s[3], s[4], s[5], s[6]) }
    }
}

/// The result, or the fault of the run.
fn run_of(body: impl FnOnce(&Run<'_>) -> u64) -> Result<u64, RunError> {
    let program = ProgramCore::by_hand("program", crate::enter::EntryAddr::NOWHERE);
    let run = Run::new(&program);
    let value = body(&run);
    run.finish().map_or(Ok(value), Err)
}

fn bad(argument: &str, value: u64) -> Result<u64, RunError> {
    Err(RunError::BadArgument { kfunc: "test".to_owned(), argument: argument.to_owned(), value })
}

fn address<T>(value: &T) -> u64 {
    std::ptr::from_ref(value).expose_provenance() as u64
}

#[test]
fn the_callee_sees_its_declared_width_and_results_are_extended() {
    fn unsigned(a: u8, b: u16) -> u32 {
        u32::from(a) << 16 | u32::from(b)
    }
    fn signed(a: i32) -> i8 {
        i8::try_from(a).unwrap_or(0)
    }
    let sig = kfunc2(test(), (unsigned, Test), arg::<In<u8>>("a"), arg::<In<u16>>("b"), ret::<Out<u32>>(""));
    assert_eq!(run_of(|run| call(&sig, &[0xffff_ff12, 0xabcd_3456], run)), Ok(0x0012_3456));
    let sig = kfunc1(test(), (signed, Test), arg::<In<i32>>("a"), ret::<Out<i8>>(""));
    assert_eq!(run_of(|run| call(&sig, &[0x7777_7777_ffff_fffe], run)), Ok(0xffff_ffff_ffff_fffe));
}

#[test]
fn a_forged_bool_ends_the_run() {
    fn not(a: bool) -> bool {
        !a
    }
    let sig = kfunc1(test(), (not, Test), arg::<In<bool>>("a"), ret::<Out<bool>>(""));
    assert_eq!(run_of(|run| call(&sig, &[0], run)), Ok(1));
    assert_eq!(run_of(|run| call(&sig, &[0x100], run)), Ok(1), "only the declared width counts");
    assert_eq!(run_of(|run| call(&sig, &[2], run)), bad("a", 2));
}

#[test]
fn results_and_errors_share_one_signed_number() {
    fn check(a: u32) -> Result<u32, Errno> {
        if a == 0 { Err(Errno::EINVAL) } else { Ok(a) }
    }
    let sig = kfunc1(test(), (check, Test), arg::<In<u32>>("a"), ret::<Out<Result<u32, Errno>>>(""));
    assert_eq!(run_of(|run| call(&sig, &[0], run)), Ok(22_u64.wrapping_neg()));
    assert_eq!(run_of(|run| call(&sig, &[u64::from(u32::MAX)], run)), Ok(u64::from(u32::MAX)));
}

#[test]
fn references_go_out_into_the_ledger_and_come_back_out_of_it() {
    fn get(a: &Flow) -> Option<KRef<Flow>> {
        (a.cwnd != 0).then(|| KRef::new(Flow { cwnd: a.cwnd + 1 }))
    }
    fn put(a: KRef<Flow>) -> u32 {
        a.cwnd
    }
    let get = kfunc1(test(), (get, Test), arg::<In<&Flow>>("a"), ret::<Out<Option<KRef<Flow>>>>(""));
    let put = kfunc1(test(), (put, Test), arg::<In<KRef<Flow>>>("a"), ret::<Out<u32>>(""));
    let flow = Flow { cwnd: 6 };
    let value = run_of(|run| {
        let object = call(&get, &[address(&flow)], run);
        assert_eq!(run.owned(), 1);
        let cwnd = call(&put, &[object], run);
        assert_eq!(run.owned(), 0);
        cwnd
    });
    assert_eq!(value, Ok(7));
    assert_eq!(run_of(|run| call(&get, &[address(&Flow { cwnd: 0 })], run)), Ok(0));
}

#[test]
fn a_reference_that_the_program_does_not_own_is_refused() {
    fn put(a: KRef<Flow>) {
        drop(a);
    }
    let put = kfunc1(test(), (put, Test), arg::<In<KRef<Flow>>>("a"), ret::<Out<()>>(""));
    let flow = Flow { cwnd: 0 };
    let object = address(&flow);
    assert_eq!(run_of(|run| call(&put, &[object], run)), bad("a", object));
}

#[test]
fn what_an_aborted_run_owns_is_released() {
    fn get(a: &KptrSlot<Flow>) -> Option<KRef<Flow>> {
        a.take()
    }
    fn fail() {
        panic!("on purpose");
    }
    let get =
        kfunc1(test(), (get, Test), arg::<In<&KptrSlot<Flow>>>("a"), ret::<Out<Option<KRef<Flow>>>>(""));
    let fail = kfunc0(test(), (fail, Test), ret::<Out<()>>(""));
    let flow = Arc::new(Flow { cwnd: 1 });
    let slot = std::sync::atomic::AtomicPtr::new(KRef::from(Arc::clone(&flow)).into_raw().as_ptr());
    let fault = run_of(|run| {
        call(&get, &[address(&slot)], run);
        assert_eq!(Arc::strong_count(&flow), 2);
        call(&fail, &[], run)
    });
    assert_eq!(
        fault,
        Err(RunError::KfuncPanicked { kfunc: "test".to_owned(), message: "on purpose".to_owned() })
    );
    assert_eq!(Arc::strong_count(&flow), 1);
}

#[test]
fn a_bad_argument_gives_back_the_references_before_it() {
    fn put(a: KRef<Flow>, b: bool) {
        let _ = (a, b);
    }
    fn get() -> KRef<Flow> {
        KRef::new(Flow { cwnd: 0 })
    }
    let get = kfunc0(test(), (get, Test), ret::<Out<KRef<Flow>>>(""));
    let put =
        kfunc2(test(), (put, Test), arg::<In<KRef<Flow>>>("a"), arg::<In<bool>>("b"), ret::<Out<()>>(""));
    // Miri and the leak check of its allocator watch that nothing stays behind.
    assert_eq!(
        run_of(|run| {
            let object = call(&get, &[], run);
            call(&put, &[object, 9], run)
        }),
        bad("b", 9)
    );
}

#[test]
fn memory_that_is_written_overlaps_nothing() {
    fn copy(a: &mut [u8], b: &[u8]) {
        a.copy_from_slice(b);
    }
    let sig =
        kfunc2(test(), (copy, Test), arg::<In<&mut [u8]>>("a"), arg::<In<&[u8]>>("b"), ret::<Out<()>>(""));
    let mut memory = [1_u8, 2, 3, 4, 5, 6, 7, 8];
    let start = memory.as_mut_ptr().expose_provenance() as u64;
    assert_eq!(run_of(|run| call(&sig, &[start, 4, start + 4, 4], run)), Ok(0));
    assert_eq!(memory, [5, 6, 7, 8, 5, 6, 7, 8]);
    let start = memory.as_mut_ptr().expose_provenance() as u64;
    assert_eq!(run_of(|run| call(&sig, &[start, 4, start + 3, 4], run)), bad("b", start + 3));
}

#[test]
fn memory_to_fill_in_holds_zeroes_before_anything_is_written() {
    fn fill(a: &mut crate::types::Out<[u16]>) {
        assert!(a.iter().all(|word| *word == 0));
        a[1] = 7;
    }
    let sig = kfunc1(test(), (fill, Test), arg::<In<&mut crate::types::Out<[u16]>>>("a"), ret::<Out<()>>(""));
    let mut memory = [0xdead_u16; 4];
    let start = memory.as_mut_ptr().expose_provenance() as u64;
    assert_eq!(run_of(|run| call(&sig, &[start, 6], run)), Ok(0));
    assert_eq!(memory, [0, 7, 0, 0xdead]);
    let start = memory.as_mut_ptr().expose_provenance() as u64;
    assert_eq!(run_of(|run| call(&sig, &[start + 1, 2], run)), bad("a", start + 1), "misaligned");
}

#[test]
fn numbers_by_reference_are_aligned() {
    fn read(a: &u32) -> u32 {
        *a
    }
    let sig = kfunc1(test(), (read, Test), arg::<In<&u32>>("a"), ret::<Out<u32>>(""));
    let memory = [7_u32, 9];
    assert_eq!(run_of(|run| call(&sig, &[address(&memory[1])], run)), Ok(9));
    let odd = address(&memory) + 1;
    assert_eq!(run_of(|run| call(&sig, &[odd], run)), bad("a", odd));
}

#[test]
fn an_empty_slice_needs_no_memory() {
    fn count(a: &[u32], b: Option<&[u8]>) -> u32 {
        u32::try_from(a.len()).unwrap_or(0) + b.map_or(100, |bytes| u32::try_from(bytes.len()).unwrap_or(0))
    }
    let sig = kfunc2(
        test(),
        (count, Test),
        arg::<In<&[u32]>>("a"),
        arg::<In<Option<&[u8]>>>("b"),
        ret::<Out<u32>>(""),
    );
    assert_eq!(run_of(|run| call(&sig, &[0, 0, 0, 0], run)), Ok(100));
    let words = [1_u32, 2, 3];
    assert_eq!(run_of(|run| call(&sig, &[address(&words), 12, address(&words), 5], run)), Ok(8));
    assert_eq!(run_of(|run| call(&sig, &[address(&words), 11, 0, 0], run)), bad("a", 11));
}

#[test]
fn returned_memory_is_as_long_as_the_program_was_told() {
    #[derive(Clone, Copy)]
    struct Buffer;
    impl KfuncName for Buffer {
        fn name(self) -> &'static str {
            "test"
        }

        fn arg(self, index: usize) -> &'static str {
            ["from", "rdonly_buf_size"][index]
        }
    }
    fn bytes(from: &[u64; 2], _size: u32) -> &[u64] {
        from
    }
    let sig = kfunc2(
        test(),
        (bytes, Buffer),
        arg::<In<&[u64; 2]>>("from"),
        arg::<In<u32>>("rdonly_buf_size"),
        ret::<Lent<&[u64]>>(""),
    );
    let words = [1_u64, 2];
    let from = address(&words);
    assert_eq!(run_of(|run| call(&sig, &[from, 16], run)), Ok(from));
    assert_eq!(run_of(|run| call(&sig, &[from, 17], run)), bad("rdonly_buf_size", 17));
}

#[test]
fn the_calling_program_takes_no_register() {
    fn name(a: u32, b: &CallSite, c: u32) -> u32 {
        assert_eq!(b.program(), "program");
        a + c
    }
    let sig = kfunc3(
        test(),
        (name, Test),
        arg::<In<u32>>("a"),
        arg::<In<&CallSite>>("b"),
        arg::<In<u32>>("c"),
        ret::<Out<u32>>(""),
    );
    assert_eq!(run_of(|run| call(&sig, &[4, 5], run)), Ok(9));
}

#[test]
fn arguments_beyond_five_come_from_the_stack() {
    fn join(a: u8, b: u8, c: u8, d: u8, e: u8, f: u8, g: u8, h: u8) -> u64 {
        u64::from_be_bytes([a, b, c, d, e, f, g, h])
    }
    let sig = kfunc8(
        test(),
        (join, Test),
        arg::<In<u8>>("a"),
        arg::<In<u8>>("b"),
        arg::<In<u8>>("c"),
        arg::<In<u8>>("d"),
        arg::<In<u8>>("e"),
        arg::<In<u8>>("f"),
        arg::<In<u8>>("g"),
        arg::<In<u8>>("h"),
        ret::<Out<u64>>(""),
    );
    assert_eq!(run_of(|run| call(&sig, &[1, 2, 3, 4, 5, 6, 7, 8], run)), Ok(0x0102_0304_0506_0708));
}

#[test]
fn numbers_have_the_shape_of_their_type() {
    fn number(a: i16) -> u64 {
        let _ = a;
        0
    }
    let sig = kfunc1(test(), (number, Test), arg::<In<i16>>("a"), ret::<Out<u64>>(""));
    let shape = sig.args[0].shape;
    assert_eq!((sig.args[0].name, shape.bytes, shape.int, shape.regs), ("a", 2, IntForm::Signed, 1));
}
