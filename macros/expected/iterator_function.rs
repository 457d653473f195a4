/// Numbers.
fn numbers(from: i64, to: i64) -> impl Iterator<Item = i64> {
    from..to
}
// ---- the macro adds ----
const _: () = {
    use ::opswap::__private as __p;
    type __Iterator = __p::Box<dyn __p::core::iter::Iterator<Item = i64>>;
    type __Lent = <<__Iterator as __p::core::iter::Iterator>::Item as __p::IterItem>::Lent;
    #[derive(:: opswap :: Btf)]
    #[repr(C)]
    #[btf(name = "bpf_iter_numbers")]
    #[allow(non_camel_case_types)]
    struct __bpf_iter_numbers {
        __opaque: [u64; __p::iter_words::<__Iterator>()],
    }
    impl __p::core::default::Default for __bpf_iter_numbers {
        fn default() -> Self {
            Self { __opaque: [0; __p::iter_words::<__Iterator>()] }
        }
    }
    unsafe impl __p::IterSlot for __bpf_iter_numbers {
        type Of = __Iterator;
    }
    #[doc = " Numbers."]
    #[::opswap::kfunc(iter_new, name = "bpf_iter_numbers_new")]
    fn __new(it: __p::IterRoom<'_, __bpf_iter_numbers>, from: i64, to: i64) -> i32 {
        {
            let iterator = numbers(from, to);
            it.start(__p::Box::new(iterator))
        }
    }
    #[::opswap::kfunc(iter_next, name = "bpf_iter_numbers_next")]
    fn __next(it: __p::IterState<'_, __bpf_iter_numbers>) -> __p::core::option::Option<&__Lent> {
        it.advance()
    }
    #[::opswap::kfunc(iter_destroy, name = "bpf_iter_numbers_destroy")]
    fn __destroy(it: __p::IterState<'_, __bpf_iter_numbers>) {
        it.end()
    }
};
