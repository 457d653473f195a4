//! Every function and table of the test module against what Linux 6.12 has: names, prototypes, flags, sets, members.

mod expected;
mod words;

use std::collections::BTreeSet;

use expected::{TABLES, Tramps, rows};
use opswap::bpf::proto::{OpPresence, Sleepable, StructOpsMemberKind};
use opswap::registry::{Kfunc, Registry};
use words::normal;

// The declarations are in the library; nothing else of it is named here.
use testmod as _;

fn registry() -> Registry {
    Registry::collect().expect("sound declarations")
}

fn flags(kfunc: &Kfunc) -> BTreeSet<String> {
    kfunc.proto.flags.iter_names().map(|(name, _)| name.to_lowercase()).collect()
}

#[test]
fn every_function_has_the_kernels_prototype_flags_and_set() {
    let registry = registry();
    let mut wrong = Vec::new();
    for row in rows() {
        let name = row.name();
        let Some(id) = registry.kfunc_named(name) else {
            wrong.push(format!("{name}: not declared"));
            continue;
        };
        let kfunc = &registry.kfuncs()[id.index()];
        let found = registry.btf().c_declaration(kfunc.proto.func.id, "");
        if normal(&found) != normal(row.prototype) {
            wrong.push(format!("{name}: `{found}`, not `{}`", row.prototype));
        }
        let expected: BTreeSet<String> = row.flags.split_whitespace().map(str::to_owned).collect();
        if flags(kfunc) != expected {
            wrong.push(format!("{name}: flags {:?}, not {expected:?}", flags(kfunc)));
        }
        if kfunc.sets().join(" ") != row.set {
            wrong.push(format!("{name}: in {:?}, not in {}", kfunc.sets(), row.set));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn nothing_is_declared_that_linux_does_not_have() {
    let known: BTreeSet<&str> = rows().map(|row| row.name()).collect();
    assert_eq!(known.len(), rows().count(), "a name stands twice in the table");
    let registry = registry();
    for kfunc in registry.kfuncs() {
        assert!(known.contains(kfunc.proto.name.as_str()), "{} is not in the table", kfunc.proto.name);
    }
}

#[test]
fn every_table_has_the_kernels_members() {
    let registry = registry();
    let names: Vec<&str> = registry.tables().iter().map(|table| table.proto.name.as_str()).collect();
    assert_eq!(names, TABLES.map(|table| table.name));
    for (table, found) in TABLES.iter().zip(registry.tables()) {
        let mut members = table.members.to_vec();
        let tramps: Vec<String> = (1..=40).map(|n| format!("int tramp_{n}(int value)")).collect();
        if table.tramps == Tramps::Forty {
            members.extend(tramps.iter().map(String::as_str));
        }
        assert_eq!(found.proto.members.len(), members.len(), "{}", table.name);
        for (expected, member) in members.iter().zip(&found.proto.members) {
            let (expected, rule) = expected.split_once(" ; ").unwrap_or((expected, ""));
            let text = match &member.kind {
                StructOpsMemberKind::Data => {
                    assert!(rule.is_empty());
                    let at = registry.btf().get(found.proto.ty.id).expect("a struct");
                    let opswap::bpf::btf::BtfType::Struct { members, .. } = at else { panic!("a struct") };
                    let field = members.iter().find(|field| field.name == member.name).expect("a field");
                    registry.btf().c_declaration(field.ty, &member.name)
                }
                StructOpsMemberKind::Op(op) => {
                    let sleepable = op.entry.sleepable == Sleepable::Yes;
                    let unsupported = op.presence == OpPresence::Unsupported;
                    let words = [("sleepable", sleepable), ("unsupported", unsupported)];
                    let found: Vec<&str> =
                        words.iter().filter(|(_, is)| *is).map(|(word, _)| *word).collect();
                    assert_eq!(found.join(" "), rule, "{}.{}", table.name, member.name);
                    let stub = format!("{}__{}", table.name, member.name);
                    prototype(&registry, &stub).replace(&stub, &member.name)
                }
            };
            assert_eq!(normal(&text), normal(expected), "{}.{}", table.name, member.name);
        }
    }
}

/// The prototype of a table's stub.
fn prototype(registry: &Registry, name: &str) -> String {
    let stub = registry
        .btf()
        .iter()
        .find(|(_, ty)| matches!(ty, opswap::bpf::btf::BtfType::Func(_)) && ty.name() == Some(name));
    let (id, _) = stub.unwrap_or_else(|| panic!("no stub {name}"));
    registry.btf().c_declaration(id, "")
}
