//! Shims of raw kfuncs: registers are passed on as they are.

#![expect(clippy::too_many_arguments, reason = "as many as a call has registers")]

use opswap_jit::RunHeader;

use super::parts::{RawArg, RawRet, Words};
use super::shim::{Declared, Erased, Narrow, Signature, Wide, item};
use crate::declare::{ArgForm, KfuncDecl, NullDecl, RetForm, ShimAddr, TrustDecl};
use crate::run::{self, BadArgument, Run};
use crate::types::{RawGiven, RawValue, raw_args, raw_ret};

macro_rules! raws {
    ($($count:literal $make:ident $narrow:ident $wide:ident ($($arg:ident $value:ident $index:literal),*);)*) => {$(
        /// The signature of a raw kfunc with so many parameters. `_kfunc` gives the `unsafe fn`, which is no `Fn` itself.
        #[doc(hidden)]
        #[track_caller]
        pub const fn $make<F, K, $($arg,)* R>(
            words: Words,
            _kfunc: (F, K),
            $($value: RawArg<$arg>,)*
            _ret: RawRet<R>,
        ) -> Signature<$count>
        where
            K: Declared,
            F: Fn() -> unsafe fn($($arg::Value),*) -> R + Copy + 'static,
            $($arg: RawGiven,)*
            R: RawValue,
        {
            let (names, flags) = ([$($value.name()),*], words.flags());
            let (args, len) = raw_args([$($arg::RAW),*], &names, flags);
            let shim = if $count <= 5 {
                // SAFETY: only the type is erased; the JIT calls it with its own again.
                unsafe { std::mem::transmute::<Narrow, Erased>($narrow::<K, F, $($arg,)* R>) }
            } else {
                // SAFETY: only the type is erased; the JIT calls it with its own again.
                unsafe { std::mem::transmute::<Wide, Erased>($wide::<K, F, $($arg,)* R>) }
            };
            Signature { words, args, len, ret: raw_ret(R::RAW, &names, flags), shim: ShimAddr(shim) }
        }

        unsafe extern "C" fn $narrow<
            K: Declared, F: Fn() -> unsafe fn($($arg::Value),*) -> R + Copy, $($arg: RawGiven,)* R: RawValue
        >(
            r1: u64, r2: u64, r3: u64, r4: u64, r5: u64, run: *mut RunHeader,
        ) -> u64 {
            let _regs = [r1, r2, r3, r4, r5, 0, 0, 0, 0, 0, 0, 0];
            raws!(@body K F run _regs ($($arg $index),*))
        }

        unsafe extern "C" fn $wide<
            K: Declared, F: Fn() -> unsafe fn($($arg::Value),*) -> R + Copy, $($arg: RawGiven,)* R: RawValue
        >(
            r1: u64, r2: u64, r3: u64, r4: u64, r5: u64, run: *mut RunHeader,
            s6: u64, s7: u64, s8: u64, s9: u64, s10: u64, s11: u64, s12: u64,
        ) -> u64 {
            let _regs = [r1, r2, r3, r4, r5, s6, s7, s8, s9, s10, s11, s12];
            raws!(@body K F run _regs ($($arg $index),*))
        }
    )*};
    (@body $K:ident $F:ident $run:ident $regs:ident ($($arg:ident $index:literal),*)) => {{
        // SAFETY: `rawN` was given a value of `F`.
        let kfunc = unsafe { item::<$F>() };
        // SAFETY: and one of `K`.
        let names = unsafe { item::<$K>() };
        let body = |_run: &Run<'_>| {
            let (kfunc, decl) = (kfunc(), names.decl());
            take(decl, &$regs, _run)?;
            // SAFETY: the verifier proved what the declaration, made of the same types and names, demands.
            let value = unsafe { kfunc($($arg::given($regs[$index], _run)),*) }.into_word();
            // SAFETY: this is what that kfunc gave.
            unsafe { hand_out(decl, value, _run) };
            Ok(value)
        };
        // SAFETY: `run` is what compiled code passed.
        unsafe { run::shim($run, names.name(), body) }
    }};
}

/// What the kfunc takes leaves the ledger.
fn take(decl: &KfuncDecl, regs: &[u64], run: &Run<'_>) -> Result<(), BadArgument> {
    let mut at = 0;
    for arg in decl.args {
        let shape = &arg.shape;
        if matches!(shape.form, ArgForm::RawOwned | ArgForm::RawErased) {
            let object = regs[at];
            let absent = object == 0 && shape.null == NullDecl::Nullable;
            if !absent && !run.disown_raw(object as usize) {
                return Err(BadArgument { argument: arg.name, value: object });
            }
        }
        at += usize::from(shape.regs);
    }
    Ok(())
}

/// What the kfunc hands out enters the ledger.
///
/// # Safety
/// The kfunc gave `value`.
unsafe fn hand_out(decl: &KfuncDecl, value: u64, run: &Run<'_>) {
    let handed = matches!((decl.ret.form, decl.ret.trust), (RetForm::Object, TrustDecl::Handed));
    if handed && value != 0 {
        // SAFETY: `acquire` on an `unsafe fn` promises that the pointer is a reference which whoever takes a `T` may take.
        unsafe { run.own_raw(value as usize, decl.ret.ty.key()) };
    }
}

raws! {
    0 raw0 narrow0 wide0 ();
    1 raw1 narrow1 wide1 (A a 0);
    2 raw2 narrow2 wide2 (A a 0, B b 1);
    3 raw3 narrow3 wide3 (A a 0, B b 1, C c 2);
    4 raw4 narrow4 wide4 (A a 0, B b 1, C c 2, D d 3);
    5 raw5 narrow5 wide5 (A a 0, B b 1, C c 2, D d 3, E e 4);
    6 raw6 narrow6 wide6 (A a 0, B b 1, C c 2, D d 3, E e 4, G g 5);
    7 raw7 narrow7 wide7 (A a 0, B b 1, C c 2, D d 3, E e 4, G g 5, H h 6);
    8 raw8 narrow8 wide8 (A a 0, B b 1, C c 2, D d 3, E e 4, G g 5, H h 6, I i 7);
    9 raw9 narrow9 wide9 (A a 0, B b 1, C c 2, D d 3, E e 4, G g 5, H h 6, I i 7, J j 8);
    10 raw10 narrow10 wide10 (A a 0, B b 1, C c 2, D d 3, E e 4, G g 5, H h 6, I i 7, J j 8, L l 9);
    11 raw11 narrow11 wide11 (A a 0, B b 1, C c 2, D d 3, E e 4, G g 5, H h 6, I i 7, J j 8, L l 9, M m 10);
    12 raw12 narrow12 wide12 (A a 0, B b 1, C c 2, D d 3, E e 4, G g 5, H h 6, I i 7, J j 8, L l 9, M m 10, N n 11);
}
