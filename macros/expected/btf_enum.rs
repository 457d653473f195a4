#[repr(u8)]
enum Mode {
    Slow,
    Fast = 7,
}
// ---- the macro adds ----
const _: () = {
    use ::opswap::__private as __p;
    const __KEY: __p::TypeKey = __p::TypeKey::in_module(__p::core::module_path!(), "Mode");
    const __BITS: &[u64] = &[Mode::Slow as u8 as u64, Mode::Fast as u8 as u64];
    unsafe impl __p::BtfType for Mode {
        const EXPR: __p::TypeExpr = __p::TypeExpr::named(__KEY);
        const ACCESS: __p::AccessDecl = __p::AccessDecl::ReadOnly;
    }
    impl __p::BtfEnum for Mode {
        const REPR: (u32, __p::IntForm) = __p::repr_of::<u8>();
        const LEGAL: &'static [u64] = &__p::legal::<{ __BITS.len() }>(__BITS, Self::REPR);
        fn from_bits(bits: u64) -> __p::core::option::Option<Self> {
            if bits as u8 == Mode::Slow as u8 {
                return __p::core::option::Option::Some(Mode::Slow);
            }
            if bits as u8 == Mode::Fast as u8 {
                return __p::core::option::Option::Some(Mode::Fast);
            }
            __p::core::option::Option::None
        }
        fn to_bits(self) -> u64 {
            self as u8 as u64
        }
    }
    impl __p::KfuncArg for Mode {
        type Via = __p::ViaEnum;
        type At<'x> = Self;
    }
    impl __p::KfuncRet for Mode {
        type Via = __p::ViaEnum;
        type At<'x> = Self;
    }
    impl __p::OpArg for Mode {
        type Via = __p::ViaEnum;
    }
    impl __p::OpRet for Mode {
        type Via = __p::ViaEnum;
    }
    #[__p::linkme::distributed_slice(__p::OPSWAP_TYPES)]
    # [linkme (crate = __p :: linkme)]
    static __DECL: __p::Linked<__p::TypeDecl> = unsafe {
        __p::Linked::new(__p::TypeDecl::enumeration::<Mode>(
            __p::place!(),
            __KEY,
            "Mode",
            "",
            &__p::enumerators(&["Mode_Slow", "Mode_Fast"], __BITS),
        ))
    };
};
