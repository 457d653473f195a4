//! What Linux 6.12 has: functions by set and flags, one entry a table.

/// A function.
pub(crate) struct Row {
    /// As in C.
    pub(crate) prototype: &'static str,
    /// Words, as `#[kfunc]` has them.
    pub(crate) flags: &'static str,
    /// The ID set; empty for none.
    pub(crate) set: &'static str,
}

/// The function's name in a prototype.
pub(crate) fn name_in(prototype: &str) -> &str {
    let head = prototype.split('(').next().unwrap_or_default();
    head.rsplit([' ', '*']).next().unwrap_or_default()
}

impl Row {
    /// The function's name.
    pub(crate) fn name(&self) -> &'static str {
        name_in(self.prototype)
    }
}

/// Functions of one set with the same flags.
type Group = (&'static str, &'static str, &'static [&'static str]);

/// All of them, one by one.
pub(crate) fn rows() -> impl Iterator<Item = Row> {
    KFUNCS.iter().flat_map(|(set, flags, prototypes)| {
        prototypes.iter().map(move |prototype| Row { prototype, flags, set })
    })
}

const COMMON: &str = "bpf_testmod_common_kfunc_ids";
const CHECK: &str = "bpf_testmod_check_kfunc_ids";
const NO_SET: &str = "";
const SK: &str = "test_sk_check_kfunc_ids";
const MODIFY: &str = "bpf_test_modify_return_ids";
const ORDER: &str = "bpf_test_modorder_kfunc_ids";

/// Every function.
const KFUNCS: &[Group] = &[
    (
        COMMON,
        "iter_new",
        &["int bpf_iter_testmod_seq_new(struct bpf_iter_testmod_seq *it, s64 value, int cnt)"],
    ),
    (COMMON, "iter_next ret_null", &["s64 *bpf_iter_testmod_seq_next(struct bpf_iter_testmod_seq *it)"]),
    (COMMON, "iter_destroy", &["void bpf_iter_testmod_seq_destroy(struct bpf_iter_testmod_seq *it)"]),
    (
        COMMON,
        "",
        &[
            "s64 bpf_iter_testmod_seq_value(int val, struct bpf_iter_testmod_seq *it__iter)",
            "void bpf_kfunc_dynptr_test(struct bpf_dynptr *ptr, struct bpf_dynptr *ptr__nullable)",
            "void bpf_kfunc_common_test(void)",
            "int bpf_modify_return_test_tp(int nonce)",
        ],
    ),
    (
        COMMON,
        "acquire",
        &[
            "struct sk_buff *bpf_kfunc_nested_acquire_nonzero_offset_test(struct sk_buff_head *ptr)",
            "struct sk_buff *bpf_kfunc_nested_acquire_zero_offset_test(struct sock_common *ptr)",
        ],
    ),
    (
        COMMON,
        "release",
        &[
            "void bpf_kfunc_nested_release_test(struct sk_buff *ptr)",
            "void bpf_testmod_ctx_release(struct bpf_testmod_ctx *ctx)",
        ],
    ),
    (
        COMMON,
        "trusted_args",
        &[
            "void bpf_kfunc_trusted_vma_test(struct vm_area_struct *ptr)",
            "void bpf_kfunc_trusted_task_test(struct task_struct *ptr)",
            "void bpf_kfunc_trusted_num_test(int *ptr)",
        ],
    ),
    (COMMON, "rcu", &["void bpf_kfunc_rcu_task_test(struct task_struct *ptr)"]),
    (COMMON, "acquire ret_null", &["struct bpf_testmod_ctx *bpf_testmod_ctx_create(int *err)"]),
    (
        CHECK,
        "",
        &[
            "void bpf_testmod_test_mod_kfunc(int i)",
            "u64 bpf_kfunc_call_test1(struct sock *sk, u32 a, u64 b, u32 c, u64 d)",
            "int bpf_kfunc_call_test2(struct sock *sk, u32 a, u32 b)",
            "struct sock *bpf_kfunc_call_test3(struct sock *sk)",
            "long bpf_kfunc_call_test4(signed char a, short b, int c, long d)",
            "void bpf_kfunc_call_test_mem_len_pass1(void *mem, int mem__sz)",
            "void bpf_kfunc_call_test_mem_len_fail1(void *mem, int len)",
            "void bpf_kfunc_call_test_mem_len_fail2(u64 *mem, int len)",
            "void bpf_kfunc_call_test_pass_ctx(struct __sk_buff *skb)",
            "void bpf_kfunc_call_test_pass1(struct prog_test_pass1 *p)",
            "void bpf_kfunc_call_test_pass2(struct prog_test_pass2 *p)",
            "void bpf_kfunc_call_test_fail1(struct prog_test_fail1 *p)",
            "void bpf_kfunc_call_test_fail2(struct prog_test_fail2 *p)",
            "void bpf_kfunc_call_test_fail3(struct prog_test_fail3 *p)",
            "static u32 bpf_kfunc_call_test_static_unused_arg(u32 arg, u32 unused)",
            "void bpf_kfunc_call_test_offset(struct prog_test_ref_kfunc *p)",
        ],
    ),
    (
        CHECK,
        "acquire ret_null",
        &[
            "struct prog_test_ref_kfunc *bpf_kfunc_call_test_acquire(unsigned long *scalar_ptr)",
            "struct prog_test_member *bpf_kfunc_call_memb_acquire(void)",
            "int *bpf_kfunc_call_test_acq_rdonly_mem(struct prog_test_ref_kfunc *p, const int rdonly_buf_size)",
        ],
    ),
    (
        CHECK,
        "release",
        &[
            "void bpf_kfunc_call_memb1_release(struct prog_test_member1 *p)",
            "void bpf_kfunc_call_int_mem_release(int *p)",
        ],
    ),
    (
        CHECK,
        "ret_null",
        &[
            "int *bpf_kfunc_call_test_get_rdwr_mem(struct prog_test_ref_kfunc *p, const int rdwr_buf_size)",
            "int *bpf_kfunc_call_test_get_rdonly_mem(struct prog_test_ref_kfunc *p, const int rdonly_buf_size)",
        ],
    ),
    (CHECK, "trusted_args rcu", &["void bpf_kfunc_call_test_ref(struct prog_test_ref_kfunc *p)"]),
    (CHECK, "destructive", &["void bpf_kfunc_call_test_destructive(void)"]),
    (
        CHECK,
        "sleepable",
        &[
            "void bpf_kfunc_call_test_sleepable(void)",
            "int bpf_kfunc_init_sock(struct init_sock_args *args)",
            "void bpf_kfunc_close_sock(void)",
            "int bpf_kfunc_call_kernel_connect(struct addr_args *args)",
            "int bpf_kfunc_call_kernel_bind(struct addr_args *args)",
            "int bpf_kfunc_call_kernel_listen(void)",
            "int bpf_kfunc_call_kernel_sendmsg(struct sendmsg_args *args)",
            "int bpf_kfunc_call_sock_sendmsg(struct sendmsg_args *args)",
            "int bpf_kfunc_call_kernel_getsockname(struct addr_args *args)",
            "int bpf_kfunc_call_kernel_getpeername(struct addr_args *args)",
        ],
    ),
    (
        CHECK,
        "trusted_args sleepable",
        &[
            "int bpf_kfunc_st_ops_test_prologue(struct st_ops_args *args)",
            "int bpf_kfunc_st_ops_test_epilogue(struct st_ops_args *args)",
            "int bpf_kfunc_st_ops_test_pro_epilogue(struct st_ops_args *args)",
        ],
    ),
    (CHECK, "trusted_args", &["int bpf_kfunc_st_ops_inc10(struct st_ops_args *args)"]),
    (
        SK,
        "release",
        &[
            "void bpf_kfunc_call_test_release(struct prog_test_ref_kfunc *p)",
            "void bpf_kfunc_call_memb_release(struct prog_test_member *p)",
        ],
    ),
    (
        MODIFY,
        "",
        &[
            "int bpf_modify_return_test2(int a, int *b, short c, int d, void *e, char f, int g)",
            "int bpf_modify_return_test(int a, int *b)",
        ],
    ),
    (MODIFY, "sleepable", &["int bpf_fentry_test1(int a)"]),
    (ORDER, "", &["int bpf_test_modorder_retx(void)", "int bpf_test_modorder_rety(void)"]),
    (
        NO_SET,
        "dtor release",
        &["void bpf_kfunc_call_test_release_dtor(void *p)", "void bpf_kfunc_call_memb_release_dtor(void *p)"],
    ),
];

