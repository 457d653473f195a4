//! What programs may do with members of the kernel's structs and tables of operations, from `data/fields.txt`.

use std::collections::{HashMap, HashSet};

use opswap_bpf::proto::{FieldAccess, FieldPolicy, Nullness, PointerPolicy};
use opswap_bpf::{Btf, BtfId};

use crate::table::{TableError, lines};

const TABLE: &str = "fields.txt";

/// All rules.
#[derive(Debug, Default)]
pub(crate) struct Fields {
    /// Pointers that can be trusted, by struct and member.
    pointers: HashMap<(String, String), PointerPolicy>,
    /// Nameless structs and unions within those that the pointers are members of, and whose they are.
    nameless: HashMap<BtfId, String>,
    /// What operations may write, by table, struct and member.
    writable: HashSet<(String, String, String)>,
    /// Structs that operations are given as wider ones, by table and struct.
    wider: HashMap<(String, String), String>,
    /// Operations that programs cannot provide, by table and member.
    unsupported: HashSet<(String, String)>,
    /// Operations that may sleep, by table and member.
    sleepable: HashSet<(String, String)>,
    /// Helpers that an operation may not call though its program type may, by table, member and helper.
    denied: HashSet<(String, String, String)>,
}

impl Fields {
    pub(crate) fn read(btf: &Btf) -> Result<Self, TableError> {
        let mut rules = Self::default();
        for line in lines(TABLE, include_str!("../data/fields.txt")) {
            let words: Vec<&str> = line.words().collect();
            let own = |word: &str| word.to_owned();
            match words[..] {
                [kind @ ("trusted" | "nullable" | "rcu" | "rcu_nullable"), owner, ref members @ ..] => {
                    let policy = match kind {
                        "trusted" => PointerPolicy::Borrowed(Nullness::NonNull),
                        "nullable" => PointerPolicy::Borrowed(Nullness::Nullable),
                        "rcu" => PointerPolicy::Rcu(Nullness::NonNull),
                        _ => PointerPolicy::Rcu(Nullness::Nullable),
                    };
                    for member in members {
                        rules.pointers.insert((own(owner), own(member)), policy);
                    }
                }
                ["write", ops, owner, ref members @ ..] => {
                    let owner = if owner == "-" { "" } else { owner };
                    rules.writable.extend(members.iter().map(|member| (own(ops), own(owner), own(member))));
                }
                ["as", ops, narrow, wide] => {
                    rules.wider.insert((own(ops), own(narrow)), own(wide));
                }
                ["unsupported", ops, ref members @ ..] => {
                    rules.unsupported.extend(members.iter().map(|member| (own(ops), own(member))));
                }
                ["sleepable", ops, ref members @ ..] => {
                    rules.sleepable.extend(members.iter().map(|member| (own(ops), own(member))));
                }
                ["without", ops, member, ref helpers @ ..] => {
                    rules.denied.extend(helpers.iter().map(|helper| (own(ops), own(member), own(helper))));
                }
                _ => return Err(line.wrong("expected a rule")),
            }
        }
        let owners: HashSet<&String> = rules.pointers.keys().map(|(owner, _)| owner).collect();
        for owner in owners {
            if let Some(id) = btf.find_struct(owner) {
                note_nameless(btf, id, owner, &mut rules.nameless);
            }
        }
        Ok(rules)
    }

    /// The policy of a member, for operations of `ops` if the program is one.
    pub(crate) fn policy(&self, ops: Option<&str>, btf: &Btf, owner: BtfId, member: &str) -> FieldPolicy {
        let around = self.nameless.get(&owner);
        let owner = btf.name_of(owner);
        let key = (around.map_or(owner, String::as_str).to_owned(), member.to_owned());
        let writable = ops.is_some_and(|ops| {
            self.writable.contains(&(ops.to_owned(), owner.to_owned(), member.to_owned()))
        });
        FieldPolicy {
            access: if writable { FieldAccess::Shared } else { FieldAccess::ReadOnly },
            pointer: self.pointers.get(&key).copied().unwrap_or(PointerPolicy::Untrusted),
        }
    }

    /// The struct that operations of `ops` are given where their prototype says `owner`.
    pub(crate) fn wider(&self, ops: &str, owner: &str) -> Option<&str> {
        self.wider.get(&(ops.to_owned(), owner.to_owned())).map(String::as_str)
    }

    /// Whether programs can provide an operation.
    pub(crate) fn supports(&self, ops: &str, member: &str) -> bool {
        !self.unsupported.contains(&(ops.to_owned(), member.to_owned()))
    }

    /// Whether programs that sleep may provide an operation.
    pub(crate) fn may_sleep(&self, ops: &str, member: &str) -> bool {
        self.sleepable.contains(&(ops.to_owned(), member.to_owned()))
    }

    /// Whether an operation may not call a helper.
    pub(crate) fn denies(&self, ops: &str, member: &str, helper: &str) -> bool {
        self.denied.contains(&(ops.to_owned(), member.to_owned(), helper.to_owned()))
    }
}

/// Notes the nameless structs and unions within one, however deep.
fn note_nameless(btf: &Btf, id: BtfId, owner: &str, nameless: &mut HashMap<BtfId, String>) {
    for member in btf.members(id).unwrap_or_default().iter().filter(|member| member.name.is_empty()) {
        let inner = btf.skip_modifiers(member.ty);
        if btf.members(inner).is_some() && nameless.insert(inner, owner.to_owned()).is_none() {
            note_nameless(btf, inner, owner, nameless);
        }
    }
}
