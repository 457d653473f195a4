// SPDX-License-Identifier: MIT OR Apache-2.0
/* Programs and tables for the test module. */
typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef int s32;
typedef unsigned long long u64;
typedef long long s64;

#define SEC(name) __attribute__((section(name), used))
#define __ksym __attribute__((section(".ksyms")))

struct task_struct;
struct module;

struct prog_test_member1 {
	int a;
};

struct prog_test_member {
	struct prog_test_member1 m;
	int c;
};

struct prog_test_ref_kfunc {
	int a;
	int b;
	struct prog_test_member memb;
	const struct prog_test_ref_kfunc *next;
	int cnt;
};

struct st_ops_args {
	u64 a;
};

extern struct prog_test_ref_kfunc *bpf_kfunc_call_test_acquire(unsigned long *scalar_ptr) __ksym;
extern void bpf_kfunc_call_test_release(struct prog_test_ref_kfunc *p) __ksym;
extern int *bpf_kfunc_call_test_get_rdonly_mem(struct prog_test_ref_kfunc *p, int rdonly_buf_size) __ksym;
extern int *bpf_kfunc_call_test_get_rdwr_mem(struct prog_test_ref_kfunc *p, int rdwr_buf_size) __ksym;
extern long bpf_kfunc_call_test4(signed char a, short b, int c, long d) __ksym;
extern void bpf_kfunc_call_test_mem_len_pass1(void *mem, int mem__sz) __ksym;
extern void bpf_testmod_test_mod_kfunc(int i) __ksym;
extern int bpf_kfunc_st_ops_inc10(struct st_ops_args *args) __ksym;

SEC("syscall")
s64 signs(void *context)
{
	return bpf_kfunc_call_test4(-3, -30, -200, -1000 - 1);
}

SEC("syscall")
s64 reference(void *context)
{
	unsigned long scalar = 0;
	struct prog_test_ref_kfunc *p = bpf_kfunc_call_test_acquire(&scalar);
	s64 sum;

	if (!p)
		return -1;
	sum = p->a + p->b;
	bpf_kfunc_call_test_release(p);
	return sum;
}

SEC("syscall")
s64 memory(void *context)
{
	unsigned long scalar = 0;
	struct prog_test_ref_kfunc *p = bpf_kfunc_call_test_acquire(&scalar);
	s64 sum = -2;
	int *numbers;

	if (!p)
		return -1;
	bpf_kfunc_call_test_mem_len_pass1(&scalar, sizeof(scalar));
	numbers = bpf_kfunc_call_test_get_rdonly_mem(p, 2 * sizeof(int));
	if (numbers)
		sum = numbers[0] + numbers[1];
	bpf_kfunc_call_test_release(p);
	return sum;
}

struct bpf_iter_testmod_seq {
	s64 value;
	int cnt;
};

extern int bpf_iter_testmod_seq_new(struct bpf_iter_testmod_seq *it, s64 value, int cnt) __ksym;
extern s64 *bpf_iter_testmod_seq_next(struct bpf_iter_testmod_seq *it) __ksym;
extern void bpf_iter_testmod_seq_destroy(struct bpf_iter_testmod_seq *it) __ksym;
extern s64 bpf_iter_testmod_seq_value(int val, struct bpf_iter_testmod_seq *it__iter) __ksym;

/* 7, three times, each with what the iterator says of itself. */
SEC("syscall")
s64 sequence(void *context)
{
	struct bpf_iter_testmod_seq it;
	s64 sum = 0, *value;

	bpf_iter_testmod_seq_new(&it, 7, 3);
	while ((value = bpf_iter_testmod_seq_next(&it)))
		sum += *value + bpf_iter_testmod_seq_value(1, &it);
	bpf_iter_testmod_seq_destroy(&it);
	return sum;
}

struct prog_test_pass1 {
	int x0;
	struct prog_test_pass1_inner {
		signed char x1;
		short x2;
		int x3;
		s64 x4;
	} inner;
};

struct prog_test_pass2 {
	int len;
	short arr1[4];
	int arr2[4];
	s64 arr3[8];
};

struct prog_test_fail1 {
	void *p;
	int x;
};

extern void bpf_kfunc_call_test_pass1(struct prog_test_pass1 *p) __ksym;
extern void bpf_kfunc_call_test_pass2(struct prog_test_pass2 *p) __ksym;
extern void bpf_kfunc_call_test_fail1(struct prog_test_fail1 *p) __ksym;

SEC("syscall")
s64 structs(void *context)
{
	struct prog_test_pass1 one = {};
	struct prog_test_pass2 two = {};

	bpf_kfunc_call_test_pass1(&one);
	bpf_kfunc_call_test_pass2(&two);
	return 0;
}

SEC("?syscall")
s64 forged_pointer(void *context)
{
	struct prog_test_fail1 forged = {};

	bpf_kfunc_call_test_fail1(&forged);
	return 0;
}

SEC("?xdp")
s64 not_for_xdp(void *context)
{
	bpf_testmod_test_mod_kfunc(1);
	return 0;
}

struct bpf_testmod_ops {
	int (*test_1)(void);
	void (*test_2)(int a, int b);
	int (*test_maybe_null)(int dummy, struct task_struct *task);
	int (*unsupported_ops)(void);
	signed char onebyte;
	struct bpf_testmod_ops_unsupported {
		int a;
		int b;
	} unsupported;
	int data;
#define TRAMP(n) int (*tramp_##n)(int value);
#define TRAMPS(t) TRAMP(t##1) TRAMP(t##2) TRAMP(t##3) TRAMP(t##4) TRAMP(t##5) \
		  TRAMP(t##6) TRAMP(t##7) TRAMP(t##8) TRAMP(t##9)
	TRAMPS()
	TRAMP(10) TRAMPS(1)
	TRAMP(20) TRAMPS(2)
	TRAMP(30) TRAMPS(3)
	TRAMP(40)
};

SEC("struct_ops/test_1")
int test_1(u64 *args)
{
	bpf_testmod_test_mod_kfunc(1);
	return 0;
}

SEC("struct_ops/test_2")
void test_2(u64 *args)
{
	bpf_testmod_test_mod_kfunc((int)args[0] + (int)args[1]);
}

SEC(".struct_ops.link")
struct bpf_testmod_ops testmod = {
	.test_1 = (void *)test_1,
	.test_2 = (void *)test_2,
	.data = 100,
};

struct bpf_testmod_st_ops {
	int (*test_prologue)(struct st_ops_args *args);
	int (*test_epilogue)(struct st_ops_args *args);
	int (*test_pro_epilogue)(struct st_ops_args *args);
	struct module *owner;
};

#define ADDS(name, number)                                                     \
	SEC("struct_ops/" #name)                                               \
	int name(u64 *args)                                                    \
	{                                                                      \
		struct st_ops_args *numbers = (struct st_ops_args *)args[0];   \
		bpf_kfunc_st_ops_inc10(numbers);                               \
		numbers->a += number;                                          \
		return numbers->a;                                             \
	}

ADDS(test_prologue, 1)
ADDS(test_epilogue, 2)
ADDS(test_pro_epilogue, 3)

SEC(".struct_ops.link")
struct bpf_testmod_st_ops st_ops = {
	.test_prologue = (void *)test_prologue,
	.test_epilogue = (void *)test_epilogue,
	.test_pro_epilogue = (void *)test_pro_epilogue,
};

char _license[] SEC("license") = "Dual MIT/GPL";
