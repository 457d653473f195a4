fn flow_set(flow: &mut Flow, window: u32) {
    flow.cwnd = window
}
// ---- the macro adds ----
const _: () = {
    use ::opswap::__private as __p;
    #[__p::linkme::distributed_slice(__p::OPSWAP_KFUNCS)]
    # [linkme (crate = __p :: linkme)]
    static __DECL: __p::Linked<__p::KfuncDecl> = __p::linked(&__p::kfunc2(
        unsafe { __p::words(__p::place!(), "flow_set", __p::Tie::NONE, 0) },
        (flow_set, || &__DECL),
        __p::arg::<__p::In<&mut Flow>>("flow"),
        __p::arg::<__p::In<u32>>("window"),
        __p::ret::<__p::Fixed<()>>(""),
    ));
};
