fn add(a: u32, b: i16) -> u64 {
    a as u64 + b as u64
}
// ---- the macro adds ----
const _: () = {
    use ::opswap::__private as __p;
    struct __Kfunc;
    impl __p::KfuncName for __Kfunc {
        const NAME: &'static str = "add";
        const ARGS: &'static [&'static str] = &["a", "b"];
    }
    const __SIG: __p::Signature<2usize> = __p::kfunc2::<
        __Kfunc,
        _,
        <u32 as __p::Carried>::Out,
        <i16 as __p::Carried>::Out,
        <u64 as __p::Returned>::Fixed,
    >(add);
    #[__p::linkme::distributed_slice(__p::OPSWAP_KFUNCS)]
    # [linkme (crate = __p :: linkme)]
    static __DECL: __p::Linked<__p::KfuncDecl> =
        unsafe { __p::draft(__p::place!(), &__SIG, __p::Tie::NONE).linked() };
};
