#[repr(C)]
union Word {
    number: u32,
    bytes: [u8; 4],
}
// ---- the macro adds ----
const _: () = {
    use ::opswap::__private as __p;
    unsafe impl __p::BtfType for Word {
        const EXPR: __p::TypeExpr = __p::TypeExpr::named(<Self as __p::BtfObject>::KEY);
    }
    unsafe impl __p::BtfObject for Word {
        const KEY: __p::TypeKey = __p::TypeKey::in_module(__p::core::module_path!(), "Word");
    }
    #[__p::linkme::distributed_slice(__p::OPSWAP_TYPES)]
    # [linkme (crate = __p :: linkme)]
    static __DECL: __p::Linked<__p::TypeDecl> = unsafe {
        __p::Linked::new(__p::TypeDecl::object::<Word>(
            __p::place!(),
            __p::TypeForm::Union,
            "Word",
            "",
            &[
                __p::member::<u32>("number", __p::core::mem::offset_of!(Word, number), __p::Limit::None, ""),
                __p::member::<[u8; 4]>(
                    "bytes",
                    __p::core::mem::offset_of!(Word, bytes),
                    __p::Limit::None,
                    "",
                ),
            ],
        ))
    };
};
