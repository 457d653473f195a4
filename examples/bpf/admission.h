/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* For authors of admission policies. The Rust side is examples/src/admission.rs. */
#ifndef ADMISSION_H
#define ADMISSION_H

#include "opswap.h"

/* A request that waits for a decision. Programs may write priority. */
struct Request {
	u64 bytes;
	u32 tenant;
	u32 priority; /* 0 is served first */
};

/* What the host knows of a tenant. */
struct Account {
	u64 used;  /* bytes admitted so far */
	u64 limit; /* bytes */
};

struct admission_ops {
	u32 (*admit)(struct Request *request); /* 0 refuses */
	u8 name[16];
};

/* The tenant's account; NULL if there is none. Give it back with account_put. */
extern struct Account *account_get(u32 tenant) __ksym;

/* Gives an account back. */
extern void account_put(struct Account *account) __ksym;

/* Whether the account's figures make sense. */
extern u32 account_audit(const struct Account *account) __ksym;

#endif
