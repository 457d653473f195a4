fn add(a: u32, b: i16) -> u64 {
    a as u64 + b as u64
}
// ---- the macro adds ----
const _: () = {
    use ::opswap::__private as __p;
    #[__p::linkme::distributed_slice(__p::OPSWAP_KFUNCS)]
    # [linkme (crate = __p :: linkme)]
    static __DECL: __p::Linked<__p::KfuncDecl> = __p::linked(&__p::kfunc2(
        unsafe { __p::words(__p::place!(), "add", __p::Tie::NONE, 0) },
        (add, || &__DECL),
        __p::arg::<__p::In<u32>>("a"),
        __p::arg::<__p::In<i16>>("b"),
        __p::ret::<__p::Fixed<u64>>(""),
    ));
};
