/// Operations.
pub struct FlowOps {
    #[op(required)]
    grow: fn(flow: &mut Flow),
    #[op(sleepable)]
    start: Option<fn(peer: Option<&Peer>)>,
    #[op(unsupported)]
    undo: fn(flow: &mut Flow) -> u32,
    take: Option<fn(flow: KRef<Flow>) -> Option<KRef<Flow>>>,
    name: [u8; 16],
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
                (__p::PresenceDecl::Required, __p::SleepDecl::Atomic),
                0u32,
                &[__p::ArgDecl { name: "flow", shape: __p::op_arg_shape::<&mut Flow>() }],
                __p::op_ret_shape::<()>(),
            );
            __p::stubbed(__OP, __p::stub!("flow_ops__grow", __OP.cfi_hash))
        },
        {
            const __OP: __p::OpsMemberDecl = __p::op_member(
                "start",
                "",
                __p::core::mem::offset_of!(FlowOps, start),
                (__p::PresenceDecl::Optional, __p::SleepDecl::Sleepable),
                1u32,
                &[__p::ArgDecl { name: "peer", shape: __p::op_arg_shape::<Option<&Peer>>() }],
                __p::op_ret_shape::<()>(),
            );
            __p::stubbed(__OP, __p::stub!("flow_ops__start", __OP.cfi_hash))
        },
        __p::op_member(
            "undo",
            "",
            __p::core::mem::offset_of!(FlowOps, undo),
            (__p::PresenceDecl::Unsupported, __p::SleepDecl::Atomic),
            2u32,
            &[__p::ArgDecl { name: "flow", shape: __p::op_arg_shape::<&mut Flow>() }],
            __p::op_ret_shape::<u32>(),
        ),
        {
            const __OP: __p::OpsMemberDecl = __p::op_member(
                "take",
                "",
                __p::core::mem::offset_of!(FlowOps, take),
                (__p::PresenceDecl::Optional, __p::SleepDecl::Atomic),
                3u32,
                &[__p::ArgDecl { name: "flow", shape: __p::op_arg_shape::<KRef<Flow>>() }],
                __p::op_ret_shape::<Option<KRef<Flow>>>(),
            );
            __p::stubbed(__OP, __p::stub!("flow_ops__take", __OP.cfi_hash))
        },
        __p::data_member::<[u8; 16]>("name", "", __p::core::mem::offset_of!(FlowOps, name)),
    ];
    #[__p::linkme::distributed_slice(__p::OPSWAP_STRUCT_OPS)]
    # [linkme (crate = __p :: linkme)]
    static __DECL: __p::Linked<__p::StructOpsDecl> = unsafe {
        __p::Linked::new(__p::StructOpsDecl::new::<FlowOps>(
            __p::place!(),
            __p::TypeKey::in_module(__p::core::module_path!(), "FlowOps"),
            "flow_ops",
            "Operations.",
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
        pub fn grow(&self, flow: &mut Flow) -> () {
            let mut args = (flow,);
            match __p::call::<_, _, ()>(&self.0, 0u32, &mut args) {
                __p::core::option::Option::Some(ret) => ret,
                __p::core::option::Option::None => (self.0.native().grow)(args.0),
            }
        }
        #[doc = ""]
        pub fn start(&self, peer: Option<&Peer>) -> __p::core::option::Option<()> {
            let mut args = (peer,);
            match __p::call::<_, _, ()>(&self.0, 1u32, &mut args) {
                __p::core::option::Option::Some(ret) => __p::core::option::Option::Some(ret),
                __p::core::option::Option::None => self.0.native().start.map(|native| native(args.0)),
            }
        }
        #[doc = ""]
        pub fn undo(&self, flow: &mut Flow) -> u32 {
            (self.0.native().undo)(flow)
        }
        #[doc = ""]
        pub fn take(&self, flow: KRef<Flow>) -> __p::core::option::Option<Option<KRef<Flow>>> {
            let mut args = (flow,);
            match __p::call::<_, _, Option<KRef<Flow>>>(&self.0, 3u32, &mut args) {
                __p::core::option::Option::Some(ret) => __p::core::option::Option::Some(ret),
                __p::core::option::Option::None => self.0.native().take.map(|native| native(args.0)),
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
