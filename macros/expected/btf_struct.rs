/// A flow.
#[repr(C)]
struct Flow {
    cwnd: u32,
    #[btf(ro)]
    id: u64,
    #[btf(skip)]
    name: String,
    next: *mut Flow,
}
// ---- the macro adds ----
const _: () = {
    use ::opswap::__private as __p;
    unsafe impl __p::BtfType for Flow {
        const EXPR: __p::TypeExpr = __p::TypeExpr::named(<Self as __p::BtfObject>::KEY);
    }
    unsafe impl __p::BtfObject for Flow {
        const KEY: __p::TypeKey = __p::TypeKey::in_module(__p::core::module_path!(), "Flow");
    }
    #[__p::linkme::distributed_slice(__p::OPSWAP_TYPES)]
    # [linkme (crate = __p :: linkme)]
    static __DECL: __p::Linked<__p::TypeDecl> = unsafe {
        __p::Linked::new(__p::TypeDecl::object::<Flow>(
            __p::place!(),
            __p::TypeForm::Struct,
            "Flow",
            "A flow.",
            &[
                __p::member::<u32>("cwnd", __p::core::mem::offset_of!(Flow, cwnd), __p::Limit::None, ""),
                __p::member::<u64>("id", __p::core::mem::offset_of!(Flow, id), __p::Limit::ReadOnly, ""),
                __p::member::<*mut Flow>(
                    "next",
                    __p::core::mem::offset_of!(Flow, next),
                    __p::Limit::None,
                    "",
                ),
            ],
        ))
    };
};
