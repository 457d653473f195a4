fn flow_put(flow: KRef<Flow>) {
    drop(flow)
}
// ---- the macro adds ----
const _: () = {
    use ::opswap::__private as __p;
    #[__p::linkme::distributed_slice(__p::OPSWAP_KFUNCS)]
    # [linkme (crate = __p :: linkme)]
    static __DECL: __p::Linked<__p::KfuncDecl> = __p::linked(&__p::agree::release(__p::kfunc1(
        unsafe { __p::words(__p::place!(), "flow_put", __p::Tie::NONE, 2) },
        (flow_put, || &__DECL),
        __p::arg::<__p::In<KRef<Flow>>>("flow"),
        __p::ret::<__p::Fixed<()>>(""),
    )));
};
