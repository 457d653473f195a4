//! Shims: what compiled code calls in place of a kfunc. Generic over the kfunc's own zero-sized type, one instance each.
//!
//! A shim turns registers into Rust values, calls, and turns the result into a register. A value that its type does not have and a
//! panic end the run; nothing unwinds into compiled code.

#![expect(
    clippy::too_many_arguments,
    reason = "calling conventions with up to thirteen registers and stack slots"
)]

#[cfg(test)]
mod tests;

use opswap_jit::RunHeader;

use super::parts::{Arg, Ret, Words};
use crate::declare::{ArgDecl, ArgForm, ArgShape, KfuncDecl, Linked, MemRule, RetShape, ShimAddr};
use crate::run::{self, BadArgument, Run};
use crate::types::{Carrier, Decode, Encode, KfuncArg, KfuncRet, Raw, RetFamily};

/// Most registers of a kfunc, the ones on the stack included.
const MAX_REGS: usize = 12;

/// Names for messages. Expansions pass a closure that gives the kfunc's own record: a type without bytes, which shims are generic over.
pub trait KfuncName: Copy + 'static {
    /// The kfunc.
    fn name(self) -> &'static str;
    /// The parameter with this index.
    fn arg(self, index: usize) -> &'static str;
}

impl<D: Fn() -> &'static Linked<KfuncDecl> + Copy + 'static> KfuncName for D {
    fn name(self) -> &'static str {
        self().name
    }

    fn arg(self, index: usize) -> &'static str {
        self().args.get(index).map_or("", |arg| arg.name)
    }
}

/// The kfunc's record, for shims that are not made of its types alone.
pub trait Declared: KfuncName {
    /// It.
    fn decl(self) -> &'static KfuncDecl;
}

impl<D: Fn() -> &'static Linked<KfuncDecl> + Copy + 'static> Declared for D {
    fn decl(self) -> &'static KfuncDecl {
        self()
    }
}

/// What compiled code calls for up to five registers.
pub(super) type Narrow = unsafe extern "C" fn(u64, u64, u64, u64, u64, *mut RunHeader) -> u64;

/// What compiled code calls for more: the others lie on the stack, behind the run.
pub(super) type Wide =
    unsafe extern "C" fn(u64, u64, u64, u64, u64, *mut RunHeader, u64, u64, u64, u64, u64, u64, u64) -> u64;

/// Any of them, as the registry stores it.
pub(super) type Erased = unsafe extern "C" fn();

/// A kfunc's types and words, in one expression: each type is named once, so a mistake in it is reported once.
#[derive(Clone, Copy, Debug)]
pub struct Signature<const N: usize> {
    /// All but the types.
    pub(super) words: Words,
    /// Parameters; in raw mode a pointer and its size are one.
    pub(super) args: [ArgDecl; N],
    /// How many of them count.
    pub(super) len: usize,
    /// Result.
    pub(super) ret: RetShape,
    /// What compiled code calls.
    pub(super) shim: ShimAddr,
}

/// The record of a kfunc with this signature.
pub const fn linked<const N: usize>(signature: &'static Signature<N>) -> Linked<KfuncDecl> {
    let Signature { words, args, len, ret, shim } = signature;
    let args = args.split_at(*len).0;
    // SAFETY: shapes and shim are made of the same types; by `Words`' invariant the rest holds for that function.
    unsafe { words.draft(args, *ret, *shim).linked() }
}

/// All registers of a call; those beyond the kfunc's own are not looked at.
type Regs = [u64; MAX_REGS];

/// # Safety
/// As for [`Decode::decode`], for the registers from `at` on.
#[inline(always)]
unsafe fn decode<K: KfuncName, A: KfuncArg>(
    regs: &Regs,
    at: usize,
    (names, index): (K, usize),
    run: &Run<'_>,
) -> Result<A, BadArgument> {
    let first = if at < MAX_REGS { regs[at] } else { 0 };
    let second = if at + 1 < MAX_REGS { regs[at + 1] } else { 0 };
    let raw = Raw { first, second, run };
    // SAFETY: the caller's promise.
    let value = unsafe { <A::Via as Decode<A>>::decode(raw) };
    value.map_err(|value| BadArgument { argument: names.arg(index), value })
}

