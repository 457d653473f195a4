//! Which programs may call what: the kernel's ID sets. Kinds of programs are named by the sections that programs stand in.

use opswap::kfunc_set;

kfunc_set! {
    /// For every kind of program.
    #[expect(non_upper_case_globals, reason = "the kernel's name")]
    pub bpf_testmod_common_kfunc_ids = programs();

    /// For `SCHED_CLS`, `TRACING`, `SYSCALL` and `STRUCT_OPS`, and what the kernel counts as tracing: `TRACEPOINT`, `PERF_EVENT`
    /// and `LSM`.
    #[expect(non_upper_case_globals, reason = "the kernel's name")]
    pub bpf_testmod_check_kfunc_ids = programs(
        tc, tcx, classifier, fentry, fexit, fmod_ret, tp_btf, iter, tracepoint, tp, perf_event, lsm, lsm_cgroup, syscall, struct_ops,
    );

    /// For the same programs, but in the kernel itself.
    #[expect(non_upper_case_globals, reason = "the kernel's name")]
    pub test_sk_check_kfunc_ids = programs(
        tc, tcx, classifier, fentry, fexit, fmod_ret, tp_btf, iter, tracepoint, tp, perf_event, lsm, lsm_cgroup, syscall,
    );

    /// Functions whose result a tracing program may replace.
    #[expect(non_upper_case_globals, reason = "the kernel's name")]
    pub bpf_test_modify_return_ids = programs(fmod_ret);

    /// For `SCHED_CLS`: the modules that test in which order modules are asked.
    #[expect(non_upper_case_globals, reason = "the kernel's name")]
    pub bpf_test_modorder_kfunc_ids = programs(tc, tcx, classifier);
}
