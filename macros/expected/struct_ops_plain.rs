pub struct FlowOps {
    grow: fn(flow: &mut Flow, by: u32) -> u32,
    flags: u32,
}
// ---- the macro adds ----
const _: () = {
    use ::opswap::__private as __p;
    const __MEMBERS: &[__p::OpsMemberDecl] = &[
        __p::op_member(
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
        ),
        __p::data_member::<u32>("flags", "", __p::core::mem::offset_of!(FlowOps, flags)),
    ];
    #[__p::linkme::distributed_slice(__p::OPSWAP_STRUCT_OPS)]
    # [linkme (crate = __p :: linkme)]
    static __DECL: __p::StructOpsDecl = __p::StructOpsDecl::new::<FlowOps>(
        __p::place!(),
        __p::TypeKey::in_module(__p::core::module_path!(), "FlowOps"),
        "flow_ops",
        "",
        __MEMBERS,
    );
    impl __p::StructOpsType for FlowOps {
        const DECL: &'static __p::StructOpsDecl = &__DECL;
        type Pinned<'a> = __Pinned<'a>;
        fn pinned<'a>(guard: __p::PinGuard<'a, Self>) -> __Pinned<'a> {
            __Pinned(guard)
        }
    }
    #[doc = r" A pinned slot: its operations as methods."]
    pub struct __Pinned<'a>(__p::PinGuard<'a, FlowOps>);
    impl __Pinned<'_> {
        #[doc = ""]
        pub fn grow(&self, mut flow: &mut Flow, mut by: u32) -> u32 {
            if let __p::core::option::Option::Some(ret) =
                __p::call::<_, u32, _>(&self.0, 0u32, __MEMBERS[0usize].cfi_hash, || {
                    [__p::op_value::<&mut Flow>(&mut flow), __p::op_value::<u32>(&mut by)]
                })
            {
                return ret;
            }
            (self.0.native().grow)(flow, by)
        }
    }
    impl __p::PinnedTable for __Pinned<'_> {
        type Table = FlowOps;
        fn guard(&self) -> &__p::PinGuard<'_, FlowOps> {
            &self.0
        }
    }
};
