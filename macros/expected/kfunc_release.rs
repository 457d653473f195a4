fn flow_put(flow: KRef<Flow>) {
    drop(flow)
}
// ---- the macro adds ----
const _: () = {
    use ::opswap::__private as __p;
    struct __Kfunc;
    impl __p::KfuncName for __Kfunc {
        const NAME: &'static str = "flow_put";
        const ARGS: &'static [&'static str] = &["flow"];
    }
    const __SIG: __p::Signature<1usize> =
        __p::kfunc1::<__Kfunc, _, <KRef<Flow> as __p::Carried>::Out, <() as __p::Returned>::Fixed>(flow_put);
    #[__p::linkme::distributed_slice(__p::OPSWAP_KFUNCS)]
    # [linkme (crate = __p :: linkme)]
    static __DECL: __p::Linked<__p::KfuncDecl> =
        unsafe { __p::draft(__p::place!(), &__SIG, __p::Tie::NONE).flags(2u32).linked() };
    const _: () = __p::agree::release(&__SIG, "()");
};
