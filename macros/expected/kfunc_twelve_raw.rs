unsafe fn shift(
    flow: *mut Flow,
    key: *const c_void,
    key__sz: u32,
    value__uninit: *mut c_void,
    value__szk: u32,
    by__k: u64,
    text__str: *const c_char,
    map__map: *mut c_void,
    peer__nullable: *mut Peer,
    a: u64,
    rest__ign: u64,
    aux__prog: *mut c_void,
) -> *mut Flow {
    flow
}
// ---- the macro adds ----
const _: () = {
    use ::opswap::__private as __p;
    #[__p::linkme::distributed_slice(__p::OPSWAP_KFUNCS)]
    # [linkme (crate = __p :: linkme)]
    static __DECL: __p::Linked<__p::KfuncDecl> = __p::linked(&__p::agree::raw_release(__p::raw12(
        unsafe { __p::words(__p::place!(), "shift", __p::Tie::NONE, 7) },
        (|| shift, || &__DECL),
        __p::raw::<__p::RawIn<*mut Flow>>("flow"),
        __p::raw::<__p::RawIn<*const c_void>>("key"),
        __p::raw::<__p::RawIn<u32>>("key__sz"),
        __p::raw::<__p::RawIn<*mut c_void>>("value__uninit"),
        __p::raw::<__p::RawIn<u32>>("value__szk"),
        __p::raw::<__p::RawIn<u64>>("by__k"),
        __p::raw::<__p::RawIn<*const c_char>>("text__str"),
        __p::raw::<__p::RawIn<*mut c_void>>("map__map"),
        __p::raw::<__p::RawIn<*mut Peer>>("peer__nullable"),
        __p::raw::<__p::RawIn<u64>>("a"),
        __p::raw::<__p::RawIn<u64>>("rest__ign"),
        __p::raw::<__p::RawCaller<*mut c_void>>("aux__prog"),
        __p::raw_ret::<__p::RawOut<*mut Flow>>("*mut Flow").acquire().ret_null(),
    )));
};