/// The result as a register. Memory must be as long as the kernel's parameter for it says.
#[inline(always)]
fn encode<K: KfuncName, R: KfuncRet>(
    (value, names): (R, K),
    shapes: &[ArgShape],
    regs: &Regs,
    run: &Run<'_>,
) -> Result<u64, BadArgument> {
    if let Some(bytes) = <R::Via as Encode<R>>::bytes(&value) {
        let mut at = 0;
        for (index, shape) in shapes.iter().enumerate() {
            let argument = names.arg(index);
            if is_buffer_size(argument) && regs[at] > bytes as u64 {
                return Err(BadArgument { argument, value: regs[at] });
            }
            at += usize::from(shape.regs);
        }
    }
    Ok(<R::Via as Encode<R>>::encode(value, run))
}

/// The kernel's names for the parameter that tells the size of a returned memory.
fn is_buffer_size(parameter: &str) -> bool {
    matches!(parameter, "rdonly_buf_size" | "rdwr_buf_size")
}

/// Bytes that an argument reaches, and whether it may write them.
#[derive(Clone, Copy)]
struct Span {
    start: u64,
    bytes: u64,
    mem: MemRule,
}

#[inline(always)]
fn span(shape: &ArgShape, regs: &Regs, at: usize) -> Option<Span> {
    let bytes = match shape.form {
        ArgForm::Memory => u64::from(shape.bytes),
        ArgForm::Slice => regs[at + 1] & 0xffff_ffff,
        ArgForm::Dynptr | ArgForm::Iter | ArgForm::IrqFlag => u64::from(shape.bytes),
        ArgForm::Scalar
        | ArgForm::Checked
        | ArgForm::Constant
        | ArgForm::Object
        | ArgForm::KptrSlot
        | ArgForm::Str
        | ArgForm::Map
        | ArgForm::Callback
        | ArgForm::Implicit
        | ArgForm::Ignored
        | ArgForm::Raw
        | ArgForm::Value
        | ArgForm::Field
        | ArgForm::Allocated
        | ArgForm::Refcounted
        | ArgForm::RawOwned
        | ArgForm::RawErased
        | ArgForm::Unsized
        | ArgForm::Caller => return None,
    };
    Some(Span { start: regs[at], bytes, mem: shape.mem })
}

/// Whether two memory arguments could overlap while one of them is written. Known at compile time, so most shims check nothing.
const fn may_alias(shapes: &[ArgShape]) -> bool {
    let (mut memory, mut written) = (0, 0);
    let mut at = 0;
    while at < shapes.len() {
        if matches!(
            shapes[at].form,
            ArgForm::Memory | ArgForm::Slice | ArgForm::Dynptr | ArgForm::Iter | ArgForm::IrqFlag
        ) {
            memory += 1;
            if !matches!(shapes[at].mem, MemRule::Read) {
                written += 1;
            }
        }
        at += 1;
    }
    memory > 1 && written > 0
}

/// Rust's rule for `&mut`, checked on the bytes: no other memory argument of the call overlaps a written one.
fn check_aliases<K: KfuncName>(names: K, shapes: &[ArgShape], regs: &Regs) -> Result<(), BadArgument> {
    let mut spans = [None; MAX_REGS];
    let mut at = 0;
    for (index, shape) in shapes.iter().enumerate() {
        spans[index] = span(shape, regs, at);
        at += usize::from(shape.regs);
    }
    for (index, later) in spans.iter().enumerate() {
        let Some(later) = later else { continue };
        for earlier in spans[..index].iter().flatten() {
            let apart = earlier.start.saturating_add(earlier.bytes) <= later.start
                || later.start.saturating_add(later.bytes) <= earlier.start;
            let shared = earlier.mem == MemRule::Read && later.mem == MemRule::Read;
            if !apart && !shared {
                return Err(BadArgument { argument: names.arg(index), value: later.start });
            }
        }
    }
    Ok(())
}

