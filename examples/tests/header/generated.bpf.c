/* Written against the generated header alone. */
typedef unsigned int u32;
typedef unsigned long long u64;
#include "app.h"
#define SEC(name) __attribute__((section(name), used))

SEC("struct_ops/on_ack")
void grow(u64 *args)
{
	struct Flow *flow = (struct Flow *)args[0];
	const struct AckSample *sample = (const struct AckSample *)args[1];

	flow->cwnd += sample->acked;
}

SEC("struct_ops/on_loss")
u32 halve(u64 *args)
{
	struct Flow *flow = (struct Flow *)args[0];
	struct Path *path = cong_path_get(flow);

	if (path) {
		cong_path_record_loss(path, flow->cwnd);
		cong_path_put(path);
	}
	return flow->cwnd / 2;
}

SEC(".struct_ops.link")
struct cong_ops generated = {
	.on_ack = (void *)grow,
	.on_loss = (void *)halve,
	.name = "generated",
};

char _license[] SEC("license") = "Dual MIT/GPL";
