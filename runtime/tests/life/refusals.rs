//! Objects that do not fit: the error says what, where and what there is.

use opswap::{Capabilities, LoadError};

use crate::app::{FilterOps, chain, filter, path, runtime};

/// What is wrong with an object, and words that the error must contain.
const MISFITS: &[(&str, &[&str])] = &[
    ("MISSING", &["misfit", "required operation `classify` is missing"]),
    ("UNSUPPORTED", &["attach to unsupported member undo of struct filter_ops"]),
    ("UNKNOWN_TYPE", &["no struct_ops type `filter_opts`", "`filter_ops`"]),
    ("LAYOUT", &["filter_ops", "flags", "u32", "u64", "in the object", "in the host"]),
    ("TWO_OPS", &["`classify` is used for two different operations"]),
    ("UNREFERENCED", &["`classify`", "no table refers to it"]),
    ("UNKNOWN_SECTION", &["`lost`", "elsewhere/here"]),
    ("UNKNOWN_KFUNC", &["token_values", "did you mean `token_value`?"]),
    ("LEAK", &["`classify`", "rejected"]),
];

#[test]
fn misfits_are_refused_with_a_reason() {
    for (misfit, words) in MISFITS {
        let error = runtime().load(path(&format!("misfit-{misfit}.bpf.o"))).expect_err(misfit);
        let text = chain(&error);
        for word in *words {
            assert!(text.contains(word), "{misfit}: expected `{word}` in: {text}");
        }
    }
}

#[test]
fn the_types_own_callbacks_can_refuse() {
    let object = runtime().load(path("misfit-REFUSED.bpf.o")).expect("it fits as far as anyone can see");
    let error = object.struct_ops::<FilterOps>("misfit").expect_err("its flags are not known");
    let text = chain(&error);
    assert!(text.contains("init_member refused member `flags`: flags 0x80000000 are not known"), "{text}");
}

#[test]
fn what_is_not_there_is_answered_with_what_is() {
    let object = filter();
    let error = object.struct_ops::<FilterOps>("tow").expect_err("no such table");
    assert!(error.to_string().contains("it has `two`, `one`, `busy` and `fixed`"), "{error}");
    let error = object.map("see").expect_err("no such map");
    assert!(error.to_string().contains("`seen`"), "{error}");
    let error = object.program("nothing").expect_err("no such program");
    assert!(error.to_string().contains("`one_classify`"), "{error}");
}

#[test]
fn files_and_bytes_that_are_no_objects_are_refused() {
    let error = runtime().load(path("none.bpf.o")).expect_err("no such file");
    assert!(chain(&error).contains("none.bpf.o"), "{}", chain(&error));
    assert!(matches!(error, LoadError::Read { .. }));
    for bytes in [&b""[..], b"\x7fELF", b"not an object at all"] {
        assert!(matches!(runtime().load(bytes), Err(LoadError::Object(_))), "{bytes:?}");
    }
}

#[test]
fn maps_with_locks_timers_and_kptrs_are_refused() {
    let error = runtime().load(path("fields.bpf.o")).expect_err("the runtime has no such maps");
    assert!(matches!(error, LoadError::Map { .. }), "{}", chain(&error));
    assert!(chain(&error).contains("locks, timers and kernel pointers"), "{}", chain(&error));
}

#[test]
fn licences_and_sizes_are_policy() {
    let strict = opswap::Runtime::builder().map_bytes(64).build().expect("the declarations agree");
    let error = strict.load(path("filter.bpf.o")).expect_err("its maps are larger");
    assert!(matches!(error, LoadError::Map { .. }), "{error}");
    let gpl = opswap::Runtime::builder()
        .license(opswap::LicensePolicy::GplForStructOps)
        .capabilities(Capabilities::all())
        .build()
        .expect("the declarations agree");
    gpl.load(path("filter.bpf.o")).expect("its licence names the GPL");
}
