impl Iterator for Flows {
    type Item = KRef<Flow>;
    fn next(&mut self) -> Option<KRef<Flow>> {
        self.0.pop()
    }
}
// ---- the macro adds ----
const _: () = {
    use ::opswap::__private as __p;
    type __Iterator = Flows;
    type __Lent = <<__Iterator as __p::core::iter::Iterator>::Item as __p::IterItem>::Lent;
    #[derive(:: opswap :: Btf)]
    #[repr(C)]
    #[btf(name = "bpf_iter_flows")]
    #[allow(non_camel_case_types)]
    struct __bpf_iter_flows {
        __opaque: [u64; __p::iter_words::<__Iterator>()],
    }
    impl __p::core::default::Default for __bpf_iter_flows {
        fn default() -> Self {
            Self { __opaque: [0; __p::iter_words::<__Iterator>()] }
        }
    }
    unsafe impl __p::IterSlot for __bpf_iter_flows {
        type Of = __Iterator;
    }
    #[::opswap::kfunc(iter_new, name = "bpf_iter_flows_new")]
    fn __new(it: __p::IterRoom<'_, __bpf_iter_flows>, first: u32) -> i32 {
        it.start(<Flows>::new(first))
    }
    #[::opswap::kfunc(iter_next, name = "bpf_iter_flows_next")]
    fn __next(it: __p::IterState<'_, __bpf_iter_flows>) -> __p::core::option::Option<&__Lent> {
        it.advance()
    }
    #[::opswap::kfunc(iter_destroy, name = "bpf_iter_flows_destroy")]
    fn __destroy(it: __p::IterState<'_, __bpf_iter_flows>) {
        it.end()
    }
};
