struct PointOps {
    moved: fn(to: Point, bytes: &[u8], last: &mut u64) -> bool,
}
// ---- the macro adds ----
const _: () = {
    use ::opswap::__private as __p;
    const __MEMBERS: &[__p::OpsMemberDecl] = &[{
        const __OP: __p::OpsMemberDecl = __p::op_member(
            "moved",
            "",
            __p::core::mem::offset_of!(PointOps, moved),
            (__p::PresenceDecl::Optional, __p::SleepDecl::Atomic),
            0u32,
            &[
                __p::ArgDecl { name: "to", shape: __p::op_arg_shape::<Point>() },
                __p::ArgDecl { name: "bytes", shape: __p::op_arg_shape::<&[u8]>() },
                __p::ArgDecl { name: "last", shape: __p::op_arg_shape::<&mut u64>() },
            ],
            __p::op_ret_shape::<bool>(),
        );
        __p::stubbed(__OP, __p::stub!("point_ops__moved", __OP.cfi_hash))
    }];
    #[__p::linkme::distributed_slice(__p::OPSWAP_STRUCT_OPS)]
    # [linkme (crate = __p :: linkme)]
    static __DECL: __p::Linked<__p::StructOpsDecl> = unsafe {
        __p::Linked::new(__p::StructOpsDecl::new::<PointOps>(
            __p::place!(),
            __p::TypeKey::in_module(__p::core::module_path!(), "PointOps"),
            "point_ops",
            "",
            __MEMBERS,
        ))
    };
    impl __p::StructOpsType for PointOps {
        const DECL: &'static __p::Linked<__p::StructOpsDecl> = &__DECL;
        type Pinned<'a> = __Pinned<'a>;
        fn pinned<'a>(guard: __p::PinGuard<'a, Self>) -> __Pinned<'a> {
            __Pinned(guard)
        }
    }
    #[doc = r" A pinned slot: its operations as methods."]
    struct __Pinned<'a>(__p::PinGuard<'a, PointOps>);
    impl __Pinned<'_> {
        #[doc = ""]
        fn moved(&self, to: Point, bytes: &[u8], last: &mut u64) -> bool {
            let mut args = (to, bytes, last);
            match __p::call::<_, _, bool>(&self.0, 0u32, &mut args) {
                __p::core::option::Option::Some(ret) => ret,
                __p::core::option::Option::None => (self.0.native().moved)(args.0, args.1, args.2),
            }
        }
    }
    impl __p::PinnedTable for __Pinned<'_> {
        type Table = PointOps;
        fn guard(&self) -> &__p::PinGuard<'_, PointOps> {
            &self.0
        }
    }
};
