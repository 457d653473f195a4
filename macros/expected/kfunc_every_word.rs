/// Reads.
fn read(flow: &Flow, to: &mut [u8]) -> Result<u32, Errno> {
    Ok(0)
}
// ---- the macro adds ----
const _: () = {
    use swap::__private as __p;
    #[__p::linkme::distributed_slice(__p::OPSWAP_KFUNCS)]
    # [linkme (crate = __p :: linkme)]
    static __DECL: __p::Linked<__p::KfuncDecl> = __p::linked(&__p::kfunc2(
        unsafe { __p::words(__p::place!(), "flow_read", __p::Tie::NONE, 32) }
            .said("doc:Reads.", "use flow_get")
            .callers(&["struct_ops", "tracing"], &[&READERS], &[allow]),
        (read, || &__DECL),
        __p::arg::<__p::In<&Flow>>("flow"),
        __p::arg::<__p::In<&mut [u8]>>("to"),
        __p::ret::<__p::Fixed<Result<u32, Errno>>>(""),
    ));
};
