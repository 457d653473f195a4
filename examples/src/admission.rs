//! Admission control as a table of operations: a second, smaller subject for the examples that need no network.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use opswap::{Btf, KRef, StructOps, kfunc, struct_ops};

/// A request that waits for a decision.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Btf)]
#[repr(C)]
pub struct Request {
    /// Its size.
    #[btf(ro)]
    pub bytes: u64,
    /// Who sent it.
    #[btf(ro)]
    pub tenant: u32,
    /// 0 is served first.
    pub priority: u32,
}

/// What the host knows of a tenant.
#[derive(Debug, Btf)]
#[repr(C)]
pub struct Account {
    /// Bytes admitted so far.
    #[btf(ro)]
    pub used: AtomicU64,
    /// Bytes that may be admitted.
    #[btf(ro)]
    pub limit: u64,
}

/// Bytes that each of the tenants may send.
pub const LIMITS: [u64; 3] = [1 << 20, 1 << 24, 0];

fn accounts() -> &'static [KRef<Account>] {
    static ACCOUNTS: OnceLock<Vec<KRef<Account>>> = OnceLock::new();
    ACCOUNTS.get_or_init(|| {
        LIMITS.iter().map(|&limit| KRef::new(Account { used: AtomicU64::new(0), limit })).collect()
    })
}

/// The tenant's account; NULL if there is none. Give it back with account_put.
#[kfunc]
pub fn account_get(tenant: u32) -> Option<KRef<Account>> {
    accounts().get(tenant as usize).cloned()
}

/// Gives an account back.
#[kfunc]
pub fn account_put(account: KRef<Account>) {
    drop(account);
}

/// Whether the account's figures make sense.
#[kfunc]
pub fn account_audit(account: &Account) -> u32 {
    assert!(account.limit != 0, "an account without a limit: nobody thought of that");
    u32::from(account.used.load(Ordering::Relaxed) <= account.limit)
}

/// Counts what was admitted.
pub fn charge(request: &Request) {
    if let Some(account) = accounts().get(request.tenant as usize) {
        account.used.fetch_add(request.bytes, Ordering::Relaxed);
    }
}

/// Who holds references to the accounts: one each, when no program runs.
pub fn references() -> Vec<usize> {
    accounts().iter().map(|account| std::sync::Arc::strong_count(&account.clone().into_arc()) - 1).collect()
}

/// What an admission policy does. Programs provide it as `struct admission_ops`.
#[derive(Clone)]
#[struct_ops(name = "admission_ops")]
pub struct AdmissionOps {
    /// Decides about a request; 0 refuses it.
    pub admit: fn(request: &mut Request) -> u32,
    /// Name for people, ended by a zero byte.
    pub name: [u8; 16],
}

impl StructOps for AdmissionOps {}

/// Admits everything: the default.
pub fn admit_all() -> AdmissionOps {
    AdmissionOps { admit: |_request| 1, name: *b"all\0\0\0\0\0\0\0\0\0\0\0\0\0" }
}
