pub struct FlowOps {
    grow: fn(flow: &mut Flow, by: u32) -> u32,
    flags: u32,
}
// ---- the macro adds ----
const _: () = {
    use ::opswap::__private as __p;
    const __MEMBERS: &[__p::OpsMemberDecl] = &[
        {
            const __OP: __p::OpsMemberDecl = __p::op_member(
                "grow",
                "",
                __p::core::mem::offset_of!(FlowOps, grow),
                (__p::PresenceDecl::Optional, __p::SleepDecl::Atomic),
                0u32,
                &[
                    __p::ArgDecl { name: "flow", shape: __p::op_arg_shape::<&mut Flow>() },
                    __p::ArgDecl { name: "by", shape: __p::op_arg_shape::<u32>() },
                ],
                __p::op_ret_shape::<u32>(),
            );
            __p::stubbed(__OP, __p::stub!("flow_ops__grow", __OP.cfi_hash))
        },
        __p::data_member::<u32>("flags", "", __p::core::mem::offset_of!(FlowOps, flags)),
    ];
    #[__p::linkme::distributed_slice(__p::OPSWAP_STRUCT_OPS)]
    # [linkme (crate = __p :: linkme)]
    static __DECL: __p::Linked<__p::StructOpsDecl> = unsafe {
        __p::Linked::new(__p::StructOpsDecl::new::<FlowOps>(
            __p::place!(),
            __p::TypeKey::in_module(__p::core::module_path!(), "FlowOps"),
            "flow_ops",
            "",
            __MEMBERS,
        ))
    };
    impl __p::StructOpsType for FlowOps {
        const DECL: &'static __p::Linked<__p::StructOpsDecl> = &__DECL;
        type Pinned<'a> = __Pinned<'a>;
        fn pinned<'a>(guard: __p::PinGuard<'a, Self>) -> __Pinned<'a> {
            __Pinned(guard)
        }
    }
    #[doc = r" A pinned slot: its operations as methods."]
    pub struct __Pinned<'a>(__p::PinGuard<'a, FlowOps>);
    impl __Pinned<'_> {
        #[doc = ""]
        pub fn grow(&self, flow: &mut Flow, by: u32) -> u32 {
            let mut args = (flow, by);
            match __p::call::<_, _, u32>(&self.0, 0u32, &mut args) {
                __p::core::option::Option::Some(ret) => ret,
                __p::core::option::Option::None => (self.0.native().grow)(args.0, args.1),
            }
        }
    }
    impl __p::PinnedTable for __Pinned<'_> {
        type Table = FlowOps;
        fn guard(&self) -> &__p::PinGuard<'_, FlowOps> {
            &self.0
        }
    }
};
