// SPDX-License-Identifier: MIT OR Apache-2.0
/* CO-RE relocations of every kind that clang writes for ordinary code. */
#include "common.h"

#define CORE __attribute__((preserve_access_index))
#define field_exists(field) __builtin_preserve_field_info(field, 2)
#define field_size(field) __builtin_preserve_field_info(field, 1)
#define type_exists(type) __builtin_preserve_type_info(*(type *)0, 0)
#define type_size(type) __builtin_preserve_type_info(*(type *)0, 1)
#define type_id_local(type) __builtin_btf_type_id(*(type *)0, 0)
#define enum_value(type, value) __builtin_preserve_enum_value(*(typeof(type) *)value, 1)
#define enum_value_exists(type, value) __builtin_preserve_enum_value(*(typeof(type) *)value, 0)

struct point {
	u32 x;
	u64 y;
} CORE;

struct gone {
	u32 nothing;
} CORE;

enum color { RED = 1, GREEN = 2 };

struct shape {
	u32 id;
	u64 area;
	struct point corners[4];
	union {
		u32 flat;
		u64 deep;
	};
	u32 flag : 3;
	u32 not_there;
} CORE;

SEC("struct_ops/field")
u64 field(u64 *args)
{
	struct shape *shape = (void *)args[0];

	return shape->area + shape->corners[2].y + shape->deep;
}

SEC("struct_ops/exists")
u64 exists(u64 *args)
{
	struct shape *shape = (void *)args[0];
	u64 result = 0;

	if (field_exists(shape->area))
		result |= 1;
	if (field_exists(shape->not_there))
		result |= 2 + shape->not_there;
	if (type_exists(struct point))
		result |= 4;
	if (type_exists(struct gone))
		result |= 8;
	return result;
}

SEC("struct_ops/sizes")
u64 sizes(u64 *args)
{
	struct shape *shape = (void *)args[0];

	return (u64)type_size(struct shape) << 32 | field_size(shape->id) << 16 | type_id_local(struct point);
}

SEC("struct_ops/enums")
u64 enums(u64 *args)
{
	return enum_value(enum color, GREEN) << 8 | enum_value_exists(enum color, RED);
}

char _license[] SEC("license") = "GPL";
