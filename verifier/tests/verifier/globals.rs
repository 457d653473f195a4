//! Prototypes in programs' text: `; global: NAME(PARAMETER, …)` declares the function at label NAME as global, with a prototype
//! in BTF; `; static: …` as static.
//!
//! | parameter | in C |
//! |---|---|
//! | `number` | `u64` |
//! | `memory N` | pointer to a struct of N bytes |
//! | `nonnull memory N` | the same with `__arg_nonnull` |
//! | `ctx` | `void *` with `__arg_ctx` |
//! | `trusted NAME` | pointer to the host's struct NAME with `__arg_trusted` |
//! | `nullable trusted NAME` | the same with `__arg_nullable` |
//! | `void` | `void *` |
//! | `untrusted NAME` | pointer to the host's struct NAME with `__arg_untrusted` |
//! | `untrusted` | `void *` with `__arg_untrusted` |
//! | `arena` | `void *` with `__arg_arena` |
//! | `dynptr` | `const struct bpf_dynptr *` |
//! | `tagged TAG TAG` | `void *` with these two tags |
//!
//! `; exception: NAME` tags the program with an exception callback of that name.
//!
//! A `-> void` behind the parameters makes it return nothing.

use std::collections::BTreeMap;
use std::sync::Arc;

use opswap_bpf::btf::{Func, IntEncoding, IntType, Param};
use opswap_bpf::program::{Linkage, Subprog};
use opswap_bpf::{Btf, BtfId, BtfType, InsnIdx, Program};

/// A directive with the linkage that it gives.
fn directive(line: &str) -> Option<(Linkage, &str)> {
    let global = line.trim().strip_prefix("; global:").map(|rest| (Linkage::Global, rest));
    global.or_else(|| line.trim().strip_prefix("; static:").map(|rest| (Linkage::Static, rest)))
}

/// Declares the functions that a program's text names.
pub(crate) fn declare(program: &mut Program, text: &str, labels: &BTreeMap<String, InsnIdx>) {
    let marked = |mark| text.lines().filter_map(move |line| line.trim().strip_prefix(mark));
    let declared: Vec<(Linkage, &str)> = text.lines().filter_map(directive).collect();
    if declared.is_empty() {
        return;
    }
    let mut btf = Btf::new();
    let number = btf.push(BtfType::Int(IntType {
        name: "u64".into(),
        size: 8,
        encoding: IntEncoding::Unsigned,
        bit_offset: 0,
        bits: 64,
    }));
    program.subprogs.push(Subprog {
        start: InsnIdx(0),
        name: program.name.clone(),
        func: entry(&mut btf, number, marked("; exception:")),
        linkage: Linkage::Static,
    });
    for (linkage, line) in declared {
        let (name, rest) = line.split_once('(').expect("NAME(…)");
        let (params, ret) = rest.split_once(')').expect("NAME(…)");
        let name = name.trim();
        let start = *labels.get(name).unwrap_or_else(|| panic!("no label {name}"));
        let ret = if ret.contains("void") { BtfId(0) } else { number };
        let func = function(&mut btf, name, params, number, ret);
        program.subprogs.push(Subprog { start, name: name.into(), func, linkage });
    }
    program.subprogs.sort_by_key(|subprog| subprog.start);
    program.btf = Some(Arc::new(btf));
}

/// The FUNC of the program itself, with its tags.
fn entry<'t>(btf: &mut Btf, number: BtfId, callbacks: impl Iterator<Item = &'t str>) -> BtfId {
    let proto = btf.push(BtfType::FuncProto { ret: number, params: Vec::new() });
    let func = btf.push(BtfType::Func(Func { name: "entry".into(), proto, linkage: Linkage::Global }));
    for callback in callbacks {
        btf.push(BtfType::decl_tag(format!("exception_callback:{}", callback.trim()), func, None));
    }
    func
}

/// A tag by its word.
fn tag(word: &str) -> &'static str {
    match word {
        "ctx" => "arg:ctx",
        "nonnull" => "arg:nonnull",
        "nullable" => "arg:nullable",
        "trusted" => "arg:trusted",
        "untrusted" => "arg:untrusted",
        "arena" => "arg:arena",
        _ => panic!("tag {word}"),
    }
}

fn function(btf: &mut Btf, name: &str, params: &str, number: BtfId, ret: BtfId) -> BtfId {
    let mut tags: Vec<(u32, &str)> = Vec::new();
    let mut list = Vec::new();
    for (at, words) in (0u32..).zip(params.split(',').map(str::trim).filter(|words| !words.is_empty())) {
        let words: Vec<&str> = words.split(' ').collect();
        let mut point = |name: &str, size| {
            let to = btf.push(BtfType::Struct { name: name.into(), size, members: Vec::new() });
            btf.push(BtfType::Ptr { to })
        };
        let ty = match words[..] {
            ["number"] => number,
            ["memory", size] => point("block", size.parse().expect("bytes")),
            ["nonnull", "memory", size] => {
                tags.push((at, "arg:nonnull"));
                point("block", size.parse().expect("bytes"))
            }
            ["ctx"] => {
                tags.push((at, "arg:ctx"));
                btf.push(BtfType::Ptr { to: BtfId(0) })
            }
            ["void"] => btf.push(BtfType::Ptr { to: BtfId(0) }),
            ["untrusted", name] => {
                tags.push((at, "arg:untrusted"));
                point(name, 8)
            }
            ["untrusted"] => {
                tags.push((at, "arg:untrusted"));
                btf.push(BtfType::Ptr { to: BtfId(0) })
            }
            ["arena"] => {
                tags.push((at, "arg:arena"));
                btf.push(BtfType::Ptr { to: BtfId(0) })
            }
            ["dynptr"] => point("bpf_dynptr", 16),
            ["tagged", first, second] => {
                tags.extend([(at, tag(first)), (at, tag(second))]);
                btf.push(BtfType::Ptr { to: BtfId(0) })
            }
            ["trusted", name] => {
                tags.push((at, "arg:trusted"));
                point(name, 8)
            }
            ["nullable", "trusted", name] => {
                tags.extend([(at, "arg:trusted"), (at, "arg:nullable")]);
                point(name, 8)
            }
            _ => panic!("parameter {words:?}"),
        };
        list.push(Param { name: format!("p{at}"), ty });
    }
    let proto = btf.push(BtfType::FuncProto { ret, params: list });
    let func = btf.push(BtfType::Func(Func { name: name.into(), proto, linkage: Linkage::Global }));
    for (at, tag) in tags {
        btf.push(BtfType::decl_tag(tag, func, Some(at)));
    }
    func
}
