//! Shims of raw kfuncs: registers are passed on as they are.

use opswap_jit::RunHeader;

use super::shim::{Erased, KfuncName, Narrow, Signature, Wide, item};
use crate::declare::ShimAddr;
use crate::run::{self, Run};
use crate::types::{RawValue, is_caller, raw_args, raw_ret};

/// The register of a parameter, or what the runtime puts there.
#[inline(always)]
fn word<K: KfuncName, const INDEX: usize>(regs: &[u64; 12], run: &Run<'_>) -> u64 {
    if const { is_caller(K::ARGS[INDEX]) } {
        std::ptr::from_ref(run.call_site()).expose_provenance() as u64
    } else {
        regs[INDEX]
    }
}

macro_rules! raws {
    ($($count:literal $make:ident $narrow:ident $wide:ident ($($arg:ident $index:literal),*);)*) => {$(
        /// The signature of a raw kfunc with so many parameters. `_kfunc` calls the `unsafe fn`.
        #[doc(hidden)]
        #[track_caller]
        pub const fn $make<K, F, $($arg,)* R>(_kfunc: F, flags: u32) -> Signature<$count>
        where
            K: KfuncName,
            F: Fn($($arg),*) -> R + Copy + 'static,
            $($arg: RawValue,)*
            R: RawValue,
        {
            let (args, len) = raw_args([$($arg::RAW),*], K::ARGS, flags);
            let shim = if $count <= 5 {
                // SAFETY: only the type is erased; the JIT calls it with its own again.
                unsafe { std::mem::transmute::<Narrow, Erased>($narrow::<K, F, $($arg,)* R>) }
            } else {
                // SAFETY: only the type is erased; the JIT calls it with its own again.
                unsafe { std::mem::transmute::<Wide, Erased>($wide::<K, F, $($arg,)* R>) }
            };
            Signature { name: K::NAME, args, len, ret: raw_ret(R::RAW, K::ARGS, flags), shim: ShimAddr(shim) }
        }

        unsafe extern "C" fn $narrow<K: KfuncName, F: Fn($($arg),*) -> R + Copy, $($arg: RawValue,)* R: RawValue>(
            r1: u64, r2: u64, r3: u64, r4: u64, r5: u64, run: *mut RunHeader,
        ) -> u64 {
            let _regs = [r1, r2, r3, r4, r5, 0, 0, 0, 0, 0, 0, 0];
            // SAFETY: `rawN` was given a value of `F`.
            let kfunc = unsafe { item::<F>() };
            let body = |_run: &Run<'_>| Ok(kfunc($($arg::from_word(word::<K, $index>(&_regs, _run))),*).into_word());
            // SAFETY: `run` is what compiled code passed.
            unsafe { run::shim(run, K::NAME, body) }
        }

        unsafe extern "C" fn $wide<K: KfuncName, F: Fn($($arg),*) -> R + Copy, $($arg: RawValue,)* R: RawValue>(
            r1: u64, r2: u64, r3: u64, r4: u64, r5: u64, run: *mut RunHeader,
            s6: u64, s7: u64, s8: u64, s9: u64, s10: u64, s11: u64, s12: u64,
        ) -> u64 {
            let _regs = [r1, r2, r3, r4, r5, s6, s7, s8, s9, s10, s11, s12];
            // SAFETY: `rawN` was given a value of `F`.
            let kfunc = unsafe { item::<F>() };
            let body = |_run: &Run<'_>| Ok(kfunc($($arg::from_word(word::<K, $index>(&_regs, _run))),*).into_word());
            // SAFETY: `run` is what compiled code passed.
            unsafe { run::shim(run, K::NAME, body) }
        }
    )*};
}

raws! {
    0 raw0 narrow0 wide0 ();
    1 raw1 narrow1 wide1 (A 0);
    2 raw2 narrow2 wide2 (A 0, B 1);
    3 raw3 narrow3 wide3 (A 0, B 1, C 2);
    4 raw4 narrow4 wide4 (A 0, B 1, C 2, D 3);
    5 raw5 narrow5 wide5 (A 0, B 1, C 2, D 3, E 4);
    6 raw6 narrow6 wide6 (A 0, B 1, C 2, D 3, E 4, G 5);
    7 raw7 narrow7 wide7 (A 0, B 1, C 2, D 3, E 4, G 5, H 6);
    8 raw8 narrow8 wide8 (A 0, B 1, C 2, D 3, E 4, G 5, H 6, I 7);
    9 raw9 narrow9 wide9 (A 0, B 1, C 2, D 3, E 4, G 5, H 6, I 7, J 8);
    10 raw10 narrow10 wide10 (A 0, B 1, C 2, D 3, E 4, G 5, H 6, I 7, J 8, L 9);
    11 raw11 narrow11 wide11 (A 0, B 1, C 2, D 3, E 4, G 5, H 6, I 7, J 8, L 9, M 10);
    12 raw12 narrow12 wide12 (A 0, B 1, C 2, D 3, E 4, G 5, H 6, I 7, J 8, L 9, M 10, N 11);
}
