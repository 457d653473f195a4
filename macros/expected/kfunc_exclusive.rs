fn flow_set(flow: &mut Flow, window: u32) {
    flow.cwnd = window
}
// ---- the macro adds ----
const _: () = {
    use ::opswap::__private as __p;
    struct __Kfunc;
    impl __p::KfuncName for __Kfunc {
        const NAME: &'static str = "flow_set";
        const ARGS: &'static [&'static str] = &["flow", "window"];
    }
    const __SIG: __p::Signature<2usize> = __p::kfunc2::<
        __Kfunc,
        _,
        <&mut Flow as __p::Carried>::Out,
        <u32 as __p::Carried>::Out,
        <() as __p::Returned>::Fixed,
    >(flow_set);
    #[__p::linkme::distributed_slice(__p::OPSWAP_KFUNCS)]
    # [linkme (crate = __p :: linkme)]
    static __DECL: __p::Linked<__p::KfuncDecl> =
        unsafe { __p::draft(__p::place!(), &__SIG, __p::Tie::NONE).linked() };
};
