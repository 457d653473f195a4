fn pick<'a>(flow: &'a Flow, peer: &Peer) -> &'a Path {
    &flow.path
}
// ---- the macro adds ----
const _: () = {
    use ::opswap::__private as __p;
    struct __Kfunc;
    impl __p::KfuncName for __Kfunc {
        const NAME: &'static str = "pick";
        const ARGS: &'static [&'static str] = &["flow", "peer"];
    }
    const __SIG: __p::Signature<2usize> = __p::kfunc2::<
        __Kfunc,
        _,
        <&Flow as __p::Carried>::Out,
        <&Peer as __p::Carried>::Out,
        <&Path as __p::Returned>::Tied,
    >(pick);
    #[__p::linkme::distributed_slice(__p::OPSWAP_KFUNCS)]
    # [linkme (crate = __p :: linkme)]
    static __DECL: __p::Linked<__p::KfuncDecl> =
        unsafe { __p::draft(__p::place!(), &__SIG, __p::Tie::arg(0)).linked() };
};
