fn rate(
    flow: &mut Flow,
    peer: &Peer,
    path: Option<&Path>,
    mode: Mode,
    acked: u32,
    lost: u32,
    sent: u64,
    now: u64,
    first: bool,
    window: Const<u64>,
    name: &CStr,
    site: &CallSite,
) -> u64 {
    0
}
// ---- the macro adds ----
const _: () = {
    use ::opswap::__private as __p;
    #[__p::linkme::distributed_slice(__p::OPSWAP_KFUNCS)]
    # [linkme (crate = __p :: linkme)]
    static __DECL: __p::Linked<__p::KfuncDecl> = __p::linked(&__p::kfunc12(
        unsafe { __p::words(__p::place!(), "rate", __p::Tie::NONE, 0) },
        (rate, || &__DECL),
        __p::arg::<__p::In<&mut Flow>>("flow"),
        __p::arg::<__p::In<&Peer>>("peer"),
        __p::arg::<__p::In<Option<&Path>>>("path"),
        __p::arg::<__p::In<Mode>>("mode"),
        __p::arg::<__p::In<u32>>("acked"),
        __p::arg::<__p::In<u32>>("lost"),
        __p::arg::<__p::In<u64>>("sent"),
        __p::arg::<__p::In<u64>>("now"),
        __p::arg::<__p::In<bool>>("first"),
        __p::arg::<__p::In<Const<u64>>>("window"),
        __p::arg::<__p::In<&CStr>>("name"),
        __p::arg::<__p::In<&CallSite>>("site"),
        __p::ret::<__p::Fixed<u64>>(""),
    ));
};
