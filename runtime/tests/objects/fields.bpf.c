// SPDX-License-Identifier: MIT OR Apache-2.0
/* Special fields of map values and of global data. */
#include "common.h"

#define __kptr __attribute__((btf_type_tag("kptr")))
#define __kptr_untrusted __attribute__((btf_type_tag("kptr_untrusted")))
#define __contains(type, node) __attribute__((btf_decl_tag("contains:" #type ":" #node)))

struct bpf_spin_lock {
	u32 val;
};

struct bpf_timer {
	u64 opaque[2];
} __attribute__((aligned(8)));

struct bpf_list_head {
	u64 opaque[2];
} __attribute__((aligned(8)));

struct bpf_list_node {
	u64 opaque[3];
} __attribute__((aligned(8)));

struct bpf_rb_root {
	u64 opaque[2];
} __attribute__((aligned(8)));

struct bpf_rb_node {
	u64 opaque[4];
} __attribute__((aligned(8)));

struct task {
	u32 pid;
};

struct item {
	u64 key;
	struct bpf_list_node link;
	struct bpf_rb_node node;
};

struct nested {
	u32 before;
	struct bpf_spin_lock lock;
};

struct value {
	struct task __kptr *owner;
	struct task __kptr_untrusted *seen[2];
	struct nested nested;
	struct bpf_timer timer;
	u64 plain;
};

struct {
	__uint(type, MAP_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct value);
} values SEC(".maps");

struct bpf_spin_lock guard SEC(".data.A");
struct bpf_list_head items __contains(item, link) SEC(".data.A");
struct bpf_rb_root sorted __contains(item, node) SEC(".data.A");

SEC("test/fields")
u64 fields(struct item *context)
{
	u32 key = 0;
	struct value *value = map_lookup(&values, &key);

	return value && items.opaque[0] + guard.val + sorted.opaque[0] ? value->plain : context->key;
}

char _license[] SEC("license") = "GPL";
