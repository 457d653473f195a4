fn read(flow: &Flow, to: &mut [u8]) -> Result<u32, Errno> {
    Ok(0)
}
// ---- the macro adds ----
const _: () = {
    use swap::__private as __p;
    struct __Kfunc;
    impl __p::KfuncName for __Kfunc {
        const NAME: &'static str = "flow_read";
        const ARGS: &'static [&'static str] = &["flow", "to"];
    }
    const __SIG: __p::Signature<2usize> = __p::kfunc2::<
        __Kfunc,
        _,
        <&Flow as __p::Carried>::Out,
        <&mut [u8] as __p::Carried>::Out,
        <Result<u32, Errno> as __p::Returned>::Fixed,
    >(read);
    #[__p::linkme::distributed_slice(__p::OPSWAP_KFUNCS)]
    # [linkme (crate = __p :: linkme)]
    static __DECL: __p::Linked<__p::KfuncDecl> = unsafe {
        __p::draft(__p::place!(), &__SIG, __p::Tie::NONE)
            .flags(32u32)
            .sets(&["struct_ops", "tracing"], &[])
            .filter(allow)
            .deprecated("use flow_get")
            .linked()
    };
};
