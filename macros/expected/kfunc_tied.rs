fn pick<'a>(flow: &'a Flow, peer: &Peer) -> &'a Path {
    &flow.path
}
// ---- the macro adds ----
const _: () = {
    use ::opswap::__private as __p;
    #[__p::linkme::distributed_slice(__p::OPSWAP_KFUNCS)]
    # [linkme (crate = __p :: linkme)]
    static __DECL: __p::Linked<__p::KfuncDecl> = __p::linked(&__p::kfunc2(
        unsafe { __p::words(__p::place!(), "pick", __p::Tie::arg(0), 0) },
        (pick, || &__DECL),
        __p::arg::<__p::In<&Flow>>("flow"),
        __p::arg::<__p::In<&Peer>>("peer"),
        __p::ret::<__p::Tied<&Path>>(""),
    ));
};
