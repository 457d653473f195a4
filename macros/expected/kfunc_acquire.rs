/// Finds a flow.
fn flow_find(table: &Table, number: u32) -> Option<KRef<Flow>> {
    table.find(number)
}
// ---- the macro adds ----
const _: () = {
    use ::opswap::__private as __p;
    struct __Kfunc;
    impl __p::KfuncName for __Kfunc {
        const NAME: &'static str = "flow_find";
        const ARGS: &'static [&'static str] = &["table", "number"];
    }
    const __SIG: __p::Signature<2usize> = __p::kfunc2::<
        __Kfunc,
        _,
        <&Table as __p::Carried>::Out,
        <u32 as __p::Carried>::Out,
        <Option<KRef<Flow>> as __p::Returned>::Fixed,
    >(flow_find);
    #[__p::linkme::distributed_slice(__p::OPSWAP_KFUNCS)]
    # [linkme (crate = __p :: linkme)]
    static __DECL: __p::Linked<__p::KfuncDecl> = unsafe {
        __p::draft(__p::place!(), &__SIG, __p::Tie::NONE).doc("Finds a flow.").flags(5u32).linked()
    };
    const _: () = __p::agree::acquire(&__SIG, "Option<KRef<Flow>>");
    const _: () = __p::agree::ret_null(&__SIG, "Option<KRef<Flow>>");
};
