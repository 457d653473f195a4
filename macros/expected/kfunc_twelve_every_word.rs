/// Replaces a flow.
fn replace(
    congestion_flow: Option<KRef<Flow>>,
    remote_peer: &Peer,
    network_path: Option<&Path>,
    mode: Mode,
    acknowledged: u32,
    retransmitted: u32,
    sent_bytes: u64,
    timestamp: u64,
    is_first: bool,
    window: Const<u64>,
    counters: &MapOf<u32, u64>,
    description: &CStr,
) -> Option<KRef<Flow>> {
    None
}
// ---- the macro adds ----
const _: () = {
    use ::opswap::__private as __p;
    #[__p::linkme::distributed_slice(__p::OPSWAP_KFUNCS)]
    # [linkme (crate = __p :: linkme)]
    static __DECL: __p::Linked<__p::KfuncDecl> = __p::linked(&__p::agree::release(__p::kfunc12(
        unsafe { __p::words(__p::place!(), "flow_replace", __p::Tie::NONE, 39) }
            .said("doc:Replaces a flow.", "use flow_swap")
            .callers(&["struct_ops", "tracing"], &[&WRITERS], &[allow]),
        (replace, || &__DECL),
        __p::arg::<__p::In<Option<KRef<Flow>>>>("congestion_flow"),
        __p::arg::<__p::In<&Peer>>("remote_peer"),
        __p::arg::<__p::In<Option<&Path>>>("network_path"),
        __p::arg::<__p::In<Mode>>("mode"),
        __p::arg::<__p::In<u32>>("acknowledged"),
        __p::arg::<__p::In<u32>>("retransmitted"),
        __p::arg::<__p::In<u64>>("sent_bytes"),
        __p::arg::<__p::In<u64>>("timestamp"),
        __p::arg::<__p::In<bool>>("is_first"),
        __p::arg::<__p::In<Const<u64>>>("window"),
        __p::arg::<__p::In<&MapOf<u32, u64>>>("counters"),
        __p::arg::<__p::In<&CStr>>("description"),
        __p::ret::<__p::Fixed<Option<KRef<Flow>>>>("Option<KRef<Flow>>").acquire().ret_null(),
    )));
};
