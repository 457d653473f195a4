/// Looks a flow up.
unsafe fn flow_lookup(key: *const c_void, key__sz: u32, aux__prog: *mut c_void) -> *mut Flow {
    find(key, key__sz)
}
// ---- the macro adds ----
const _: () = {
    use ::opswap::__private as __p;
    #[__p::linkme::distributed_slice(__p::OPSWAP_KFUNCS)]
    # [linkme (crate = __p :: linkme)]
    static __DECL: __p::Linked<__p::KfuncDecl> = __p::linked(&__p::raw3(
        unsafe { __p::words(__p::place!(), "flow_lookup", __p::Tie::NONE, 5) }
            .said("doc:Looks a flow up.", ""),
        (|| flow_lookup, || &__DECL),
        __p::raw::<__p::RawIn<*const c_void>>("key"),
        __p::raw::<__p::RawIn<u32>>("key__sz"),
        __p::raw::<__p::RawCaller<*mut c_void>>("aux__prog"),
        __p::raw_ret::<__p::RawOut<*mut Flow>>("*mut Flow").acquire().ret_null(),
    ));
};