/// Registers of all arguments.
const fn total(args: &[ArgDecl]) -> usize {
    let mut regs = 0;
    let mut at = 0;
    while at < args.len() {
        regs += args[at].shape.regs as usize;
        at += 1;
    }
    regs
}

/// The value of a zero-sized function item, of which `kfuncN` was given one.
///
/// # Safety
/// A value of `F` exists, and `F: Copy`.
#[inline(always)]
pub(super) unsafe fn item<F: Copy>() -> F {
    const { assert!(size_of::<F>() == 0, "a kfunc is a function item") };
    // SAFETY: `F` has no bytes, so any pointer that is aligned will do; by the caller there is a value to copy.
    unsafe { std::ptr::dangling::<F>().read() }
}

macro_rules! kfuncs {
    ($($count:literal $make:ident $call:ident $narrow:ident $wide:ident ($($arg:ident $value:ident $index:literal),*);)*) => {$(
        /// A function that takes its arguments for any lifetime. (A bound `for<'x> Fn(A::At<'x>) -> R::At<'x>` cannot be written:
        /// projections do not bind `'x`.)
        #[doc(hidden)]
        #[diagnostic::on_unimplemented(message = "a kfunc takes its arguments for any lifetime")]
        pub trait $call<'x, $($arg: Carrier,)* R: RetFamily> {
            /// Calls it.
            fn call(self, $($value: $arg::At<'x>),*) -> R::At<'x>;
        }

        impl<'x, F, $($arg: Carrier,)* R: RetFamily> $call<'x, $($arg,)* R> for F
        where
            F: Fn($($arg::At<'x>),*) -> R::At<'x>,
        {
            #[inline(always)]
            fn call(self, $($value: $arg::At<'x>),*) -> R::At<'x> {
                self($($value),*)
            }
        }

        /// The signature of a kfunc with so many Rust parameters.
        #[doc(hidden)]
        #[track_caller]
        pub const fn $make<F, K, $($arg,)* R>(
            words: Words,
            _kfunc: (F, K),
            $($value: Arg<$arg>,)*
            _ret: Ret<R>,
        ) -> Signature<$count>
        where
            K: KfuncName,
            F: for<'x> $call<'x, $($arg,)* R> + Copy + 'static,
            $($arg: Carrier,)*
            R: RetFamily,
        {
            let args = [$(ArgDecl { name: $value.name(), shape: $arg::SHAPE }),*];
            assert!(total(&args) <= MAX_REGS, "a kfunc takes at most 12 registers: a slice counts as two");
            let shim = if total(&args) <= 5 {
                // SAFETY: only the type is erased; the JIT calls it with its own again.
                unsafe { std::mem::transmute::<Narrow, Erased>($narrow::<K, F, $($arg,)* R>) }
            } else {
                // SAFETY: only the type is erased; the JIT calls it with its own again.
                unsafe { std::mem::transmute::<Wide, Erased>($wide::<K, F, $($arg,)* R>) }
            };
            Signature { words, args, len: $count, ret: R::SHAPE, shim: ShimAddr(shim) }
        }

        unsafe extern "C" fn $narrow<K: KfuncName, F: for<'x> $call<'x, $($arg,)* R> + Copy, $($arg: Carrier,)* R: RetFamily>(
            r1: u64, r2: u64, r3: u64, r4: u64, r5: u64, run: *mut RunHeader,
        ) -> u64 {
            let regs = [r1, r2, r3, r4, r5, 0, 0, 0, 0, 0, 0, 0];
            // SAFETY: `kfuncN` was given a value of `K`.
            let names = unsafe { item::<K>() };
            let body = |run: &Run<'_>| kfuncs!(@body names F R regs run ($($arg $value $index),*));
            // SAFETY: `run` is what compiled code passed.
            unsafe { run::shim(run, names.name(), body) }
        }

        unsafe extern "C" fn $wide<K: KfuncName, F: for<'x> $call<'x, $($arg,)* R> + Copy, $($arg: Carrier,)* R: RetFamily>(
            r1: u64, r2: u64, r3: u64, r4: u64, r5: u64, run: *mut RunHeader,
            s6: u64, s7: u64, s8: u64, s9: u64, s10: u64, s11: u64, s12: u64,
        ) -> u64 {
            let regs = [r1, r2, r3, r4, r5, s6, s7, s8, s9, s10, s11, s12];
            // SAFETY: `kfuncN` was given a value of `K`.
            let names = unsafe { item::<K>() };
            let body = |run: &Run<'_>| kfuncs!(@body names F R regs run ($($arg $value $index),*));
            // SAFETY: `run` is what compiled code passed.
            unsafe { run::shim(run, names.name(), body) }
        }
    )*};
    (@body $names:ident $F:ident $R:ident $regs:ident $run:ident ()) => {{
        // SAFETY: `kfuncN` was given a value of `F`.
        let kfunc = unsafe { item::<$F>() };
        encode((kfunc.call(), $names), &[], &$regs, $run)
    }};
    (@body $names:ident $F:ident $R:ident $regs:ident $run:ident ($($arg:ident $value:ident $index:literal),+)) => {{
        if const { may_alias(&[$($arg::SHAPE),*]) } {
            check_aliases($names, const { &[$($arg::SHAPE),*] }, &$regs)?;
        }
        let mut at = 0;
        $(
            // SAFETY: the registers are what compiled code passed; the verifier proved them against the shapes.
            let $value = unsafe { decode::<_, $arg::At<'_>>(&$regs, at, ($names, $index), $run) }?;
            at += const { $arg::SHAPE.regs as usize };
        )+
        let _ = at;
        // SAFETY: `kfuncN` was given a value of `F`.
        let kfunc = unsafe { item::<$F>() };
        encode((kfunc.call($($value),+), $names), const { &[$($arg::SHAPE),*] }, &$regs, $run)
    }};
}

kfuncs! {
    0 kfunc0 Call0 narrow0 wide0 ();
    1 kfunc1 Call1 narrow1 wide1 (A a 0);
    2 kfunc2 Call2 narrow2 wide2 (A a 0, B b 1);
    3 kfunc3 Call3 narrow3 wide3 (A a 0, B b 1, C c 2);
    4 kfunc4 Call4 narrow4 wide4 (A a 0, B b 1, C c 2, D d 3);
    5 kfunc5 Call5 narrow5 wide5 (A a 0, B b 1, C c 2, D d 3, E e 4);
    6 kfunc6 Call6 narrow6 wide6 (A a 0, B b 1, C c 2, D d 3, E e 4, G g 5);
    7 kfunc7 Call7 narrow7 wide7 (A a 0, B b 1, C c 2, D d 3, E e 4, G g 5, H h 6);
    8 kfunc8 Call8 narrow8 wide8 (A a 0, B b 1, C c 2, D d 3, E e 4, G g 5, H h 6, I i 7);
    9 kfunc9 Call9 narrow9 wide9 (A a 0, B b 1, C c 2, D d 3, E e 4, G g 5, H h 6, I i 7, J j 8);
    10 kfunc10 Call10 narrow10 wide10 (A a 0, B b 1, C c 2, D d 3, E e 4, G g 5, H h 6, I i 7, J j 8, L l 9);
    11 kfunc11 Call11 narrow11 wide11 (A a 0, B b 1, C c 2, D d 3, E e 4, G g 5, H h 6, I i 7, J j 8, L l 9, M m 10);
    12 kfunc12 Call12 narrow12 wide12 (A a 0, B b 1, C c 2, D d 3, E e 4, G g 5, H h 6, I i 7, J j 8, L l 9, M m 10, N n 11);
}
