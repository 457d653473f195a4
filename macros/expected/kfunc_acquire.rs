/// Finds a flow.
fn flow_find(table: &Table, number: u32) -> Option<KRef<Flow>> {
    table.find(number)
}
// ---- the macro adds ----
const _: () = {
    use ::opswap::__private as __p;
    #[__p::linkme::distributed_slice(__p::OPSWAP_KFUNCS)]
    # [linkme (crate = __p :: linkme)]
    static __DECL: __p::Linked<__p::KfuncDecl> = __p::linked(&__p::kfunc2(
        unsafe { __p::words(__p::place!(), "flow_find", __p::Tie::NONE, 5) }.said("doc:Finds a flow.", ""),
        (flow_find, || &__DECL),
        __p::arg::<__p::In<&Table>>("table"),
        __p::arg::<__p::In<u32>>("number"),
        __p::ret::<__p::Fixed<Option<KRef<Flow>>>>("Option<KRef<Flow>>").acquire().ret_null(),
    ));
};