/// Whether a table has the forty operations of which each returns a number.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tramps {
    None,
    Forty,
}

/// A table of operations.
pub(crate) struct Table {
    pub(crate) name: &'static str,
    /// As in C; behind a semicolon what else is said of an operation.
    pub(crate) members: &'static [&'static str],
    pub(crate) tramps: Tramps,
}

const fn table(name: &'static str, members: &'static [&'static str]) -> Table {
    Table { name, members, tramps: Tramps::None }
}

/// Every table, by name.
pub(crate) const TABLES: [Table; 5] = [
    table(
        "bpf_dummy_ops",
        &[
            "int test_1(struct bpf_dummy_ops_state *cb__nullable)",
            "int test_2(struct bpf_dummy_ops_state *cb, int a1, unsigned short a2, char a3, unsigned long a4)",
            "int test_sleepable(struct bpf_dummy_ops_state *cb) ; sleepable",
        ],
    ),
    table("bpf_test_no_cfi_ops", &["void fn_1(void)", "void fn_2(void)"]),
    Table {
        name: "bpf_testmod_ops",
        members: &[
            "int test_1(void)",
            "void test_2(int a, int b)",
            "int test_maybe_null(int dummy, struct task_struct *task__nullable)",
            "int unsupported_ops(void) ; unsupported",
            "char onebyte",
            "struct bpf_testmod_ops_unsupported unsupported",
            "int data",
        ],
        tramps: Tramps::Forty,
    },
    table("bpf_testmod_ops2", &["int test_1(void)"]),
    table(
        "bpf_testmod_st_ops",
        &[
            "int test_prologue(struct st_ops_args *args)",
            "int test_epilogue(struct st_ops_args *args)",
            "int test_pro_epilogue(struct st_ops_args *args)",
            "struct module *owner",
        ],
    ),
];
